"""The arguments that several commands share."""

import argparse

from keras_affsr_cli.usage_error import UsageError

METHODS = ("bicubic", "bilinear", "lanczos3", "area")
OPERATORS = ("gaussian", "box", *METHODS)
PADDINGS = ("symmetric", "reflect", "edge", "circular", "zero", "renormalised")


def count(text):
    """Reads a whole number of at least one."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not at least 1")
    return number


def count_or_zero(text):
    """Reads a whole number of at least zero."""
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"{text} is negative")
    return number


def positive(text):
    """Reads a number above zero."""
    number = float(text)
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not above zero")
    return number


def share(text):
    """Reads a number from 0 to 1."""
    number = float(text)
    if not 0 <= number <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not from 0 to 1")
    return number


def add_model(parser, required=True):
    """Adds `--model`."""
    parser.add_argument(
        "--model",
        metavar="PATH",
        required=required,
        help="a .keras file: a generator, or a model of keras_affsr.models; "
        "or the folder of a training, whose generator.keras is taken",
    )


def add_files(parser):
    """Adds what a command that writes images takes."""
    parser.add_argument(
        "-o",
        "--output",
        metavar="PATH",
        required=True,
        help="for one image: a file, or a folder; for several: a folder, in "
        "which subfolders are kept",
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="replace files that exist"
    )
    parser.add_argument(
        "--bits",
        type=int,
        choices=(8, 16),
        help="bits of the results; default: those of the input",
    )
    parser.add_argument(
        "--format",
        choices=("png", "tiff", "webp", "bmp", "jpeg"),
        help="format of the results; default: the input's, or PNG if that is "
        "lossy or cannot hold the result. JPEG is lossy: the result no longer "
        "agrees with the input",
    )
    add_max_pixels(parser)


def add_max_pixels(parser):
    """Adds `--max-pixels`."""
    parser.add_argument(
        "--max-pixels",
        type=count,
        metavar="N",
        help="refuse larger inputs; default: Pillow's limit, some 89 million",
    )


def add_quiet(parser):
    """Adds `--quiet`."""
    parser.add_argument(
        "--quiet", action="store_true", help="no progress on stderr"
    )


def add_operator(parser):
    """Adds the arguments that describe how low resolution was made."""
    group = parser.add_argument_group(
        "the operator", "how low resolution is made from high resolution"
    )
    group.add_argument("--downsample", choices=OPERATORS)
    group.add_argument("--scale", type=count, help="default: 4")
    group.add_argument(
        "--sigma", type=positive, help="of gaussian; default: scale / 2"
    )
    group.add_argument(
        "--kernel-size",
        type=count,
        metavar="N",
        help="of gaussian (default: 9) or box (default: scale)",
    )
    group.add_argument(
        "--padding", choices=PADDINGS, help="default: as the layer's"
    )


def make_downsample(args, alone=()):
    """Returns the layer that the arguments describe, or None without any.

    Args:
        args: Namespace of parsed arguments.
        alone: Names of the settings that mean something without an operator.
    """
    settings = {
        name: getattr(args, name)
        for name in ("scale", "sigma", "kernel_size", "padding")
        if getattr(args, name) is not None
    }
    if args.downsample is None:
        lone = settings.keys() - set(alone)
        if lone:
            names = ", ".join(f"--{n.replace('_', '-')}" for n in sorted(lone))
            raise UsageError(f"{names} needs --downsample, such as gaussian.")
        return None
    taken = {"gaussian": {"sigma", "kernel_size"}, "box": {"kernel_size"}}
    taken = {"scale", "padding"} | taken.get(args.downsample, set())
    for name in sorted(settings.keys() - taken):
        raise UsageError(
            f"--downsample {args.downsample} takes no "
            f"--{name.replace('_', '-')}. Leave it out."
        )
    return _make_layer(args.downsample, settings)


def _make_layer(name, settings):
    from keras_affsr import layers

    try:
        if name == "gaussian":
            return layers.GaussianDownsample(**settings)
        if name == "box":
            return layers.BoxDownsample(**settings)
        return layers.ResizeDownsample(method=name, **settings)
    except ValueError as error:
        raise UsageError(str(error)) from error
