"""Upscales any number of images, on any number of machines, by Apache Beam.

    pip install 'keras-affsr[beam]'
    python examples/upscale_beam.py --model=runs/demo/gan/generator.keras \\
        --input=photographs --output_dir=large
    python examples/upscale_beam.py --model=generator.keras \\
        --input='data/train.tfrecord-*' --output_dir=large \\
        --output_format=tfrecord

The input is a folder of images, with all folders below it, or a pattern of
TFRecord files whose records are tf.Examples. Each image goes through
`keras_affsr.upscale`, so that the file which is written downsamples to its
input. The output directory then holds the PNG files in the same tree, and

    report.jsonl     a line for each image: LR-PSNR in dB, share of the input's
                     samples that is reproduced, number of those that are not
    failed-*.jsonl   a line for each image that could not be upscaled, and why
    run.json         what the run depends on

A run that was stopped goes on by the same command, and does only the rest. The
exit code is 1 if an image failed.

All other flags are Beam's. By default one process works; for four of them:

    --direct_num_workers=4 --direct_running_mode=multi_processing

and on a cluster, whose machines have keras_affsr installed, --runner=
FlinkRunner, SparkRunner or DataflowRunner with their own flags. Paths may be
those of a cloud, such as gs://bucket/photographs.
"""

import logging
import sys

from absl import app
from absl import flags

# Beam tells much, and warns if there are no failures to write.
QUIET = {
    "apache_beam": logging.WARNING,
    "apache_beam.io.filebasedsink": logging.ERROR,
}
ROWS = {
    "done": "images done",
    "skipped": "done before, skipped",
    "failed": "failed",
    "ignored": "files that are no images",
    "unmatched": "samples not reproduced",
}


def define(values=flags.FLAGS):
    """Defines the flags."""
    for name, default, text in (
        ("model", None, "A saved model or generator, a .keras file."),
        ("input", None, "A folder of images, or a pattern of TFRecord files."),
        ("output_dir", None, "Where to write."),
        ("feature", "image/encoded", "Of a tf.Example: the encoded image."),
    ):
        flags.DEFINE_string(name, default, text, flag_values=values)
    for name, default, choices, text in (
        ("input_format", None, ("images", "tfrecord"), "By default tfrecord if "
         "the input's name has .tfrecord in it."),
        ("output_format", "png", ("png", "tfrecord"), "What to write."),
    ):  # fmt: skip
        flags.DEFINE_enum(name, default, choices, text, flag_values=values)
    for name, default, text in (
        ("num_shards", 16, "TFRecord files that a folder of images becomes."),
        ("tile", None, "Pixels each way that are computed at once."),
    ):
        flags.DEFINE_integer(name, default, text, 1, flag_values=values)
    flags.DEFINE_integer(
        "seed", 0, "Of a stochastic model's noise.", 0, flag_values=values
    )
    for name, default, text in (
        ("strength", 1.0, "Of the projection, from 0 to 1."),
        ("noise_stddev", None, "Noise of the images, instead of strength."),
    ):
        flags.DEFINE_float(name, default, text, 0.0, flag_values=values)
    for name, text in (
        ("self_ensemble", "Average over turned and mirrored images."),
        ("overwrite", "Make all anew, whatever is there."),
    ):
        flags.DEFINE_bool(name, False, text, flag_values=values)
    required = ("model", "input", "output_dir")
    flags.mark_flags_as_required(required, flag_values=values)


def parse(argv):
    """Returns what is left for Beam, which has flags of its own."""
    return flags.FLAGS(argv, known_only=True)


def main(argv):
    return run(flags.FLAGS, argv[1:])


def run(settings, arguments):
    """Upscales what the flags say; returns the exit code.

    Args:
        settings: The flags of this script.
        arguments: list of strings. What is left of the command line, for Beam.
    """
    beam_run, beam_pipeline = imported()
    options = beam_run.beam_options(arguments)
    job, pattern = beam_run.begin(settings)
    counts = beam_pipeline.run(job, pattern, options)
    beam_run.clean(job.output_dir)
    show(counts)
    return 1 if counts["failed"] else 0


def imported():
    """Returns the modules that need Beam, or ends the program without it."""
    logging.disable(logging.WARNING)  # Beam warns of Google's own packages.
    try:
        import beam_pipeline
        import beam_run
    except ModuleNotFoundError as error:
        sys.exit(
            f"upscale_beam.py needs {error.name}, which is not installed. "
            "Install it: pip install 'keras-affsr[beam]'"
        )
    finally:
        logging.disable(logging.NOTSET)
    for name, level in QUIET.items():
        logging.getLogger(name).setLevel(level)
    return beam_run, beam_pipeline


def show(counts):
    """Prints what came of all files."""
    for name, text in ROWS.items():
        print(f"{text:24}{counts[name]:10}")


if __name__ == "__main__":
    define()
    app.run(main, flags_parser=parse)
