"""The projection onto the images that agree with a measurement."""

import keras

from keras_affsr import checks
from keras_affsr.layers.downsample import Downsample
from keras_affsr.layers.pseudo_inverse_upsample import PseudoInverseUpsample

WELL_CONDITIONED = 65  # Of A A'; Gaussians of scale 2 and 4 have up to 64.


@keras.saving.register_keras_serializable(package="keras_affsr")
class AffineProjection(keras.layers.Layer):
    """Moves an image to the nearest one that downsamples to `low_res`.

    `P(f) = (I - A+ A) f + A+ x = f + A+ (x - A f)`, so that `A P(f) = x`
    whatever the guess `f` is. With the exact pseudo-inverse, `P` is the
    orthogonal projection onto `{y : A y = x}`, and its gradient with respect
    to the guess is the orthogonal projection `I - A+ A`: training is not told
    about what the measurement already settles.

    The layer computes in float32 whatever the dtype policy; a guess in half
    precision is cast first, and the result is as consistent as any other.

    Args:
        downsample: Downsample. The operator `A`.
        upsample: Layer. `A+`, or an approximation of it. Defaults to the exact
            `PseudoInverseUpsample(downsample)`.
        **kwargs: Base layer keyword arguments, such as `name`. A `dtype` of
            "float64" is kept, any other becomes "float32".

    Call arguments:
        guess: High-resolution images, `(batch, height, width, channels)`.
        low_res: The measurement, low-resolution images
            `(batch, height / scale, width / scale, channels)`.

    Returns:
        float32 images of the shape of `guess`. They can leave [0, 1] where
        the nearest consistent image does.

    Raises:
        ValueError: If the shapes do not fit each other, the images are not
            floats, or `A` is rank-deficient.

    Example:

    Any Keras model from low to high resolution becomes consistent with

    ```python
    project = keras_affsr.layers.AffineProjection(downsample)
    model = keras.Model(net.inputs, project(net.outputs[0], net.inputs[0]))
    ```

    >>> downsample = keras_affsr.layers.GaussianDownsample(scale=4)
    >>> project = keras_affsr.layers.AffineProjection(downsample)
    >>> guess = keras.random.uniform((1, 64, 64, 3))
    >>> low_res = keras.random.uniform((1, 16, 16, 3))
    >>> error = downsample(project(guess, low_res)) - low_res
    >>> bool(keras.ops.mean(error**2) < 1e-14)
    True

    Reference:
     - [Sonderby et al., 2017](https://arxiv.org/abs/1610.04490), eq. 7
    """

    def __init__(self, downsample, upsample=None, **kwargs):
        kwargs["dtype"] = checks.full_precision(kwargs.get("dtype"))
        super().__init__(**kwargs)
        self.downsample = checks.check_instance(
            downsample, Downsample, "downsample", self.name
        )
        if self.downsample.compute_dtype != self.compute_dtype:
            raise ValueError(
                f"`{self.name}` computes in {self.compute_dtype}, but its "
                f"downsample `{downsample.name}` in "
                f"{self.downsample.compute_dtype}. Give both the same `dtype`."
            )
        if upsample is None:
            upsample = PseudoInverseUpsample(downsample, dtype=kwargs["dtype"])
        self.upsample = checks.check_instance(
            upsample, keras.layers.Layer, "upsample", self.name
        )

    def build(self, guess_shape, low_res_shape):
        self.compute_output_shape(guess_shape, low_res_shape)
        enlarged = self.upsample.compute_output_shape(low_res_shape)
        if not _fit(enlarged, guess_shape):
            raise ValueError(
                f"`{self.name}` received an upsample and a downsample that do "
                f"not fit each other. Received: `{self.upsample.name}`, which "
                f"enlarges {tuple(low_res_shape)} to {tuple(enlarged)}. "
                f"Expected: {tuple(guess_shape)}. Make it with "
                "`PseudoInverseUpsample(downsample)` of the same operator."
            )
        if not self.upsample.built:  # When loaded, or if it is shared.
            self.upsample.build(low_res_shape)

    def call(self, guess, low_res):
        checks.check_floats(guess, "guess", self.name)
        checks.check_floats(low_res, "low_res", self.name)
        self.compute_output_shape(guess.shape, low_res.shape)
        for _ in range(self._rounds(low_res.shape)):
            guess = guess + self.upsample(low_res - self.downsample(guess))
        return guess

    def compute_output_shape(self, guess_shape, low_res_shape):
        check_shapes(self.downsample, guess_shape, low_res_shape, self.name)
        return tuple(guess_shape)

    def get_config(self):
        config = super().get_config()
        for name in ("downsample", "upsample"):
            layer = getattr(self, name)
            config[name] = keras.saving.serialize_keras_object(layer)
        return config

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        for name in ("downsample", "upsample"):
            config[name] = keras.saving.deserialize_keras_object(config[name])
        return cls(**config)

    def _rounds(self, low_res_shape):
        # In exact arithmetic a second round changes nothing. In float32 it
        # removes the error that an ill-conditioned A A' has magnified.
        exact = getattr(self.upsample, "method", None) == "exact"
        if not exact:
            return 1
        condition = self.downsample.gram_condition(low_res_shape)
        return 1 if condition < WELL_CONDITIONED else 2


def check_shapes(downsample, guess_shape, low_res_shape, owner):
    """Raises unless guesses of one shape shrink to the other one."""
    shrunk = downsample.compute_output_shape(guess_shape)
    if not _fit(shrunk, low_res_shape):
        raise ValueError(
            f"`{owner}` received a guess and a low_res that do not fit each "
            f"other. Received: guess of shape {tuple(guess_shape)}, which "
            f"`{downsample.name}` (scale={downsample.scale}) shrinks to "
            f"{shrunk}, and low_res of shape {tuple(low_res_shape)}. Expected: "
            "the same shape."
        )


def _fit(shape, other):
    return len(shape) == len(other) and all(
        None in (size, expected) or size == expected
        for size, expected in zip(shape, other, strict=True)
    )
