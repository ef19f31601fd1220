"""What an export takes from a model: its generator, and what it measures."""

import keras

from keras_affsr import checks
from keras_affsr.layers import AffineProjection
from keras_affsr.layers import Downsample
from keras_affsr.models.generator_model import GeneratorModel

HALF_POLICIES = ("mixed_float16", "mixed_bfloat16", "float16", "bfloat16")
SIZE = 16  # Of the image that tells whether a generator fits its operator.


def generator_of(model, owner):
    """Returns the generator of a model, in float32, or raises.

    Args:
        model: Model. One of `keras_affsr.models`, or a generator.
        owner: str. Who asks.

    Returns:
        A keras.Model that computes in float32 whatever the policy it was
        trained under. Where that policy is float32 it is the generator itself.

    Raises:
        ValueError: If it is no model of images with known inputs.
    """
    checks.check_instance(model, keras.Model, "model", owner)
    is_whole = isinstance(model, GeneratorModel)
    generator = model.generator if is_whole else model
    inputs = getattr(generator, "inputs", None) or ()
    if not (
        1 <= len(inputs) <= 2
        and len(generator.outputs) == 1
        and all(len(each.shape) == 4 and each.shape[-1] for each in inputs)
    ):
        raise ValueError(
            f"`{owner}` needs a generator with one input of shape (batch, "
            "height, width, channels), or that and noise, and one output. "
            f"Received: `{generator.name}` with inputs "
            f"{[tuple(each.shape) for each in inputs]}. Make it a functional "
            "model: `low_res = keras.Input((None, None, channels))` and "
            "`keras.Model(low_res, network(low_res))`."
        )
    return _in_float32(generator, owner)


def downsample_of(model, downsample, owner):
    """Returns the operator that a model's images must agree with, or raises.

    Args:
        model: Model. One of `keras_affsr.models`, or a generator.
        downsample: Downsample, or None for the model's own.
        owner: str. Who asks.

    Returns:
        A Downsample.

    Raises:
        ValueError: If there is none, or it does not fit the generator.
    """
    if downsample is None:
        downsample = getattr(model, "downsample", None)
    generator = getattr(model, "generator", model)
    for layer in layers_of(generator):
        if downsample is None and isinstance(layer, AffineProjection):
            downsample = layer.downsample
    if downsample is None:
        raise ValueError(
            f"`{owner}` needs to know how the low-resolution images were made. "
            f"Received: `{model.name}`, which has no `AffineProjection`. Give "
            "it a downsample, for instance `keras_affsr.layers."
            "GaussianDownsample(scale=4)`."
        )
    checks.check_instance(downsample, Downsample, "downsample", owner)
    _check_fit(generator, downsample, owner)
    return downsample


def layers_of(model):
    """Returns all layers of a model, those of models within it too."""
    found = []
    for layer in model.layers:
        nested = layers_of(layer) if isinstance(layer, keras.Model) else []
        found += [layer, *nested]
    return found


def ends_in_projection(generator):
    """Returns whether the output of a generator comes from a projection."""
    return isinstance(generator.layers[-1], AffineProjection)


def channels_of(generator):
    """Returns the channels of the images that a generator takes."""
    return generator.inputs[0].shape[-1]


def is_stochastic(generator):
    """Returns whether a generator takes noise as its second input."""
    return len(generator.inputs) == 2


def _check_fit(generator, downsample, owner):
    shapes = [
        (1, *(size or SIZE for size in each.shape[1:]))
        for each in generator.inputs
    ]
    several = len(shapes) > 1
    shape = generator.compute_output_shape(shapes if several else shapes[0])
    expected = downsample.compute_input_shape(shapes[0])
    if tuple(shape) != tuple(expected):
        raise ValueError(
            f"`{owner}` received a generator and a downsample that do not fit "
            f"each other. Received: `{generator.name}`, which makes images of "
            f"shape {tuple(shape)} of such of shape {shapes[0]}. Expected: "
            f"{tuple(expected)}, as `{downsample.name}` has scale="
            f"{downsample.scale}. Give both the same scale."
        )


def _in_float32(generator, owner):
    """Returns a generator, or a copy of it without half precision."""
    try:
        config = keras.saving.serialize_keras_object(generator)
        config.pop("compile_config", None)
        full = _without_half(config)
        if full == config:
            return generator
        copy = keras.saving.deserialize_keras_object(full)
        copy.set_weights(generator.get_weights())
    except (NotImplementedError, TypeError, ValueError) as error:
        if generator.dtype_policy.name == "float32":
            return generator  # Written without a config, and in no need of it.
        raise ValueError(
            f"`{owner}` cannot copy `{generator.name}`, of the policy "
            f"{generator.dtype_policy.name}, to float32, in which models are "
            f"served: {error}. Load it under "
            "`keras.config.set_dtype_policy('float32')`, or register its "
            "layers with `keras.saving.register_keras_serializable`."
        ) from error
    return copy


def _without_half(config):
    if isinstance(config, dict):
        return {key: _without_half(value) for key, value in config.items()}
    if isinstance(config, list | tuple):
        return type(config)(_without_half(value) for value in config)
    is_half = isinstance(config, str) and config in HALF_POLICIES
    return "float32" if is_half else config
