"""The pipeline: find the files, share them out, upscale, report."""

import json
import os
import sys
import zlib

import apache_beam as beam
from apache_beam.internal.cloudpickle import cloudpickle
from apache_beam.io import fileio
from apache_beam.io.filesystems import FileSystems
from apache_beam.metrics import MetricsFilter
from apache_beam.runners.runner import PipelineState
from apache_beam.utils import shared
from beam_files import png_of
from beam_files import relative
from beam_files import unpacked
from beam_upscale import COUNTERS
from beam_upscale import FAILED
from beam_upscale import NAMESPACE
from beam_upscale import UpscaleToFiles
from beam_upscale import UpscaleToRecords
from beam_upscale import count

ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff")
REPORT = "report"


def run(job, pattern, options):
    """Runs the pipeline; returns the counts of images by what came of them."""
    for name in ("beam_files", "beam_records", "beam_upscale", __name__):
        # What is not installed on the workers goes to them with the pipeline.
        cloudpickle.register_pickle_by_value(sys.modules[name])
    pipeline = beam.Pipeline(options=options)
    build(pipeline, job, pattern)
    result = pipeline.run()
    state = result.wait_until_finish() or result.state
    if state != PipelineState.DONE:
        sys.exit(f"upscale_beam.py: Beam's runner ended as {state}.")
    found = result.metrics().query(MetricsFilter().with_namespace(NAMESPACE))
    counts = dict.fromkeys(COUNTERS, 0)
    for counter in found["counters"]:
        counts[counter.key.metric.name] = counter.result or 0
    return counts


def build(root, job, pattern):
    """Adds the whole work to a pipeline.

    Only paths go from worker to worker; what a file holds is read, upscaled
    and written by one of them.

    Args:
        root: beam.Pipeline.
        job: Job.
        pattern: string. What the files of the input match.
    """
    grouped = (
        root
        | "Find" >> fileio.MatchFiles(pattern)
        | "Name outputs" >> beam.FlatMap(output_and_path, job)
        | "Share out" >> beam.GroupByKey()
    )
    if job.num_shards:
        upscale = UpscaleToRecords(job, shared.Shared())
    else:
        upscale = UpscaleToFiles(job, shared.Shared())
    single = grouped | "Tell apart" >> beam.ParDo(one_each, job).with_outputs(
        FAILED, main="work"
    )
    rows = single.work | "Upscale" >> beam.ParDo(upscale).with_outputs(
        FAILED, main="rows"
    )
    failed = (single[FAILED], rows[FAILED]) | "All failures" >> beam.Flatten()
    write_lines(rows.rows, REPORT, job, shard_name_template="")
    write_lines(failed, FAILED, job, skip_if_empty=True)


def output_and_path(file, job):
    """Yields which output a file that was found goes to, and its path."""
    name = relative(file.path, job.folder)
    is_hidden = any(part.startswith(".") for part in name.split("/"))
    is_image = os.path.splitext(name)[1].lower() in ENDINGS
    if not file.path.startswith(job.folder):
        pass  # See `beam_files.below`.
    elif is_hidden or not (is_image or job.is_records):
        count("ignored")
    elif job.is_records:
        yield unpacked(name), file.path
    elif job.num_shards:
        number = zlib.crc32(name.encode()) % job.num_shards
        shard = f"images-{number:05}-of-{job.num_shards:05}.tfrecord"
        yield shard, file.path
    else:
        yield png_of(name), file.path


def one_each(element, job):
    """Yields `(output, paths)`, or failures if the paths may not share it."""
    output, paths = element[0], sorted(element[1])
    if len(paths) == 1 or (job.num_shards and not job.is_records):
        yield output, paths
    else:
        count("failed", len(paths))
        names = [relative(path, job.folder) for path in paths]
        error = f"{' and '.join(names)} would both be written to {output}. "
        error += "Rename all but one."
        for name in names:
            yield beam.pvalue.TaggedOutput(
                FAILED, {"file": name, "error": error}
            )


def write_lines(rows, name, job, **options):
    """Writes rows as lines of JSON to a single file."""
    return (
        rows
        | f"{name} to JSON" >> beam.Map(json.dumps)
        | f"Write {name}"
        >> beam.io.WriteToText(
            FileSystems.join(job.output_dir, name),
            ".jsonl",
            num_shards=1,
            **options,
        )
    )
