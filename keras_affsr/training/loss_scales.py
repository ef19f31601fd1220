"""Loss scales of mixed_float16 that all replicas agree on."""

import contextlib

import keras
import tensorflow as tf
from keras import ops

from keras_affsr.callbacks.model_state import optimizers


@contextlib.contextmanager
def agreeing_on_overflow(model):
    """Lets all replicas skip a step where the gradients of one overflow.

    Keras asks each process's first replica alone. Where only another one
    overflows, its infinities get into all weights; and of two workers the one
    skips the sum that the other one waits for, without end.
    """
    kind = keras.optimizers.LossScaleOptimizer
    scaled = [each for each in optimizers(model) if isinstance(each, kind)]
    for optimizer in scaled:
        optimizer.check_finite = _on_all_replicas(optimizer.check_finite)
    try:
        yield
    finally:
        for optimizer in scaled:
            del optimizer.check_finite  # The class's own is back.


def _on_all_replicas(check_finite):
    def check(gradients):
        overflows = ops.cast(ops.logical_not(check_finite(gradients)), "int32")
        context = tf.distribute.get_replica_context()
        return ops.equal(context.all_reduce("SUM", overflows), 0)

    return check
