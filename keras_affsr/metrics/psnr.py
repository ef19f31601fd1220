"""PSNR: the peak signal-to-noise ratio."""

import keras
from keras import ops

from keras_affsr import checks
from keras_affsr.metrics.image_metric import ImageMetric
from keras_affsr.metrics.image_metric import crop_border
from keras_affsr.metrics.image_metric import mean_squared_error

# Equal images would be infinitely good, and one of them would make the mean
# of an epoch infinite. This floor caps an image at 100 dB, far above what
# super-resolution reaches and where rounding to 8 bits lies (59 dB).
SMALLEST_ERROR = 1e-10


@keras.saving.register_keras_serializable(package="keras_affsr")
class PSNR(ImageMetric):
    """Measures how close generated images are to the true ones, in decibels.

    `psnr = 10 log10(max_value^2 / mse)`, where `mse` is the mean squared error
    of one image over its pixels and channels. The metric is the mean of the
    images' figures, which is not the figure of their mean error. An image's
    figure is at most 100 dB: equal images would otherwise make the mean
    infinite.

    Args:
        max_value: float. The value of white. Defaults to 1.0.
        border: int. Width of the frame that is left out. Defaults to 0; papers
            often leave out `scale` pixels.
        name: string. Name of the metric. Defaults to `"psnr"`.

    Call arguments:
        y_true: True images, `(batch, height, width, channels)`.
        y_pred: Generated images, of the same shape.
        sample_weight: Optional weights of the images, of shape `(batch,)`.

    Returns:
        A float32 scalar in decibels, at most 100. Higher is better.

    Raises:
        ValueError: If the shapes differ, the images are integers, or they are
            smaller than the frame.

    Example:

    >>> from keras import ops
    >>> import keras_affsr.metrics
    >>> metric = keras_affsr.metrics.PSNR()
    >>> black, grey = ops.zeros((1, 8, 8, 1)), ops.full((1, 8, 8, 1), 0.1)
    >>> round(float(metric(black, grey)), 3)
    20.0
    """

    _direction = "up"

    def __init__(self, max_value=1.0, border=0, name="psnr"):
        super().__init__(name=name)
        self.max_value = checks.check_positive(max_value, "max_value", name)
        self.border = checks.check_count(border, "border", name, least=0)

    def per_image(self, y_true, y_pred):
        checks.check_same_shape(
            y_true.shape, y_pred.shape, ("y_true", "y_pred"), self.name
        )
        y_true, y_pred = (
            crop_border(images, self.border, 1, self.name)
            for images in (y_true, y_pred)
        )
        error = mean_squared_error(y_true, y_pred)  # [batch]
        return decibels(error, self.max_value, SMALLEST_ERROR)

    def get_config(self):
        config = super().get_config()
        config.update({"max_value": self.max_value, "border": self.border})
        return config


def decibels(error, max_value, smallest):
    """Returns `10 log10(max_value^2 / error)`, for errors of any shape.

    Args:
        error: Mean squared errors.
        max_value: float. The value of white.
        smallest: float. Errors below this part of `max_value^2` count as it.

    Returns:
        Decibels, of the shape of `error`, at most `-10 log10(smallest)`.
    """
    error = ops.maximum(error / max_value**2, smallest)
    return -10.0 * ops.log10(error)
