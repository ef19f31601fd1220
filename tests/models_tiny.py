"""Networks and data small enough to train within a test."""

import keras
import numpy as np

from keras_affsr.layers import AffineProjection
from keras_affsr.layers import BoxDownsample
from keras_affsr.layers import SubPixel
from keras_affsr.networks import discriminator
from keras_affsr.networks import generator

DOWNSAMPLE = BoxDownsample(scale=2)

# Arrays in their order, so that two trainings see the same batches.
FIT = {"batch_size": 4, "shuffle": False, "verbose": 0}


def images(count=8, size=16, seed=0):
    """Returns random images, float32 in [0, 1]."""
    shape = (count, size, size, 1)
    return np.random.default_rng(seed).random(shape, dtype="float32")


def tiny_generator(**kwargs):
    """Makes a generator of the package of one layer, with batch norm."""
    return generator(
        DOWNSAMPLE, channels=1, filters=(4,), skip_every=0, **kwargs
    )


def tiny_discriminator(**kwargs):
    """Makes a discriminator of the package of one layer, with batch norm."""
    return discriminator(channels=1, filters=(4,), strides=(2,), **kwargs)


def plain_generator(project=True):
    """Makes a generator that does to each image the same, whatever the batch.

    Without batch norm, training and inference, or one replica and two, differ
    in nothing but the order of additions.
    """
    low_res = keras.Input((None, None, 1))
    tensor = keras.layers.Conv2D(4, 3, padding="same", activation="relu")(
        low_res
    )
    tensor = keras.layers.Conv2D(4, 1)(tensor)
    tensor = SubPixel(2, dtype="float32")(tensor)
    if project:
        tensor = AffineProjection(DOWNSAMPLE)(tensor, low_res)
    return keras.Model(low_res, tensor)


def plain_discriminator():
    """Makes a discriminator without batch norm."""
    return tiny_discriminator(normalization=None)


def mean_discriminator(slope, offset):
    """Makes a discriminator of logit `slope * mean(image) + offset`."""
    inputs = keras.Input((None, None, 1))
    mean = keras.layers.GlobalAveragePooling2D()(inputs)
    dense = keras.layers.Dense(1, dtype="float32")
    model = keras.Model(inputs, dense(mean))
    dense.set_weights([np.array([[slope]]), np.array([offset])])
    return model


def weights(model):
    """Returns copies of all weights of a model."""
    return [np.copy(value) for value in model.get_weights()]


def assert_same_arrays(first, second):
    """Asserts equality to the last bit of two lists of arrays."""
    assert len(first) == len(second)
    for one, other in zip(first, second):
        np.testing.assert_array_equal(np.asarray(one), np.asarray(other))
