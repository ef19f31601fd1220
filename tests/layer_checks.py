"""What several tests of layers do."""

import json

import keras
import numpy as np
import tensorflow as tf


def noise(*shape, seed=0):
    """Returns float32 white noise in [0, 1]."""
    return np.random.default_rng(seed).random(shape, "float32")


def with_unknown_sizes(function, *images, jit_compile=False):
    """Calls a function in a graph that does not know the images' sizes."""
    signature = [
        tf.TensorSpec((None, None, None, array.shape[-1]), array.dtype)
        for array in images
    ]
    graph = tf.function(function, signature, jit_compile=jit_compile)
    return graph(*map(tf.constant, images)).numpy()


def gradient(function, x, upstream):
    """Returns the gradient of `sum{ function(x) * upstream }`."""
    x = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        total = tf.reduce_sum(function(x) * upstream)
    return tape.gradient(total, x).numpy()


def rebuilt(layer):
    """Returns a layer made from another one's config, by way of JSON."""
    config = keras.saving.serialize_keras_object(layer)
    text = json.dumps(config)
    clone = keras.saving.deserialize_keras_object(json.loads(text))
    assert json.dumps(keras.saving.serialize_keras_object(clone)) == text
    return clone


def low_res_mse(downsample, images, low_res):
    """Returns the mean square of `A y - x`, as a layer measures it."""
    shrunk = np.asarray(downsample(images), "float64")
    return np.mean((shrunk - low_res) ** 2)
