"""On which devices to train: one, all of a machine, or those of many."""

import functools
import json
import logging
import os

import tensorflow as tf

from keras_affsr import checks

LOGGER = logging.getLogger(__name__)
OWNER = "make_strategy"
EXAMPLE = json.dumps(
    {
        "cluster": {"worker": ["machine1:2222", "machine2:2222"]},
        "task": {"type": "worker", "index": 0},
    }
)


def make_strategy(name="none"):
    """Makes the strategy in whose scope a model is built and compiled.

    "none" is one device, "mirrored" all GPUs of this machine (the CPU where
    there is none), and "multi_worker" all GPUs of many machines. For the last
    one the same program is started on each machine, as a worker, and the
    environment variable `TF_CONFIG` tells it of the others and which one it is
    itself: see `training.fit` for an example. The workers wait for each other
    here. Call it at the beginning, before any tensor exists; called again it
    returns the same strategy.

    What replicas have in common are the weights and the optimizers: each step
    takes the rows of a global batch, shared out evenly, and adds their
    gradients. Each has noise and batch norm statistics of its own. Train by
    `training.fit`, which says more: under "mirrored" `model.fit` works too, but
    for gradients that are clipped, or overflow in mixed_float16.

    Args:
        name: string. "none", "mirrored" or "multi_worker". Defaults to "none".

    Returns:
        `tf.distribute.Strategy`, for "none" TensorFlow's default one.

    Raises:
        ValueError: If the name is unknown, or `TF_CONFIG` will not do.
        RuntimeError: If TensorFlow is in use already, for "multi_worker".

    Example:

    >>> import keras
    >>> import keras_affsr.training
    >>> strategy = keras_affsr.training.make_strategy("none")
    >>> with strategy.scope():
    ...     model = keras.Sequential([keras.layers.Dense(1)])
    ...     model.compile("adam", "mse")
    >>> strategy.num_replicas_in_sync
    1
    """
    checks.check_choice(
        name, ("none", "mirrored", "multi_worker"), "name", OWNER
    )
    if name == "mirrored":
        return tf.distribute.MirroredStrategy()
    if name == "multi_worker":
        return _multi_worker()
    return tf.distribute.get_strategy()


def is_chief(strategy):
    """Returns whether this process is the one that writes files.

    Args:
        strategy: `tf.distribute.Strategy`.

    Returns:
        bool, True but for the second and later workers of many.
    """
    # Of each other strategy there is one process.
    resolver = getattr(strategy, "cluster_resolver", None)
    if resolver is None or not resolver.task_type:
        return True
    has_chief = "chief" in resolver.cluster_spec().jobs
    first = resolver.task_id == 0
    return first and (resolver.task_type == "chief" or not has_chief)


def workers_of(strategy):
    """Returns the addresses of all workers, the chief's first."""
    resolver = getattr(strategy, "cluster_resolver", None)
    cluster = resolver.cluster_spec().as_dict() if resolver else {}
    return cluster.get("chief", []) + cluster.get("worker", [])


def number_of_worker(strategy, job=None, task=None):
    """Returns the place of a worker in `workers_of`; of this one by default.

    Args:
        strategy: A strategy of several workers.
        job: string. "chief" or "worker": the chief has tasks of its own.
        task: int. Its number among those of the job.
    """
    resolver = strategy.cluster_resolver
    job = resolver.task_type if job is None else job
    task = resolver.task_id if task is None else task
    chiefs = resolver.cluster_spec().as_dict().get("chief", [])
    return task if job == "chief" else len(chiefs) + task


def workers_of_environment():
    """Returns the addresses of the workers that `TF_CONFIG` names, if any."""
    text = os.environ.get("TF_CONFIG")
    return _read(text)[0] if text else []


@functools.cache
def _multi_worker():
    text = os.environ.get("TF_CONFIG")
    if not text:
        raise ValueError(
            f"`{OWNER}` needs the environment variable TF_CONFIG for "
            "name='multi_worker'. Received: none. Set it on each machine, with "
            f"the index of that machine, such as\nTF_CONFIG='{EXAMPLE}'"
        )
    addresses, number = _read(text)
    LOGGER.warning(
        "Worker %d of %d, %s, waits until all of them are there: %s.",
        number,
        len(addresses),
        addresses[number],
        ", ".join(addresses),
    )
    try:
        return tf.distribute.MultiWorkerMirroredStrategy()
    except RuntimeError as error:
        raise RuntimeError(
            f"`{OWNER}` cannot connect {addresses[number]} with the others: "
            f"{error}. Call it at the beginning of the program, before any "
            "tensor, layer or dataset is made, and see that the port is free."
        ) from error


def _read(text):
    """Returns the addresses of `TF_CONFIG` and the number of this worker."""
    try:
        config = json.loads(text)
        cluster, task = config["cluster"], config["task"]
        jobs = {name: list(cluster[name]) for name in cluster}
        addresses = jobs.get("chief", []) + jobs.get("worker", [])
        kind, index = task["type"], int(task["index"])
        own = jobs[kind][index] if index >= 0 else None
        number = addresses.index(own)
        is_right = all(_is_address(each) for each in addresses)
        is_right &= len(set(addresses)) == len(addresses)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):
        is_right = False
    if not is_right:
        raise ValueError(
            f"`{OWNER}` cannot make use of TF_CONFIG. Received:\n{text}\n"
            "Expected JSON with the address 'host:port' of each worker, the "
            "same on all machines, and the type and index (from 0) of this "
            f"one, such as\n{EXAMPLE}"
        )
    return addresses, number


def _is_address(text):
    host, _, port = text.rpartition(":")
    return bool(host) and port.isdigit()
