"""The command `keras-affsr export`: a model as others can run it."""

import argparse
import sys

from keras_affsr_cli import arguments

DESCRIPTION = """\
Exports a model: as the next version of a SavedModel for TensorFlow Serving, or
as a file for ONNX Runtime or LiteRT."""
EXAMPLE = """\
example: keras-affsr export --model runs/affgan -o served --warmup 128x128"""


def add_parser(commands):
    """Adds the command to the command line."""
    parser = commands.add_parser(
        "export",
        help="export a model to TensorFlow Serving, ONNX or LiteRT",
        description=DESCRIPTION,
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    arguments.add_model(parser)
    parser.add_argument(
        "-o",
        "--output",
        metavar="PATH",
        required=True,
        help="the folder of the versions; or the file, for onnx and litert",
    )
    parser.add_argument(
        "--format",
        choices=("savedmodel", "onnx", "litert"),
        default="savedmodel",
    )
    parser.add_argument(
        "--version",
        type=arguments.count,
        metavar="N",
        help="of a SavedModel; default: the next one",
    )
    parser.add_argument(
        "--warmup",
        type=sizes,
        default=(),
        metavar="HxW,...",
        help="sizes that a server runs once before it answers, of a SavedModel",
    )
    parser.add_argument(
        "--overwrite",
        action="store_true",
        help="replace a file, for onnx and litert; a version never is",
    )
    parser.set_defaults(run=run)


def sizes(text):
    """Reads sizes such as `128x128,64x96`, height first."""
    try:
        pairs = [
            tuple(arguments.count(number) for number in pair.split("x"))
            for pair in text.lower().split(",")
        ]
    except ValueError:
        pairs = [()]
    if any(len(pair) != 2 for pair in pairs):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no list of sizes. Expected for instance 128x128,64x96"
        )
    return pairs


def run(args):
    """Runs the command, and returns the exit code."""
    from keras_affsr_cli.models import load_model
    from keras_affsr_cli.usage_error import UsageError

    of_version = args.version or args.warmup
    if of_version if args.format != "savedmodel" else args.overwrite:
        raise UsageError(
            f"--format {args.format} takes no "
            + ("--version and no --warmup" if of_version else "--overwrite")
            + ". Leave them out."
        )
    model = load_model(args.model)
    try:
        print(_export(model, args))
    except (ValueError, OSError, ImportError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _export(model, args):
    from keras_affsr import export

    if args.format == "onnx":
        return export.export_onnx(model, args.output, overwrite=args.overwrite)
    if args.format == "litert":
        return export.export_litert(
            model, args.output, overwrite=args.overwrite
        )
    return export.export_saved_model(
        model, args.output, version=args.version, warmup_sizes=args.warmup
    )
