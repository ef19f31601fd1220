"""The projection onto the images in [0, 1] that agree with a measurement."""

import keras
from keras import ops

from keras_affsr import checks
from keras_affsr.layers.affine_projection import check_shapes
from keras_affsr.layers.downsample import Downsample
from keras_affsr.layers.nearest_in_range import nearest_in_range
from keras_affsr.layers.reduce_error import reduce_error
from keras_affsr.layers.round_consistently import round_consistently
from keras_affsr.layers.unmatched import white

BITS = (8, 16)
# How far `A y` may be off where nothing is rounded: an LR-PSNR of 100 dB.
TOLERANCE = 1e-5
# In levels of the measurement: how far `A y` may be off before the image is
# rounded, which takes what is left of the half. The first is aimed at, the
# second will do.
SLACK = 0.3
REACHED = 0.35


@keras.saving.register_keras_serializable(package="keras_affsr")
class RangeProjection(keras.layers.Layer):
    """Moves an image to the nearest one in [0, 1] that agrees with `low_res`.

    The nearest image that agrees, `AffineProjection`'s, can leave [0, 1], and
    what a file cannot hold is lost in it. This layer comes after that one:

        argmin |y - guess|    over    0 <= y <= 1,  A y = x.

    A measurement out of a file is rounded: it stands for all `x` within half a
    level, and near black and white it may be that only some of these are the
    `A y` of an image in [0, 1]. With `bits`, the condition is

        |A y - x| <= 0.3 / (2^low_res_bits - 1),

    and then `y` is rounded to integers over `2^bits - 1`, and corrected
    until `A` of the *rounded* image, rounded, is `x` again: what a file of it
    promises.

    If no image in [0, 1] agrees, say because `x` has been sharpened until its
    edges overshot, the result is one whose `A y` is as close to `x` as least
    squares, nearly; so it is where rounds run out, as they can for operators
    that are ill-conditioned. `unmatched` tells which samples are not
    reproduced.

    The layer is made for inference: it iterates, and has no useful gradient.
    It computes in float32 whatever the dtype policy. In a `tf.function`, as in
    `model.predict`, it is several times as fast as outside.

    Args:
        downsample: Downsample. The operator `A`.
        bits: 8, 16 or None. Of the image: round it to the levels of a file, or
            do not. Defaults to None.
        low_res_bits: 8, 16 or None. Of the measurement. Defaults to `bits`.
        **kwargs: Base layer keyword arguments, such as `name`. A `dtype` of
            "float64" is kept, any other becomes "float32".

    Call arguments:
        guess: High-resolution images, `(batch, height, width, channels)`.
        low_res: The measurement, low-resolution images in [0, 1],
            `(batch, height / scale, width / scale, channels)`; with `bits`,
            integers divided by `2^low_res_bits - 1`.

    Returns:
        float32 images of the shape of `guess`, in [0, 1].

    Raises:
        ValueError: If an argument will not do, the shapes do not fit each
            other, or the images are not floats.

    Example:

    >>> downsample = keras_affsr.layers.GaussianDownsample(scale=4)
    >>> project = keras_affsr.layers.AffineProjection(downsample)
    >>> to_png = keras_affsr.layers.RangeProjection(downsample, bits=8)
    >>> high_res = keras.random.uniform((1, 64, 64, 3))
    >>> low_res = keras.ops.round(downsample(high_res) * 255) / 255
    >>> guess = keras.random.uniform((1, 64, 64, 3))
    >>> image = to_png(project(guess, low_res), low_res)
    >>> shrunk = keras.ops.round(downsample(image) * 255) / 255
    >>> bool(keras.ops.all(shrunk == low_res))
    True
    """

    def __init__(self, downsample, bits=None, low_res_bits=None, **kwargs):
        kwargs["dtype"] = checks.full_precision(kwargs.get("dtype"))
        super().__init__(**kwargs)
        self.downsample = checks.check_instance(
            downsample, Downsample, "downsample", self.name
        )
        for name, value in (("bits", bits), ("low_res_bits", low_res_bits)):
            checks.check_choice(value, (None, *BITS), name, self.name)
        if bits is None and low_res_bits is not None:
            raise ValueError(
                f"`{self.name}` allows for a rounded measurement only where it "
                f"rounds the image as well. Received: bits=None and "
                f"low_res_bits={low_res_bits}. Give bits=8 or bits=16."
            )
        self.bits = bits
        self.low_res_bits = low_res_bits or bits

    def build(self, guess_shape, low_res_shape):
        self.compute_output_shape(guess_shape, low_res_shape)

    def call(self, guess, low_res):
        checks.check_floats(guess, "guess", self.name)
        checks.check_floats(low_res, "low_res", self.name)
        self.compute_output_shape(guess.shape, low_res.shape)
        problem = (self.downsample, guess, low_res)
        if self.bits is None:
            return self._fit(*problem, 0.0, _score(TOLERANCE))
        levels = white(self.low_res_bits)
        score = _score(REACHED / levels)
        images = self._fit(*problem, SLACK / levels, score)
        return round_consistently(
            self.downsample, images, low_res, self.bits, self.low_res_bits
        )

    def compute_output_shape(self, guess_shape, low_res_shape):
        check_shapes(self.downsample, guess_shape, low_res_shape, self.name)
        return tuple(guess_shape)

    def get_config(self):
        config = super().get_config()
        config["downsample"] = keras.saving.serialize_keras_object(
            self.downsample
        )
        return {**config, "bits": self.bits, "low_res_bits": self.low_res_bits}

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        downsample = keras.saving.deserialize_keras_object(config["downsample"])
        return cls(**{**config, "downsample": downsample})

    def _fit(self, downsample, guess, low_res, slack, score):
        """Returns the nearest image that agrees, or one that nearly does."""
        images = nearest_in_range(downsample, guess, low_res, slack, score)
        images = ops.clip(images, 0.0, 1.0)
        return reduce_error(downsample, images, low_res, slack, score)


def _score(reached):
    """Returns a function of `x - A y`: how far off it is beyond that."""

    def score(error):
        largest = ops.max(ops.abs(error), axis=(1, 2), keepdims=True)
        mean = ops.mean(error**2, axis=(1, 2), keepdims=True)
        return ops.where(largest > reached, mean, 0.0)

    return score
