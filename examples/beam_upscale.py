"""The work of Beam's workers: from the path of a file to upscaled images."""

import collections
import contextlib
import json
import logging
import os
import tempfile
import time

import apache_beam as beam
import beam_files
import beam_records
from apache_beam.io.filesystems import FileSystems
from apache_beam.metrics import Metrics

LOGGER = logging.getLogger("upscale_beam")
NAMESPACE = "upscale"  # Of Beam's counters:
COUNTERS = ("done", "skipped", "failed", "ignored", "unmatched")
FAILED = "failed"
FIGURES = ("low_res_psnr", "reproduced", "unmatched")
DONE = ".done"  # What is known of the shards that are there.
INTERVAL = 10.0  # Seconds between words of progress.

# One image to do: its name in the report, the path of its PNG, the function
# that returns its bytes, and the record that it comes from, if any.
Image = collections.namedtuple("Image", "name target read example")
# What all work depends on. `run` stands for the model and all options.
Job = collections.namedtuple(
    "Job",
    "run model options folder is_records feature output_dir num_shards",
)


def count(name, number=1):
    """Adds to a counter of Beam, which sums over all workers."""
    Metrics.counter(NAMESPACE, name).inc(number)


def load(path, options):
    """Returns an `Upscaler` of a saved model, wherever that lies."""
    start = time.monotonic()
    import keras

    from keras_affsr import upscale

    if os.path.exists(path):
        model = keras.saving.load_model(path)
    else:
        with tempfile.TemporaryDirectory() as folder:
            local = os.path.join(folder, "model.keras")
            with open(local, "wb") as file:
                file.write(beam_files.read(path))
            model = keras.saving.load_model(local)
    LOGGER.info(
        "Process %d has loaded %s in %.1f s.",
        *(os.getpid(), path, time.monotonic() - start),
    )
    return upscale.Upscaler(model, **options)


@contextlib.contextmanager
def without_warnings():
    """Silences what the package says of an image: the report has its figures.

    It does not know the names of files, and there may be a million.
    """
    logger = logging.getLogger("keras_affsr.upscale")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


class UpscaleDoFn(beam.DoFn):
    """What both kinds of output share. One model serves a whole process.

    One image at a time goes through the network: images of a folder seldom
    have one size, one of the usual size keeps a processor busy, and larger ones
    are cut into tiles.
    """

    def __init__(self, job, model):
        self.job = job
        self.model = model  # A `shared.Shared`.
        self.num_done = self.num_failed = 0
        self.told = 0.0

    def images(self, path):
        """Yields the `Image`s of a file: one, or those of its records."""
        job = self.job
        name = beam_files.relative(path, job.folder)
        if not job.is_records:
            target = beam_files.png_of(name)
            yield Image(name, target, lambda: beam_files.read(path), None)
            return
        shard = beam_files.unpacked(name)
        for record in beam_records.records(path):
            name = f"{shard}/{record.name}"
            target = None if record.problem else f"{name}.png"
            read = reader(record, job.feature)
            yield Image(name, target, read, record.example)

    def upscale(self, image):
        """Returns `(png, size, row)`; the row alone, if it is a failure."""
        # Not in `setup`: where all is done there is no need of it.
        upscaler = self.model.acquire(
            lambda: load(self.job.model, self.job.options)
        )
        from keras_affsr import upscale

        try:
            with without_warnings():
                png, result = upscale.upscale_bytes(upscaler, image.read())
        except Exception as error:  # Bad input must not stop the others.
            count("failed")
            self.num_failed += 1
            return None, None, {"file": image.name, "error": text_of(error)}
        self.num_done += 1
        self.tell()
        row = {name: getattr(result, name) for name in FIGURES}
        png = beam_files.with_note(png, {"run": self.job.run, **row})
        size = result.images.shape[:2]
        return png, size, {"file": image.name, **row}

    def tell(self):
        if time.monotonic() - self.told > INTERVAL:
            self.told = time.monotonic()
            LOGGER.info(
                "Process %d: images done %d, failed %d.",
                *(os.getpid(), self.num_done, self.num_failed),
            )


class UpscaleToFiles(UpscaleDoFn):
    """Writes each image of `(output, [path])` to a PNG file of its own.

    One that is there, made by the same run, is not made again: its row for the
    report is in its header.
    """

    def process(self, element):
        _, (path,) = element
        for image in self.images(path):
            row = self.row_there(image)
            if row:
                yield counted("skipped", row)
                continue
            png, _, row = self.upscale(image)
            if png is None:
                yield beam.pvalue.TaggedOutput(FAILED, row)
                continue
            target = FileSystems.join(self.job.output_dir, image.target)
            beam_files.write(target, png, self.job.output_dir)
            yield counted("done", row)

    def row_there(self, image):
        """Returns the row of an image that this run has written, or None."""
        if image.target is None:
            return None
        target = FileSystems.join(self.job.output_dir, image.target)
        note = beam_files.note_of(target)
        if note is None or note.pop("run") != self.job.run:
            return None
        return {"file": image.name, **note}


class UpscaleToRecords(UpscaleDoFn):
    """Writes all images of `(shard, paths)` to one TFRecord file.

    Its rows stand in a small file in a hidden folder, that is written last. A
    shard in which images failed is made again by the next start.
    """

    def process(self, element):
        shard, paths = element
        rows = self.rows_there(shard)
        if rows is None:
            kind, (rows, failed) = "done", self.write(shard, paths)
        else:
            kind, failed = "skipped", []
        for row in rows:
            yield counted(kind, row)
        for row in failed:
            yield beam.pvalue.TaggedOutput(FAILED, row)

    def rows_there(self, shard):
        """Returns the rows of a shard that needs no more work, or None."""
        path = self.note_path(shard)
        if not FileSystems.exists(path):
            return None
        note = json.loads(beam_files.read(path))
        same = note["run"] == self.job.run and not note["failed"]
        return note["rows"] if same else None

    def write(self, shard, paths):
        """Writes a shard; returns its rows, and those of what failed."""
        import tensorflow as tf

        rows, failed = [], []
        output_dir = self.job.output_dir
        target = FileSystems.join(output_dir, shard)
        with (
            beam_files.written_locally(target, output_dir) as local,
            tf.io.TFRecordWriter(local) as writer,
        ):
            for image in (each for path in paths for each in self.images(path)):
                png, size, row = self.upscale(image)
                (failed if png is None else rows).append(row)
                if png is not None:
                    record = (png, size, image.example, image.name)
                    writer.write(beam_records.example_of(*record))
        note = {"run": self.job.run, "rows": rows, "failed": len(failed)}
        contents = json.dumps(note).encode()
        beam_files.write(self.note_path(shard), contents, output_dir)
        return rows, failed

    def note_path(self, shard):
        return FileSystems.join(self.job.output_dir, DONE, f"{shard}.json")


def reader(record, feature):
    """Returns the function that returns the image in a record, or raises."""

    def read():
        if record.problem:
            raise ValueError(record.problem)
        return beam_records.contents_of(record.example, feature)

    return read


def counted(kind, row):
    """Counts an image that is there, and returns its row."""
    count(kind)
    count("unmatched", row["unmatched"] or 0)
    return row


def text_of(error):
    return f"{type(error).__name__}: {error}"
