"""The generator: from low-resolution to high-resolution images."""

import keras

from keras_affsr import checks
from keras_affsr.layers import AffineProjection
from keras_affsr.layers import Downsample
from keras_affsr.layers import LinearDownsample
from keras_affsr.layers import MirroredConv2D
from keras_affsr.layers import SubPixel
from keras_affsr.networks import blocks
from keras_affsr.networks.presets import GENERATORS


def generator(
    downsample,
    preset="grass",
    channels=3,
    project=True,
    upsample=None,
    noise_channels=0,
    width=1.0,
    filters=None,
    skip_every=None,
    name="generator",
):
    """Builds a generator of the paper's family, for images of any size.

    3 x 3 convolutions with batch norm and ReLU at low resolution, a skip
    connection over every `skip_every` of them, a convolution to
    `scale^2 * channels` features, a sub-pixel shuffle and a sigmoid: the guess
    `f(x)` in [0, 1]. Then the affine projection, `P f(x)`, unless `project` is
    False. Under a half-precision policy the output is computed in float32.

    | preset       | filters                   | skip_every |
    |--------------|---------------------------|------------|
    | "grass"      | 32, 32, 64, 64, 128, 128  | 2          |
    | "celeba"     | 4 x 128, 4 x 256, 4 x 512 | 4          |
    | "imagenet"   | 4 x 128, 4 x 256          | 2          |
    | "swiss_roll" | 64, 64 (dense layers)     | none       |

    The last is for vectors and a `LinearDownsample`; it has no sigmoid, as its
    data are not images.

    Args:
        downsample: Downsample. The operator `A`: it sets the scale, and the
            projection.
        preset: str. One of the above. Defaults to `"grass"`.
        channels: int. Channels of the images. Defaults to 3.
        project: bool. Whether to end in an `AffineProjection`. Defaults to
            True.
        upsample: Layer. `A+` of the projection. Defaults to the exact one.
        noise_channels: int. If positive, the model takes a second input,
            noise of the size of the low-resolution image with that many
            channels, and is a stochastic generator. Defaults to 0.
        width: float. Multiplies the filters. Defaults to 1.
        filters: sequence of ints. Instead of the preset's.
        skip_every: int. Instead of the preset's; 0 for no skip connections.
        name: str. Name of the model.

    Returns:
        A functional `keras.Model` from `(batch, h, w, channels)` in [0, 1] to
        float32 `(batch, scale * h, scale * w, channels)`; with noise, from a
        list of both inputs.

    Raises:
        ValueError: If an argument will not do.

    Example:

    >>> downsample = keras_affsr.layers.GaussianDownsample(scale=4)
    >>> model = keras_affsr.networks.generator(downsample, channels=1)
    >>> model(keras.ops.ones((1, 16, 20, 1))).shape
    TensorShape([1, 64, 80, 1])

    Reference:
     - [Sonderby et al., 2017](https://arxiv.org/abs/1610.04490), appendix D
    """
    checks.check_instance(downsample, Downsample, "downsample", name)
    settings = blocks.preset(
        preset, GENERATORS, name, filters=filters, skip_every=skip_every
    )
    filters = blocks.scaled(settings["filters"], width, name)
    skip_every = checks.check_count(
        settings["skip_every"], "skip_every", name, 0
    )
    noise_channels = checks.check_count(
        noise_channels, "noise_channels", name, least=0
    )
    _check_kind(preset, downsample, name)
    checks.check_count(channels, "channels", name)
    inputs, low_res, features = _inputs(downsample, channels, noise_channels)
    is_vector = isinstance(downsample, LinearDownsample)
    make_guess = _vector_guess if is_vector else _image_guess
    output = make_guess(features, downsample, filters, skip_every, channels)
    if project:
        output = AffineProjection(downsample, upsample, name="projection")(
            output, low_res
        )
    return keras.Model(inputs, output, name=name)


def _check_kind(preset, downsample, owner):
    if isinstance(downsample, LinearDownsample) != (preset == "swiss_roll"):
        raise ValueError(
            f"`{owner}` builds dense layers for vectors (preset='swiss_roll', "
            "a LinearDownsample) or convolutions for images (any other of "
            f"both). Received: preset={preset!r} and a "
            f"{type(downsample).__name__}."
        )


def _inputs(downsample, channels, noise_channels):
    """Returns the model's inputs, the low-resolution one, and the features."""
    shape = (None, None, channels)
    if isinstance(downsample, LinearDownsample):
        shape = downsample.matrix.shape[:1]
    low_res = keras.Input(shape, name="low_res")
    if not noise_channels:
        return low_res, low_res, low_res
    noise = keras.Input((*shape[:-1], noise_channels), name="noise")
    inputs = [low_res, noise]
    features = keras.layers.Concatenate(name="with_noise")(inputs)
    return inputs, low_res, features


def _image_guess(tensor, downsample, filters, skip_every, channels):
    rows, columns = checks.check_pair(downsample.scale, "scale", "generator")
    skipped = tensor
    for number, width in enumerate(filters, start=1):
        tensor = blocks.convolution(tensor, width, name=f"block{number}")
        if skip_every and number % skip_every == 0:
            tensor = blocks.add_skip(tensor, skipped, f"skip{number}")
            skipped = tensor
    tensor = MirroredConv2D(rows * columns * channels, name="sub_pixel_conv")(
        tensor
    )
    tensor = SubPixel(downsample.scale, name="sub_pixel")(tensor)
    # Eight bits of mantissa would show as banding: the output is float32.
    return keras.layers.Activation("sigmoid", dtype="float32", name="guess")(
        tensor
    )


def _vector_guess(tensor, downsample, filters, skip_every, channels):
    for number, width in enumerate(filters, start=1):
        tensor = blocks.dense(tensor, width, name=f"dense{number}")
    size = downsample.matrix.shape[1]
    return keras.layers.Dense(size, dtype="float32", name="guess")(tensor)
