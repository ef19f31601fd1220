"""Any trained super-resolution model, made consistent."""

import keras

from keras_affsr import checks
from keras_affsr.layers import AffineProjection
from keras_affsr.layers import Downsample
from keras_affsr.networks.shapes import input_shapes
from keras_affsr.networks.shapes import probe


def make_consistent(
    model,
    downsample,
    upsample=None,
    value_range=(0.0, 1.0),
    channels=None,
    name=None,
):
    """Wraps a super-resolution model of any package in the projection.

    With the model's image `f(x)` as the guess, the result is

        P f(x) = f(x) + A+ (x - A f(x)),    so that    A P f(x) = x.

    If `x = A y`, it is never further from the true image than the guess:
    `|P f - y| <= |f - y|`, as `P` is the orthogonal projection onto a set that
    `y` is in. So PSNR can only rise. The weights are shared with the model, and
    can be trained on.

    The result is a functional model: it saves and loads, and is exported and
    upscales, like those of `networks.generator`. A model of a class of your own
    within it can be saved; to be loaded, its class has to be registered with
    `keras.saving.register_keras_serializable`.

    Args:
        model: Model. Functional, Sequential or subclassed, from one batch of
            images to another; of any sizes, or of fixed ones.
        downsample: Downsample. The operator `A` that the low-resolution images
            were made by.
        upsample: Layer. `A+`. Defaults to the exact one.
        value_range: pair of floats. What the model takes and makes for black
            and white, such as `(0, 255)` or `(-1, 1)`. Defaults to (0, 1).
        channels: int. Channels of the images; only needed for a subclassed
            model that has not been called yet.
        name: str. Name of the new model. Defaults to the model's with
            "consistent_" before it.

    Returns:
        A functional `keras.Model` from `(batch, h, w, channels)` in [0, 1] to
        float32 `(batch, scale * h, scale * w, channels)`.

    Raises:
        ValueError: If model and operator do not fit each other, or an argument
            will not do.

    Example:

    >>> model = keras.Sequential([
    ...     keras.Input((None, None, 3)),
    ...     keras.layers.Conv2D(48, 5, padding="same"),
    ...     keras_affsr.layers.SubPixel(4)])
    >>> consistent = keras_affsr.networks.make_consistent(
    ...     model, keras_affsr.layers.GaussianDownsample(scale=4))
    >>> consistent(keras.ops.ones((1, 16, 20, 3))).shape
    TensorShape([1, 64, 80, 3])

    Reference:
     - [Sonderby et al., 2017](https://arxiv.org/abs/1610.04490), eq. 7
    """
    owner = "make_consistent"
    checks.check_instance(model, keras.Model, "model", owner)
    checks.check_instance(downsample, Downsample, "downsample", owner)
    low, high = _check_range(value_range, owner)
    shape = _image_shape(model, channels, owner)
    low_res = keras.Input(shape, name="low_res")
    tensor, in_unit_range = low_res, (low, high) == (0.0, 1.0)
    if not in_unit_range:
        tensor = keras.layers.Rescaling(
            high - low, low, dtype="float32", name="to_range"
        )(tensor)
    guess = model(tensor)
    _check_fit(model, downsample, shape, owner)
    if not in_unit_range:
        width = high - low
        guess = keras.layers.Rescaling(
            1 / width, -low / width, dtype="float32", name="from_range"
        )(guess)
    output = AffineProjection(downsample, upsample, name="projection")(
        guess, low_res
    )
    name = name or f"consistent_{model.name}"
    return keras.Model(low_res, output, name=name)


def _check_range(value_range, owner):
    try:
        low, high = (float(value) for value in value_range)
    except (TypeError, ValueError):
        low = high = 0.0
    if not low < high:
        raise ValueError(
            f"`{owner}` takes value_range as the model's black and white, such "
            f"as (0, 255). Received: value_range={value_range!r}."
        )
    return low, high


def _image_shape(model, channels, owner):
    """Returns (height, width, channels) of a model's one input."""
    shapes = input_shapes(model)
    if not shapes and channels is not None:
        return None, None, checks.check_count(channels, "channels", owner)
    if len(shapes) != 1 or len(shapes[0]) != 4 or shapes[0][-1] is None:
        raise ValueError(
            f"`{owner}` needs a model of one input (batch, height, width, "
            f"channels). Received: `{model.name}` with inputs of shapes "
            f"{shapes}. Give `channels` if it has not been called yet."
        )
    if channels not in (None, shapes[0][-1]):
        raise ValueError(
            f"`{owner}` received channels={channels!r}, but `{model.name}` "
            f"takes {shapes[0][-1]}. Leave channels out."
        )
    return shapes[0][1:]


def _check_fit(model, downsample, shape, owner):
    """Raises unless the model enlarges as the operator shrinks."""
    known, made = probe(model, [(None, *shape)])
    expected = tuple(downsample.compute_input_shape(known))
    if made != expected:
        raise ValueError(
            f"`{owner}` received a model and a downsample that do not fit each "
            f"other. Received: `{model.name}`, which makes {made} of {known}, "
            f"and `{downsample.name}` (scale={downsample.scale}), which makes "
            f"{known} of {expected}. Expected: the same scale, and as many "
            "channels out as in."
        )
