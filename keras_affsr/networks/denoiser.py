"""The denoiser: from noisy images to clean ones."""

import keras
from keras import ops

from keras_affsr import checks
from keras_affsr.layers import MirroredConv2D
from keras_affsr.networks import blocks
from keras_affsr.networks.presets import DENOISERS


def denoiser(
    preset="grass",
    channels=3,
    noise_conditional=False,
    normalization="batch",
    width=1.0,
    filters=None,
    name="denoiser",
):
    """Builds a denoiser of the paper's family, for images of any size.

    3 x 3 convolutions with batch norm and ReLU, then a convolution to a
    correction `h` that is added to the input:

        f(y) = y + h(y),        f(y, sigma) = y + sigma * h(y, sigma)

    the latter with `noise_conditional`, where the logarithm of `sigma` is one
    more channel of the input. What guides a generator is `(f(y) - y) /
    sigma^2`: with the input added at the end and no activation after it, small
    differences of `f` and `y` are not lost, and with the factor `sigma` the
    network learns numbers near one at every level of noise. The new network
    gives back its input.

    | preset       | filters                               |
    |--------------|---------------------------------------|
    | "grass"      | 128, 128, 128, 128                    |
    | "swiss_roll" | 256, 256 (dense layers, vectors of 2) |

    Args:
        preset: str. One of the above. Defaults to `"grass"`.
        channels: int. Channels of the images; for "swiss_roll" the size of the
            vectors. Defaults to 3.
        noise_conditional: bool. Whether the model takes a second input, the
            standard deviation of the noise in each image. Defaults to False.
        normalization: `"batch"` (the default) or None. "swiss_roll" has none.
        width: float. Multiplies the filters. Defaults to 1.
        filters: sequence of ints. Instead of the preset's.
        name: str. Name of the model.

    Returns:
        A functional `keras.Model` from `(batch, height, width, channels)` to
        float32 images of the same shape; with `noise_conditional`, from a list
        of images and levels `(batch, 1)`.

    Raises:
        ValueError: If an argument will not do.

    Example:

    >>> model = keras_affsr.networks.denoiser("grass", channels=1)
    >>> model(keras.ops.ones((2, 64, 48, 1))).shape
    TensorShape([2, 64, 48, 1])

    Reference:
     - [Sonderby et al., 2017](https://arxiv.org/abs/1610.04490), appendix D
    """
    settings = blocks.preset(preset, DENOISERS, name, filters=filters)
    checks.check_choice(normalization, ("batch", None), "normalization", name)
    channels = checks.check_count(channels, "channels", name)
    filters = blocks.scaled(settings["filters"], width, name)
    is_vector = preset == "swiss_roll"
    shape = (channels,) if is_vector else (None, None, channels)
    images = keras.Input(shape, name="images")
    inputs, tensor, level = images, images, None
    if noise_conditional:
        noise_stddev = keras.Input((1,), name="noise_stddev")
        inputs = [images, noise_stddev]
        level = ops.reshape(noise_stddev, (-1, *(1 for _ in shape)))
        tensor = _with_level(images, level)
    if is_vector:
        correction = _vector_correction(tensor, filters, channels)
    else:
        correction = _image_correction(tensor, filters, channels, normalization)
    if noise_conditional:
        correction = ops.multiply(level, correction)
    return keras.Model(inputs, ops.add(images, correction), name=name)


def _with_level(images, level):
    """Returns the images with log sigma as one more channel."""
    level_map = ops.ones_like(images[..., :1]) * ops.log(level)
    return keras.layers.Concatenate(name="with_level")([images, level_map])


# Corrections start at zero, and are made in float32: half precision would keep
# three digits of a difference that has to be divided by sigma^2.


def _image_correction(tensor, filters, channels, normalization):
    for number, size in enumerate(filters, start=1):
        tensor = blocks.convolution(
            tensor, size, 1, normalization, name=f"block{number}"
        )
    return MirroredConv2D(
        channels,
        kernel_initializer="zeros",
        dtype="float32",
        name="correction",
    )(tensor)


def _vector_correction(tensor, filters, channels):
    for number, units in enumerate(filters, start=1):
        tensor = blocks.dense(tensor, units, name=f"dense{number}")
    return keras.layers.Dense(
        channels, kernel_initializer="zeros", dtype="float32", name="correction"
    )(tensor)
