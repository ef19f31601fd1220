"""Matrix products that keep all of float32's digits on every device."""

import contextlib

import keras
from keras import ops


def exact_matmul(left, right):
    """Multiplies in full precision, whatever shortcut the device would take.

    GPUs from NVIDIA's Ampere on round the factors of a float32 product to ten
    bits (TF32) unless told otherwise, which would turn a consistency of 1e-7
    into one of 1e-3. There the product is taken in float64 under TensorFlow,
    and at JAX's highest precision under JAX. The operators are banded, so this
    is a small part of the time either way.

    Args:
        left: Tensor, `(..., m, k)`.
        right: Tensor, `(..., k, n)`, of the same dtype.

    Returns:
        Tensor of the same dtype, `(..., m, n)`.
    """
    if (
        keras.backend.standardize_dtype(right.dtype) == "float32"
        and uses_tf32()
    ):
        factors = (ops.cast(factor, "float64") for factor in (left, right))
        return ops.cast(ops.matmul(*factors), "float32")
    with _highest_precision():
        return ops.matmul(left, right)


def widest_float(dtype):
    """Returns the dtype to solve in: JAX has no float64 unless asked."""
    if keras.backend.backend() == "jax":
        return keras.backend.standardize_dtype(dtype)
    return "float64"


def uses_tf32():
    """Returns whether a float32 product may be rounded to TF32."""
    if keras.backend.backend() != "tensorflow":
        return False
    import tensorflow as tf

    enabled = tf.config.experimental.tensor_float_32_execution_enabled()
    return enabled and bool(tf.config.list_logical_devices("GPU"))


def _highest_precision():
    if keras.backend.backend() != "jax":
        return contextlib.nullcontext()
    import jax

    return jax.default_matmul_precision("highest")
