"""Loading what `--model` names."""

import os

from keras_affsr_cli.usage_error import UsageError

GENERATOR = "generator.keras"


def load_model(path):
    """Returns the model of a `.keras` file, or of the folder of a training."""
    file = _file(path)
    import keras

    import keras_affsr  # noqa: F401  So that its layers are known by name.

    try:
        return keras.saving.load_model(file)
    except Exception as error:  # Of any kind, by what the file holds.
        raise UsageError(
            f"--model {file} cannot be loaded: {error} Give a file that "
            "`model.save` has written, of layers of Keras and keras_affsr."
        ) from error


def load_downsample(args, alone=()):
    """Returns the operator of `--downsample` or `--model`, or None."""
    from keras_affsr_cli.arguments import make_downsample

    downsample = make_downsample(args, alone)
    if args.model is None:
        return downsample
    if downsample is not None:
        raise UsageError(
            "--model and --downsample both say what the operator is. Leave one "
            "of them out."
        )
    downsample = downsample_of(load_model(args.model))
    if downsample is None:
        raise UsageError(
            f"--model {args.model} does not know how low resolution was made. "
            "Give --downsample in its place."
        )
    return downsample


def downsample_of(model):
    """Returns the operator that a model agrees with, or None."""
    from keras_affsr.layers import AffineProjection

    known = getattr(model, "downsample", None)
    if known is not None:
        return known
    projections = [
        layer
        for layer in getattr(model, "layers", ())
        if isinstance(layer, AffineProjection)
    ]
    return projections[-1].downsample if projections else None


def _file(path):
    file = os.path.join(path, GENERATOR) if os.path.isdir(path) else path
    if not os.path.isfile(file):
        raise UsageError(
            f"--model {path} has no model: {file} is missing. Give a .keras "
            "file, or the folder of a training that has ended."
        )
    if not file.endswith(".keras"):
        raise UsageError(
            f"--model {path} does not end in .keras. Give a file that "
            "`model.save` has written."
        )
    return file
