"""The sub-pixel shuffle: channels to pixels."""

import keras
from keras import ops

from keras_affsr import checks


@keras.saving.register_keras_serializable(package="keras_affsr")
class SubPixel(keras.layers.Layer):
    """Rearranges channels into `scale` times as many pixels each way.

    `y[r i + p, s j + q, c] = x[i, j, (p s + q) channels + c]` for a scale of
    (r, s): what `tf.nn.depth_to_space` does, for scales that may differ per
    axis, and under every Keras backend.

    Args:
        scale: int, or pair of ints (rows, columns).
        **kwargs: Base layer keyword arguments, such as `name`.

    Call arguments:
        features: `(batch, height, width, rows * columns * channels)`.

    Returns:
        `(batch, rows * height, columns * width, channels)`, same dtype.

    Raises:
        ValueError: If the channels are not a multiple of `rows * columns`.

    Example:

    >>> keras_affsr.layers.SubPixel(4)(keras.ops.ones((1, 2, 2, 48))).shape
    TensorShape([1, 8, 8, 3])

    Reference:
     - [Shi et al., 2016](https://arxiv.org/abs/1609.05158)
    """

    def __init__(self, scale, **kwargs):
        super().__init__(**kwargs)
        self.scale = scale
        self.rows, self.columns = checks.check_pair(scale, "scale", self.name)

    def call(self, features):
        channels = self.compute_output_shape(features.shape)[-1]
        batch, height, width, _ = ops.shape(features)
        pixels = ops.reshape(
            features, (batch, height, width, self.rows, self.columns, channels)
        )
        pixels = ops.transpose(pixels, (0, 1, 3, 2, 4, 5))
        return ops.reshape(
            pixels, (batch, height * self.rows, width * self.columns, channels)
        )

    def compute_output_shape(self, input_shape):
        batch, height, width, channels = checks.check_image_shape(
            input_shape, "features", self.name
        )
        phases = self.rows * self.columns
        if channels % phases:
            raise ValueError(
                f"`{self.name}` needs a multiple of {phases} channels for "
                f"scale={self.scale}. Received: {channels} channels."
            )
        return (
            batch,
            None if height is None else height * self.rows,
            None if width is None else width * self.columns,
            channels // phases,
        )

    def get_config(self):
        config = super().get_config()
        config["scale"] = self.scale
        return config
