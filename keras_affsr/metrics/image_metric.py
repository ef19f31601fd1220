"""The base of the metrics that give one number per image."""

import keras
from keras import ops

from keras_affsr import checks


class ImageMetric(keras.metrics.Mean):
    """Averages one number per image over all the images of an epoch.

    A subclass writes `per_image`; this class brings both arguments to float32,
    whatever the dtype policy, and keeps the mean:
    `sum(weight * value) / sum(weight)` over images. Every image counts alike,
    also those of a smaller last batch.

    A subclass says through `_direction`, `"up"` or `"down"`, which values are
    better, so that `keras.callbacks.ModelCheckpoint(monitor="val_psnr")` and
    `EarlyStopping` need no `mode`.

    Args:
        name: string. Name of the metric, and of its column in the logs.

    Call arguments:
        y_true: Reference images.
        y_pred: Generated images.
        sample_weight: Optional weights of the images, of shape `(batch,)`.

    Returns:
        A float32 scalar.

    Example:

    ```python
    import keras
    from keras import ops
    import keras_affsr.metrics

    class Brightness(keras_affsr.metrics.ImageMetric):
        _direction = "down"

        def per_image(self, y_true, y_pred):
            return ops.abs(ops.mean(y_pred - y_true, axis=(1, 2, 3)))

    metric = Brightness(name="brightness")
    float(metric(ops.zeros((2, 8, 8, 1)), ops.ones((2, 8, 8, 1))))  # 1.0
    ```
    """

    _direction = None

    def __init__(self, name):
        # float32 under any policy: a mean of many float16 numbers stops moving.
        super().__init__(name=name, dtype="float32")

    def per_image(self, y_true, y_pred):
        """Returns one number per image, `(batch,)`; a subclass writes it."""
        raise NotImplementedError

    def update_state(self, y_true, y_pred, sample_weight=None):
        values = self.per_image(
            to_float32(y_true, "y_true", self.name),
            to_float32(y_pred, "y_pred", self.name),
        )  # [batch]
        _check_weight(sample_weight, self.name)
        super().update_state(values, sample_weight)

    def get_config(self):
        return {"name": self.name}


def to_float32(images, argument, owner):
    """Returns `images` as a float32 tensor, refusing integer images."""
    images = ops.convert_to_tensor(images)
    checks.check_floats(images, argument, owner)
    return ops.cast(images, "float32")


def mean_squared_error(images, others):
    """Returns the mean squared difference of each image, `(batch,)`."""
    axes = tuple(range(1, len(images.shape)))
    return ops.mean(ops.square(images - others), axis=axes)


def crop_border(images, border, least, owner):
    """Returns the inside of checked `images`, at least `least` pixels wide."""
    checks.check_image_shape(images.shape, "y_pred", owner)
    checks.check_least_size(images.shape, least + 2 * border, "y_pred", owner)
    if not border:
        return images
    return images[:, border:-border, border:-border]  # [batch, h, w, channels]


def _check_weight(sample_weight, owner):
    shape = getattr(sample_weight, "shape", ())
    if len(shape) > 2 or (len(shape) == 2 and shape[1] != 1):
        raise ValueError(
            f"`{owner}` weighs images, not their pixels, so sample_weight has "
            f"the shape (batch,). Received: shape {tuple(shape)}."
        )
