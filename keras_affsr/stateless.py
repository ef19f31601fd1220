"""Random numbers that are a function of a seed and a step.

There is no hidden state to save: a training that draws so continues after a
restart as if it had never stopped.
"""

import tensorflow as tf


def key(seed, step, stream):
    """Returns a key for TensorFlow's stateless random functions.

    Args:
        seed: int. Seed of the model.
        step: int or int tensor. Steps of training so far.
        stream: int or int tensor. Tells the uses of noise within a step apart.

    Returns:
        int64 tensor `(2,)`, another one for each seed, step, stream and
        replica.
    """
    # There is none in the scope of a strategy, outside of its replicas.
    context = tf.distribute.get_replica_context()
    replica = context.replica_id_in_sync_group if context else 0
    pair = tf.stack([tf.cast(seed, "int64"), tf.cast(step, "int64")])  # [2]
    return tf.random.fold_in(tf.random.fold_in(pair, stream), replica)


def uniform(shape, seed, step, stream):
    """Draws float32 numbers from U[0, 1); see `key`."""
    return tf.random.stateless_uniform(shape, key(seed, step, stream))


def normal(shape, seed, step, stream):
    """Draws float32 numbers from N(0, 1); see `key`."""
    return tf.random.stateless_normal(shape, key(seed, step, stream))
