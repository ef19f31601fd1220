"""Clipping of gradients, as on one device."""

import contextlib

import tensorflow as tf

from keras_affsr.callbacks.model_state import optimizers


@contextlib.contextmanager
def clipping_the_sum(model):
    """Lets optimizers clip the gradient of the global batch.

    Keras clips on each replica, before it adds: of gradients `g_r`, which are
    shares of the whole, it applies `sum_r clip(g_r)` in place of
    `clip(sum_r g_r)`. With norms that are limited, a step may then be as many
    times as long as there are replicas. Here each replica is given `1 / n` of
    the clipped sum, which clipping again leaves as it is.
    """
    inner = [
        getattr(each, "inner_optimizer", each) for each in optimizers(model)
    ]
    clipping = [each for each in inner if _limits(each)]
    for optimizer in clipping:
        optimizer.apply = _of_the_sum(optimizer)
    try:
        yield
    finally:
        for optimizer in clipping:
            del optimizer.apply  # The class's own is back.


def _limits(optimizer):
    names = ("clipnorm", "global_clipnorm", "clipvalue")
    return any(getattr(optimizer, name) for name in names)


def _of_the_sum(optimizer):
    apply = optimizer.apply

    def apply_clipped(gradients, trainable_variables=None):
        given = [each for each in gradients if each is not None]
        context = tf.distribute.get_replica_context()
        count = context.num_replicas_in_sync
        clipped = _clip(optimizer, context.all_reduce("SUM", given))
        shares = iter([each / count for each in clipped])
        gradients = [g if g is None else next(shares) for g in gradients]
        return apply(gradients, trainable_variables)

    return apply_clipped


def _clip(optimizer, gradients):
    """Returns clipped gradients, by the formulas of Keras."""
    if optimizer.clipnorm:
        limit = optimizer.clipnorm
        return [tf.clip_by_norm(each, limit) for each in gradients]
    if optimizer.global_clipnorm:
        limit = optimizer.global_clipnorm
        return tf.clip_by_global_norm(gradients, limit)[0]
    limit = optimizer.clipvalue
    return [tf.clip_by_value(each, -limit, limit) for each in gradients]
