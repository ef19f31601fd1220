"""Trains a prior on two replicas; prints what came out as JSON.

TensorFlow divides a CPU into several devices only before its first use, so
this is a process of its own: `python -m tests.priors_replicas`.
"""

import json
import sys

import keras
import numpy as np
import tensorflow as tf

from keras_affsr.priors.dequantize import dequantize
from tests.priors_tiny import images
from tests.priors_tiny import tiny_prior

RATE = 0.1


def trained(strategy):
    """Returns logs, coarseness and weights after a step on two replicas."""
    with strategy.scope():
        prior = tiny_prior()
        prior.compile(keras.optimizers.SGD(RATE))
    data = {"batch_size": 4, "shuffle": False, "verbose": 0}
    logs = prior.fit(images(4), **data).history
    val = prior.evaluate(images(4), verbose=0, return_dict=True)
    return {
        "logs": logs["bits_per_dim"] + logs["loss"],
        "val": list(val.values()),
        "coarseness": float(prior.coarseness.numpy()),
        "weights": flat(prior.trainable_variables),
    }


def expected(strategy):
    """Returns the same for a step on the images of both, spread there."""
    halves = strategy.experimental_distribute_values_from_function(
        lambda context: tf.constant(
            np.split(images(4), 2)[context.replica_id_in_sync_group]
        )
    )
    spread = strategy.run(lambda y: dequantize(y, 0, 0, 0), (halves,))
    spread = tf.concat(strategy.experimental_local_results(spread), axis=0)
    prior = tiny_prior()
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(prior.bits_per_dim(spread))
    weights = prior.trainable_variables
    gradients = tape.gradient(loss, weights)
    moved = [w - RATE * g for w, g in zip(weights, gradients)]
    return {"loss": float(loss), "weights": flat(moved)}


def flat(arrays):
    return np.concatenate([np.ravel(each) for each in arrays]).tolist()


def main():
    device = tf.config.list_physical_devices("CPU")[0]
    parts = [tf.config.LogicalDeviceConfiguration()] * 2
    tf.config.set_logical_device_configuration(device, parts)
    two = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    results = {"expected": expected(two), "float32": trained(two)}
    for policy in ("mixed_float16", "mixed_bfloat16"):
        keras.config.set_dtype_policy(policy)
        results[policy] = trained(two)
    json.dump(results, sys.stdout)


if __name__ == "__main__":
    main()
