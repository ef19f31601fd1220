"""The noise of models: its uses within a step, and schedules of its level."""

import keras
import tensorflow as tf

from keras_affsr import checks
from keras_affsr.stateless import normal as normal

# Uses of noise that are told apart by their streams; see `normal`. The small
# numbers are for instance noise: one for each step of the discriminator.
GENERATOR_STREAM = 10**6
EVALUATION_STREAM = 10**7
SAMPLE_STREAM = 10**8

SCHEDULE = keras.optimizers.schedules.LearningRateSchedule


def check_level(level, argument, owner):
    """Returns a noise level, a float or a schedule, or raises."""
    if isinstance(level, dict):  # Comes from a config.
        level = keras.saving.deserialize_keras_object(level)
    if isinstance(level, SCHEDULE):
        return level
    return checks.check_not_negative(level, argument, owner)


def changeable(level, name, model):
    """Returns a noise level; one that can be set is a weight of the model.

    That is a positive float: zero means that no noise is drawn at all, and a
    schedule sets itself.
    """
    if isinstance(level, SCHEDULE) or level == 0.0:
        return level
    return model.add_weight(
        name=name,
        shape=(),
        initializer=keras.initializers.Constant(level),
        trainable=False,
        dtype="float32",
    )


def set_level(level, value, argument, owner):
    """Sets a noise level that is a weight, or raises."""
    value = checks.check_not_negative(value, argument, owner)
    if not isinstance(level, keras.Variable):
        kind = "a schedule" if isinstance(level, SCHEDULE) else "zero for good"
        raise ValueError(
            f"`{owner}` has no level of noise that can be set: its own is "
            f"{kind}. Received: {argument}={value!r}. Make it with a positive "
            "float as noise_stddev."
        )
    level.assign(value)


def level_at(level, step):
    """Returns a noise level, of either kind, at a step: a float32 tensor."""
    value = level(step) if isinstance(level, SCHEDULE) else level
    return tf.cast(value, "float32")


def serialize_level(level):
    """Returns a noise level as get_config wants it."""
    if isinstance(level, SCHEDULE):
        return keras.saving.serialize_keras_object(level)
    return level
