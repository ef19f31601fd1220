"""The command `keras-affsr upscale`: files in, files out."""

import argparse
import os
import sys

from keras_affsr_cli import arguments

DESCRIPTION = """\
Enlarges images. Downsample a result by the model's operator, round, and you
have the input back, bit for bit: each line says how much of it, measured on
the file that was written.

Colour images go through a grey model channel by channel; a grey image goes
through a colour model as three equal channels, whose mean is projected again.
Opacity is enlarged by the pseudo-inverse and projected. The orientation of
EXIF is applied; its other tags, the colour profile and dpi are kept."""
EXAMPLE = """\
example: keras-affsr upscale photographs/ -o enlarged/ --model runs/affgan"""


def add_parser(commands):
    """Adds the command to the command line."""
    parser = commands.add_parser(
        "upscale",
        help="enlarge image files",
        description=DESCRIPTION,
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "inputs", nargs="+", metavar="PATH", help="image files and folders"
    )
    arguments.add_model(parser)
    arguments.add_files(parser)
    _add_options(parser)
    arguments.add_quiet(parser)
    arguments.add_operator(parser)
    parser.set_defaults(run=run)


def _add_options(parser):
    parser.add_argument(
        "--tile",
        type=arguments.count,
        metavar="N",
        help="side of the tiles, in input pixels; default: by the memory that "
        "they need",
    )
    parser.add_argument(
        "--self-ensemble",
        action="store_true",
        help="average the flips and rotations: better, and 8 times slower",
    )
    parser.add_argument(
        "--samples",
        type=arguments.count,
        metavar="N",
        help="of a stochastic model: draw N results, NAME-1.png to NAME-N.png",
    )
    parser.add_argument(
        "--seed", type=arguments.count_or_zero, default=0, help="of the samples"
    )
    parser.add_argument(
        "--strength",
        type=arguments.share,
        default=1.0,
        help="of the projection, for noisy inputs: from 0, none, to 1, exact "
        "(the default)",
    )
    parser.add_argument(
        "--noise-stddev",
        type=arguments.positive,
        metavar="S",
        help="of the input's noise, in [0, 1]: agree with it as closely as the "
        "noise allows",
    )
    parser.add_argument(
        "--consistency-map",
        metavar="FOLDER",
        help="draw |A y - x| of each image here, as PNG: black is none, mid-"
        "grey half a level of the input, white one level or more",
    )


def run(args):
    """Runs the command, and returns the exit code."""
    from keras_affsr_cli.batch import work_through
    from keras_affsr_cli.places import places

    todo = places(args.inputs, args.output, args.format, args.bits)
    upscaler = _make_upscaler(args)

    def work(place):
        from keras_affsr.upscale import upscale_file

        upscaled = upscale_file(
            upscaler,
            place.source,
            place.target,
            overwrite=args.overwrite,
            consistency_map=_map_path(place, args),
            bits=args.bits,
            max_pixels=args.max_pixels,
        )
        return _line(place, upscaled)

    def outputs(place):
        from keras_affsr.upscale.upscale_file import sample_paths

        paths = sample_paths(place.target, args.samples)
        return [*paths, _map_path(place, args)]

    return 1 if work_through(todo, work, args.quiet, outputs) else 0


def _make_upscaler(args):
    from keras_affsr_cli.models import load_model
    from keras_affsr_cli.usage_error import UsageError

    downsample = arguments.make_downsample(args)
    model = load_model(args.model)
    from keras_affsr.upscale import Upscaler

    try:
        return Upscaler(
            model,
            downsample,
            tile=args.tile,
            self_ensemble=args.self_ensemble,
            samples=args.samples,
            seed=args.seed,
            strength=args.strength,
            noise_stddev=args.noise_stddev,
            progress=sys.stderr.isatty() and not args.quiet,
        )
    except ValueError as error:
        raise UsageError(
            f"--model {args.model} will not do: {error}"
        ) from error


def _map_path(place, args):
    if args.consistency_map is None:
        return None
    start = os.path.splitext(place.name)[0]
    return os.path.join(args.consistency_map, start + ".png")


def _line(place, upscaled):
    from keras_affsr_cli import figures

    shape = upscaled.images.shape[1 if upscaled.images.ndim == 4 else 0 :]
    return (
        f"{place.name}  {shape[1]} x {shape[0]}  "
        f"{figures.agreement(upscaled)}  {place.target}"
    )
