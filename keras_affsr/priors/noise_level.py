"""The noise that a denoiser is trained with: one level, a schedule, or many."""

import math

import keras
from keras import ops

from keras_affsr import checks
from keras_affsr import stateless

SCHEDULE = keras.optimizers.schedules.LearningRateSchedule


def check(level, argument, owner):
    """Returns a level, schedule or pair of levels, or raises.

    All have to be positive, as scores are divided by their square. A schedule
    is looked at where it starts and, if it is one of Keras's, where it ends.
    """
    if isinstance(level, SCHEDULE):
        for value in ends(level):
            _check_positive(value, argument, owner)
        return level
    if not isinstance(level, tuple | list):
        return _check_positive(level, argument, owner)
    least, greatest = checks.check_pair(
        level, argument, owner, check=_check_positive
    )
    if not least < greatest:
        raise ValueError(
            f"`{owner}` needs {argument} as a pair (least, greatest) with "
            f"least < greatest. Received: {argument}={level!r}."
        )
    return (least, greatest)


def _check_positive(value, argument, owner):
    if value == 0:
        raise ValueError(
            f"`{owner}` divides by the square of {argument}, which therefore "
            f"must never be zero. Received: {argument}={value!r}, or a "
            "schedule with that value. Let the noise fall to a small positive "
            "level, such as 0.01."
        )
    return checks.check_positive(value, argument, owner)


def ends(level):
    """Returns all levels of a pair or float; of a schedule, the outermost."""
    if not isinstance(level, SCHEDULE):
        return list(level) if isinstance(level, tuple) else [level]
    last = getattr(level, "decay_steps", 0)
    last += getattr(level, "warmup_steps", None) or 0
    pieces = [1 + step for step in getattr(level, "boundaries", ())]
    return [float(level(step)) for step in (0, last, *pieces)]


def at(level, step):
    """Returns the level at a step; of a pair, the least one."""
    level = level[0] if isinstance(level, tuple) else level
    level = level(step) if isinstance(level, SCHEDULE) else level
    return ops.cast(level, "float32")


def draw(level, count, seed, step, stream):
    """Returns a level for each of `count` images, `(count, 1)`.

    Those of a pair are spread evenly on the scale of logarithms.
    """
    if not isinstance(level, tuple):
        return ops.broadcast_to(at(level, step), (count, 1))
    low, high = (math.log(value) for value in level)
    places = stateless.uniform((count, 1), seed, step, stream)
    return ops.exp(low + (high - low) * places)


def as_factor(level, images):
    """Returns levels, one or one for each image, to multiply images with."""
    return ops.reshape(level, (-1, *(1 for _ in images.shape[1:])))


def serialize(level):
    """Returns a level, schedule or pair as get_config wants it."""
    if isinstance(level, SCHEDULE):
        return keras.saving.serialize_keras_object(level)
    return level
