"""The command `keras-affsr project`: any program's image, made consistent."""

import argparse

from keras_affsr_cli import arguments

DESCRIPTION = """\
Moves images that any program has enlarged to the nearest ones that agree with
their inputs: downsampled and rounded, they are the low-resolution images. Each
line says how well they agreed before and do now, measured on the files."""
EXAMPLE = """\
example: keras-affsr project --sr theirs/ --lr inputs/ -o ours/ \\
             --downsample bicubic --scale 4"""


def add_parser(commands):
    """Adds the command to the command line."""
    parser = commands.add_parser(
        "project",
        help="make another program's images agree with their inputs",
        description=DESCRIPTION,
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--sr",
        required=True,
        metavar="PATH",
        help="the enlarged image, or a folder of them",
    )
    parser.add_argument(
        "--lr",
        required=True,
        metavar="PATH",
        help="the low-resolution image, or the folder of those of the same "
        "names",
    )
    arguments.add_files(parser)
    arguments.add_quiet(parser)
    arguments.add_model(parser, required=False)
    arguments.add_operator(parser)
    parser.set_defaults(run=run)


def run(args):
    """Runs the command, and returns the exit code."""
    from keras_affsr_cli import places
    from keras_affsr_cli.batch import work_through
    from keras_affsr_cli.matching import partners
    from keras_affsr_cli.models import load_downsample
    from keras_affsr_cli.usage_error import UsageError

    todo = places.places([args.sr], args.output, args.format, args.bits)
    downsample = load_downsample(args)
    if downsample is None:
        raise UsageError(
            "`project` has to know how low resolution was made. Give --model, "
            "or --downsample with its settings."
        )
    low_res = partners(args.lr, todo, downsample.scale)

    def work(place):
        return _project(place, low_res, downsample, args)

    return 1 if work_through(todo, work, args.quiet) else 0


def _project(place, low_res, downsample, args):
    from keras_affsr.upscale import project_file
    from keras_affsr_cli import figures
    from keras_affsr_cli.matching import partner_of

    before, after = project_file(
        downsample,
        place.source,
        partner_of(place, low_res, "--lr"),
        place.target,
        overwrite=args.overwrite,
        bits=args.bits,
        max_pixels=args.max_pixels,
    )
    return (
        f"{place.name}  before: {figures.agreement(before)}  "
        f"after: {figures.agreement(after)}  {place.target}"
    )
