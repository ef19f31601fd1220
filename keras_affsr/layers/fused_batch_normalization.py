"""Batch normalisation in one operation where that is faster."""

import keras
from keras import ops

from keras_affsr.layers.on_cpu import on_tensorflow_cpu

FUSED_DTYPES = ("float32", "bfloat16", "float16")


@keras.saving.register_keras_serializable(package="keras_affsr")
class FusedBatchNormalization(keras.layers.BatchNormalization):
    """`keras.layers.BatchNormalization`, faster on a CPU.

    Keras writes a training step as a dozen elementwise operations and sums,
    each of which goes through the memory. TensorFlow has one that does all,
    and one for its gradient. In inference that one is, in float32, made part
    of the convolution before it, together with a ReLU. This layer takes it
    where it was measured to be faster and does the same: under TensorFlow, on
    a machine without GPU, for images of channels last. Everywhere else, it is
    Keras's layer; weights, arguments and results are Keras's, up to rounding.

    Args:
        **kwargs: Those of `keras.layers.BatchNormalization`.

    Call arguments:
        inputs: `(batch, height, width, channels)`, or anything that Keras's
            layer takes.
        training: bool. Whether to normalise by the batch's own statistics.
        mask: As Keras's.

    Returns:
        Tensor of the shape and dtype of the inputs.

    Example:

    >>> norm = keras_affsr.layers.FusedBatchNormalization()
    >>> norm(keras.random.normal((8, 16, 16, 32)), training=True).shape
    TensorShape([8, 16, 16, 32])

    Reference:
     - [Ioffe and Szegedy, 2015](https://arxiv.org/abs/1502.03167)
    """

    def call(self, inputs, training=None, mask=None):
        if not self._fits(inputs, mask):
            return super().call(inputs, training=training, mask=mask)
        if not (training and self.trainable):
            return _normalize(inputs, self, training=False)[0]
        outputs, mean, variance = _normalize(inputs, self, training=True)
        _move(self.moving_mean, mean, self.momentum)
        _move(self.moving_variance, _biased(variance, inputs), self.momentum)
        return outputs

    def _fits(self, inputs, mask):
        renorm = getattr(self, "renorm", False)  # Not every Keras 3 has it.
        return (
            on_tensorflow_cpu()
            and mask is None
            and len(inputs.shape) == 4
            and self.axis in (-1, 3)
            and self.center
            and self.scale
            and not (self.synchronized or renorm)
            and keras.backend.standardize_dtype(inputs.dtype) in FUSED_DTYPES
            and self.variable_dtype == "float32"
        )


def _normalize(images, layer, training):
    """Returns the normalised images, and the mean and variance they had.

    In training these are the batch's, the variance being the unbiased one; else
    what the layer has averaged.
    """
    import tensorflow as tf

    averages = layer.moving_mean, layer.moving_variance
    if training:  # The operation wants none.
        averages = [tf.zeros((0,), "float32")] * 2
    mean, variance = map(tf.convert_to_tensor, averages)
    outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
        x=images,
        scale=tf.convert_to_tensor(layer.gamma),
        offset=tf.convert_to_tensor(layer.beta),
        mean=mean,
        variance=variance,
        epsilon=layer.epsilon,
        is_training=training,
    )
    return outputs, mean, variance


def _biased(variance, images):
    """Returns the variance that Keras averages, the mean square deviation."""
    batch, height, width, _ = ops.shape(images)
    count = ops.cast(batch * height * width, variance.dtype)
    return variance * ((count - 1.0) / count)


def _move(average, value, momentum):
    average.assign(average * momentum + value * (1.0 - momentum))
