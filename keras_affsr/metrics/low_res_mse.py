"""LowResMSE: how far the output is from agreeing with the measurement."""

import keras
from keras import ops

from keras_affsr import checks
from keras_affsr.metrics.image_metric import ImageMetric
from keras_affsr.metrics.image_metric import mean_squared_error


@keras.saving.register_keras_serializable(package="keras_affsr")
class LowResMSE(ImageMetric):
    """Measures how far generated images are from agreeing with their input.

    With `A` the operator `downsample`, `y` a generated image and `x` the
    low-resolution image it was made from, an image's figure is

        mean((A y - x)^2)

    over pixels and channels. It is zero, up to rounding, if the model ends in
    a projection. `y_true` may be the true image, in which case `x = A y_true`,
    or `x` itself: they are told apart by size. If the dataset is unpaired, the
    true image has nothing to do with the input, and only `x` will do.

    Args:
        downsample: Layer. The operator `A`, called on high-resolution images.
        name: string. Name of the metric. Defaults to `"low_res_mse"`.

    Call arguments:
        y_true: True high-resolution images, of the shape of `y_pred`, or the
            low-resolution images, of the shape of `downsample(y_pred)`.
        y_pred: Generated images, `(batch, height, width, channels)`; or
            vectors, `(batch, n)`, if `downsample` takes them.
        sample_weight: Optional weights of the images, of shape `(batch,)`.

    Returns:
        A float32 scalar, zero or more. Lower is better.

    Raises:
        ValueError: If `y_true` has neither of the two shapes, or the images
            are integers.

    Example:

    >>> import keras
    >>> import keras_affsr.layers
    >>> import keras_affsr.metrics
    >>> downsample = keras_affsr.layers.GaussianDownsample(scale=4)
    >>> metric = keras_affsr.metrics.LowResMSE(downsample)
    >>> images = keras.random.uniform((2, 32, 32, 1))
    >>> float(metric(downsample(images), images)) < 1e-12
    True
    """

    _direction = "down"

    def __init__(self, downsample, name="low_res_mse"):
        super().__init__(name=name)
        self.downsample = checks.check_downsample(downsample, name)

    def per_image(self, y_true, y_pred):
        agreed = self._shrink(y_pred)
        low_res = self._low_res(y_true, y_pred, agreed)
        return mean_squared_error(agreed, low_res)  # [batch]

    def get_config(self):
        config = super().get_config()
        downsample = keras.saving.serialize_keras_object(self.downsample)
        config.update({"downsample": downsample})
        return config

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        config["downsample"] = keras.saving.deserialize_keras_object(
            config["downsample"]
        )
        return cls(**config)

    def _shrink(self, images):
        return ops.cast(self.downsample(images), "float32")

    def _low_res(self, y_true, y_pred, agreed):
        is_high = _may_equal(y_true.shape, y_pred.shape)
        is_low = _may_equal(y_true.shape, agreed.shape)
        if not is_high and not is_low:
            raise ValueError(
                f"`{self.name}` expects `y_true` of the shape of `y_pred`, "
                f"{tuple(y_pred.shape)}, or of the low-resolution images, "
                f"{tuple(agreed.shape)}. Received: y_true of shape "
                f"{tuple(y_true.shape)}."
            )
        if is_high and is_low and None in y_true.shape[1:3]:
            # Sizes that are known only when the graph runs.
            same = ops.shape(y_true)[1] == ops.shape(y_pred)[1]
            return ops.cond(same, lambda: self._shrink(y_true), lambda: y_true)
        return self._shrink(y_true) if is_high else y_true


def _may_equal(shape, other):
    return len(shape) == len(other) and all(
        a is None or b is None or a == b for a, b in zip(shape, other)
    )
