"""The command `keras-affsr info`: what a model, or an image file, is."""

import argparse
import os

from keras_affsr_cli import arguments

DESCRIPTION = """\
Says what a model takes and makes, which operator it agrees with, and how far a
pixel sees; or what is in an image file."""
LONGEST = 60  # Letters of a setting.
EXAMPLE = "example: keras-affsr info --model runs/affgan"


def add_parser(commands):
    """Adds the command to the command line."""
    parser = commands.add_parser(
        "info",
        help="describe a model or image files",
        description=DESCRIPTION,
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "images", nargs="*", metavar="IMAGE", help="image files"
    )
    arguments.add_model(parser, required=False)
    arguments.add_max_pixels(parser)
    parser.set_defaults(run=run)


def run(args):
    """Runs the command, and returns the exit code."""
    from keras_affsr_cli.batch import work_through
    from keras_affsr_cli.places import Place
    from keras_affsr_cli.usage_error import UsageError

    if not (args.model or args.images):
        raise UsageError("Give --model PATH, or image files.")
    if args.model:
        print(_describe_model(args.model))
    todo = [Place(path, path, None) for path in args.images]

    def work(place):
        return _describe_image(place.source, args.max_pixels)

    return 1 if work_through(todo, work, quiet=True) else 0


def _describe_model(path):
    from keras_affsr_cli.figures import table
    from keras_affsr_cli.models import downsample_of
    from keras_affsr_cli.models import load_model

    model = load_model(path)
    generator = getattr(model, "generator", model)
    downsample = downsample_of(model)
    rows = [("model", f"{type(model).__name__} {model.name!r}")]
    rows += _shapes(generator)
    rows += [("parameters", f"{generator.count_params():,}")]
    rows += _operator(downsample)
    rows += _network(model, downsample)
    rows += [("versions", _versions())]
    return table([(f"{name}:", text) for name, text in rows], right=False)


def _shapes(generator):
    def text(tensors):
        return ", ".join(str(tuple(each.shape)) for each in tensors)

    if not getattr(generator, "inputs", None):
        return []
    return [
        ("input", text(generator.inputs)),
        ("output", text(generator.outputs)),
    ]


def _operator(downsample):
    if downsample is None:
        return [("operator", "none: give --downsample to upscale")]
    left_out = ("name", "trainable", "dtype", "build_config", "registered_name")
    settings = ", ".join(
        f"{name}={_short(value)}"
        for name, value in downsample.get_config().items()
        if name not in left_out
    )
    condition = downsample.gram_condition((1, 64, 64, 1))
    return [
        ("operator", f"{type(downsample).__name__}({settings})"),
        ("scale", str(downsample.scale)),
        ("cond(A A')", f"{float(condition):.4g} (at 64 x 64 input pixels)"),
    ]


def _short(value):
    """Returns a value as text; the matrix of an operator may be large."""
    text = repr(value)
    return text if len(text) <= LONGEST else text[:LONGEST] + "..."


def _network(model, downsample):
    from keras_affsr.upscale import Upscaler

    try:
        upscaler = Upscaler(model, downsample, project=downsample is not None)
    except ValueError as error:
        return [("upscaling", f"not possible: {error}")]
    projects = upscaler.network.projection is not None
    halo = upscaler.halo
    return [
        ("channels", str(upscaler.channels)),
        ("consistent", "in itself" if projects else "only by the upscaler"),
        (
            "halo",
            "not known: no tiles"
            if halo is None
            else f"{halo[0]} x {halo[1]} input pixels on each side",
        ),
    ]


def _versions():
    import keras
    import tensorflow as tf

    import keras_affsr

    return (
        f"keras-affsr {keras_affsr.__version__}, Keras {keras.__version__}, "
        f"TensorFlow {tf.__version__}"
    )


def _describe_image(path, max_pixels):
    from keras_affsr.upscale import read_image

    image = read_image(path, max_pixels)
    height, width, channels = image.pixels.shape
    parts = [
        f"{os.fspath(path)}  {image.format}",
        f"{width} x {height}",
        f"{image.bits} bits",
        "grey" if channels == 1 else "colour",
    ]
    extras = {
        "opacity": image.alpha,
        "colour profile": image.icc_profile,
        "EXIF": image.exif,
        "dpi": image.dpi,
    }
    parts += [name for name, value in extras.items() if value is not None]
    return "  ".join(parts)
