"""Plain words for the end of another worker."""

import contextlib
import re

import tensorflow as tf

from keras_affsr.training.strategy import number_of_worker
from keras_affsr.training.strategy import workers_of


@contextlib.contextmanager
def telling_of_lost_workers(strategy, owner):
    """Turns TensorFlow's errors on the end of another worker into our own.

    Raises:
        RuntimeError: If a worker cannot be reached any more.
    """
    try:
        yield
    except tf.errors.OpError as error:
        if len(workers_of(strategy)) < 2 or not _is_loss(error):
            raise
        raise RuntimeError(_message(strategy, error, owner)) from error


def _is_loss(error):
    is_unavailable = isinstance(error, tf.errors.UnavailableError)
    return is_unavailable or "Collective ops is aborted" in str(error)


def _message(strategy, error, owner):
    workers, text = workers_of(strategy), str(error)
    own = number_of_worker(strategy)
    found = re.findall(r"/job:(\w+)(?:/replica:\d+)?/task:(\d+)", text)
    numbers = {number_of_worker(strategy, job, int(n)) for job, n in found}
    lost = sorted(numbers - {own})
    names = ", ".join(f"worker {each}" for each in lost) or "which is not known"
    reason = re.search(r"Collective ops is aborted by: (.*)", text)
    reason = reason[1] if reason else text.strip().partition("\n")[0]
    return (
        f"`{owner}` stops on {workers[own]}, worker {own} of {len(workers)}, "
        f"as another one cannot be reached any more: {names}. It has ended, or "
        "the network has; what it wrote last tells more. Start all workers "
        "again by the same command: with `callbacks.Checkpoint` the training "
        f"goes on from its last checkpoint. TensorFlow says: {reason}"
    )
