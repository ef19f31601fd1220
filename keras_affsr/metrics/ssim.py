"""SSIM: the structural similarity."""

import keras
from keras import ops

from keras_affsr import checks
from keras_affsr.metrics.filters import filter_valid
from keras_affsr.metrics.filters import gaussian_taps
from keras_affsr.metrics.image_metric import ImageMetric
from keras_affsr.metrics.image_metric import crop_border

WINDOW = 11
SIGMA = 1.5
# The two constants of Wang et al., as parts of the value of white.
MEAN_FLOOR = 0.01
CONTRAST_FLOOR = 0.03


@keras.saving.register_keras_serializable(package="keras_affsr")
class SSIM(ImageMetric):
    """Measures how alike generated and true images look, by local statistics.

    In every window of 11 x 11 pixels, weighted by a Gaussian of standard
    deviation 1.5, take the means `m`, variances `v` and the covariance `c`:

        ssim = (2 m1 m2 + a) (2 c + b) / ((m1^2 + m2^2 + a) (v1 + v2 + b))

    with `a = (0.01 max_value)^2` and `b = (0.03 max_value)^2`. An image's
    figure is the mean over all windows that fit whole, and over channels. It
    equals scikit-image's `structural_similarity(gaussian_weights=True,
    sigma=1.5, use_sample_covariance=False)`.

    Args:
        max_value: float. The value of white. Defaults to 1.0.
        border: int. Width of the frame that is left out. Defaults to 0.
        name: string. Name of the metric. Defaults to `"ssim"`.

    Call arguments:
        y_true: True images, `(batch, height, width, channels)`, of at least
            11 x 11 pixels.
        y_pred: Generated images, of the same shape.
        sample_weight: Optional weights of the images, of shape `(batch,)`.

    Returns:
        A float32 scalar in [-1, 1]; 1 for equal images. Higher is better.

    Raises:
        ValueError: If the shapes differ, the images are integers, or they are
            smaller than the window.

    Example:

    >>> import keras
    >>> import keras_affsr.metrics
    >>> images = keras.random.uniform((2, 32, 32, 3))
    >>> float(keras_affsr.metrics.SSIM()(images, images))
    1.0

    Reference:
     - [Wang et al., 2004](https://doi.org/10.1109/TIP.2003.819861)
    """

    _direction = "up"

    def __init__(self, max_value=1.0, border=0, name="ssim"):
        super().__init__(name=name)
        self.max_value = checks.check_positive(max_value, "max_value", name)
        self.border = checks.check_count(border, "border", name, least=0)

    def per_image(self, y_true, y_pred):
        checks.check_same_shape(
            y_true.shape, y_pred.shape, ("y_true", "y_pred"), self.name
        )
        y_true, y_pred = (
            crop_border(images, self.border, WINDOW, self.name) / self.max_value
            for images in (y_true, y_pred)
        )
        similarity = similarity_map(y_true, y_pred)  # [batch, h, w, channels]
        return ops.mean(similarity, axis=(1, 2, 3))

    def get_config(self):
        config = super().get_config()
        config.update({"max_value": self.max_value, "border": self.border})
        return config


def similarity_map(images, others):
    """Returns the similarity in every window, for images whose white is one.

    The formula is rearranged: `2 c = v1 + v2 - v`, where `v` is the variance
    of the difference of the images, and `2 m1 m2 = m1^2 + m2^2 - (m1 - m2)^2`.
    Equal images then give exactly one in float32, and none give more.

    Args:
        images: Float tensor, `(batch, height, width, channels)`.
        others: Float tensor of the same shape.

    Returns:
        Tensor of shape `(batch, height - 10, width - 10, channels)`.
    """
    taps = gaussian_taps(SIGMA, WINDOW // 2)
    mean, variance = _moments(images, taps)
    other_mean, other_variance = _moments(others, taps)
    _, change = _moments(images - others, taps)
    shift = ops.square(mean - other_mean)
    brightness = ops.square(mean) + ops.square(other_mean)
    return (1.0 - shift / (brightness + MEAN_FLOOR**2)) * (
        1.0 - change / (variance + other_variance + CONTRAST_FLOOR**2)
    )


def _moments(images, taps):
    mean = filter_valid(images, taps)
    square = filter_valid(ops.square(images), taps)
    # Rounding can leave a flat window a variance just below zero.
    return mean, ops.maximum(square - ops.square(mean), 0.0)
