"""LowResPSNR: LowResMSE in decibels."""

import keras

from keras_affsr import checks
from keras_affsr.metrics.low_res_mse import LowResMSE
from keras_affsr.metrics.psnr import decibels

# A projection in float32 leaves an error of about 1e-15, which is 150 dB; the
# figure is capped well above that, at 200 dB.
SMALLEST_ERROR = 1e-20


@keras.saving.register_keras_serializable(package="keras_affsr")
class LowResPSNR(LowResMSE):
    """Measures the agreement of generated images with their input in decibels.

    With `mse` the figure that `LowResMSE` gives to an image, this one gives it
    `10 log10(max_value^2 / mse)`, at most 200 dB. To place a figure: images
    that were clipped and rounded to 8 bits have 55 to 75 dB, and a projection
    in float32 has about 150 dB.

    Args:
        downsample: Layer. The operator `A`, called on high-resolution images.
        max_value: float. The value of white. Defaults to 1.0.
        name: string. Name of the metric. Defaults to `"low_res_psnr"`.

    Call arguments:
        y_true: True high-resolution images, of the shape of `y_pred`, or the
            low-resolution images, of the shape of `downsample(y_pred)`.
        y_pred: Generated images, `(batch, height, width, channels)`.
        sample_weight: Optional weights of the images, of shape `(batch,)`.

    Returns:
        A float32 scalar in decibels, at most 200. Higher is better.

    Raises:
        ValueError: If `y_true` has neither of the two shapes, or the images
            are integers.

    Example:

    >>> import keras
    >>> import keras_affsr.layers
    >>> import keras_affsr.metrics
    >>> downsample = keras_affsr.layers.GaussianDownsample(scale=4)
    >>> metric = keras_affsr.metrics.LowResPSNR(downsample)
    >>> images = keras.random.uniform((2, 32, 32, 1))
    >>> float(metric(downsample(images), images)) > 120
    True
    """

    _direction = "up"

    def __init__(self, downsample, max_value=1.0, name="low_res_psnr"):
        super().__init__(downsample, name=name)
        self.max_value = checks.check_positive(max_value, "max_value", name)

    def per_image(self, y_true, y_pred):
        error = super().per_image(y_true, y_pred)  # [batch]
        return decibels(error, self.max_value, SMALLEST_ERROR)

    def get_config(self):
        config = super().get_config()
        config.update({"max_value": self.max_value})
        return config
