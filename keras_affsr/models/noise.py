"""Noise that is a function of a seed and a step, and schedules of its level.

A model that draws its noise so continues after a restart as if it had never
stopped: there is no hidden random state to save.
"""

import keras
import tensorflow as tf

from keras_affsr import checks

SCHEDULE = keras.optimizers.schedules.LearningRateSchedule


def normal(shape, seed, step, stream):
    """Draws from N(0, 1): other numbers for each step, stream and replica.

    Args:
        shape: Shape of the noise.
        seed: int. Seed of the model.
        step: int tensor. Steps of training so far.
        stream: int or int tensor. Tells the uses of noise within a step apart.

    Returns:
        float32 tensor of that shape.
    """
    replica = tf.distribute.get_replica_context().replica_id_in_sync_group
    key = tf.stack([tf.cast(seed, "int64"), tf.cast(step, "int64")])
    key = tf.random.fold_in(key, stream)
    key = tf.random.fold_in(key, replica)
    return tf.random.stateless_normal(shape, key)


def check_level(level, argument, owner):
    """Returns a noise level, a float or a schedule, or raises."""
    if isinstance(level, dict):  # Comes from a config.
        level = keras.saving.deserialize_keras_object(level)
    if isinstance(level, SCHEDULE):
        return level
    return checks.check_not_negative(level, argument, owner)


def level_at(level, step):
    """Returns the noise level at a step, as a float32 tensor."""
    value = level(step) if isinstance(level, SCHEDULE) else level
    return tf.cast(value, "float32")


def serialize_level(level):
    """Returns a noise level as get_config wants it."""
    if isinstance(level, SCHEDULE):
        return keras.saving.serialize_keras_object(level)
    return level
