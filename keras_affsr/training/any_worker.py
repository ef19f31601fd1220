"""Whether something is so for any of the workers."""

import functools

import tensorflow as tf

from keras_affsr.training.lost_workers import telling_of_lost_workers
from keras_affsr.training.strategy import workers_of


def any_worker(strategy, flag=False):
    """Waits for all workers, and returns whether the flag of any one is set.

    Without a flag it is a place where workers wait for each other: for the
    chief to be done with what it does alone, say. If one of them ends before
    it comes there, the others stop with an error, as in `fit`. All workers
    have to call it.

    Args:
        strategy: `tf.distribute.Strategy`.
        flag: bool. Of this worker. Defaults to False.

    Returns:
        bool, the same on all workers.

    Raises:
        RuntimeError: If another worker has ended.

    Example:

    >>> import keras_affsr.training
    >>> strategy = keras_affsr.training.make_strategy("none")
    >>> keras_affsr.training.any_worker(strategy, True)
    True
    """
    with telling_of_lost_workers(strategy, "any_worker"):
        return is_any_set(strategy, flag)


def is_any_set(strategy, flag):
    """Does what `any_worker` does, with TensorFlow's own errors."""
    if len(workers_of(strategy)) < 2:
        return bool(flag)
    total = _sum_of(strategy)(tf.constant(float(flag)))
    return bool(total.numpy() > 0)


@functools.lru_cache(maxsize=1)  # So that it is traced once.
def _sum_of(strategy):
    def add(number):
        numbers = strategy.run(tf.identity, args=(number,))
        return strategy.reduce("SUM", numbers, axis=None)

    return tf.function(add, autograph=False)
