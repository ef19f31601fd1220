"""The operations that benchmarks/operations.py counts."""

import importlib
import os

import keras
import pytest
import tensorflow as tf

import keras_affsr
from keras_affsr.layers import GaussianDownsample

FOLDER = os.path.join(os.path.dirname(os.path.dirname(__file__)), "benchmarks")


@pytest.fixture
def operations(monkeypatch):
    monkeypatch.syspath_prepend(FOLDER)
    return importlib.import_module("operations")


def networks(preset, channels, **kwargs):
    downsample = GaussianDownsample(scale=4)
    return (
        keras_affsr.networks.generator(downsample, preset, channels, **kwargs),
        keras_affsr.networks.discriminator(preset, channels),
    )


def profiled(model, shape):
    """Returns what TensorFlow's profiler counts of convolutions and products"""
    function = tf.function(lambda images: model(images, training=False))
    graph = function.get_concrete_function(tf.TensorSpec((1, *shape))).graph
    options = tf.compat.v1.profiler.ProfileOptionBuilder.float_operation()
    options = {
        **options,
        "output": "none",
        "account_type_regexes": ["Conv2D", "MatMul"],
    }
    return tf.compat.v1.profiler.profile(graph, options=options).total_float_ops


def test_products_are_those_of_tensorflows_profiler(operations):
    generator, discriminator = networks("grass", 1, project=False)
    low, high = operations.shapes(generator, 64)
    assert (low, high) == ((16, 16, 1), (64, 64, 1))
    for model, shape in ((generator, low), (discriminator, high)):
        assert operations.forward(model, shape) == profiled(model, shape)


def test_numbers_by_hand(operations):
    images = keras.Input((None, None, 2))
    tensor = keras.layers.Conv2D(4, 3, 2, "same", use_bias=False)(images)
    tensor = keras.layers.ReLU()(tensor)
    tensor = keras.layers.GlobalAveragePooling2D()(tensor)
    model = keras.Model(images, keras.layers.Dense(5)(tensor))
    shape = (8, 6, 2)
    convolution, dense = 2 * 9 * 2 * 4 * 4 * 3, 2 * 4 * 5
    assert operations.forward(model, shape) == convolution + dense
    # The convolution's input is the image, whose gradient nobody wants.
    assert operations.input_gradients(model, shape) == dense
    assert operations.activations(model, shape, ("Conv2D", "ReLU")) == 96
    assert operations.elementwise(model, shape) == 48 + 4 + 5


def test_a_step_on_faces(operations):
    # By hand, of products: 11,153,152 weights that 256 pixels each go through,
    # thrice; and 1,524,106,240 in the discriminator, for two images, in a
    # forward pass and three products backward.
    step = operations.gan_step(*networks("celeba", 3), 64)
    by_hand = 2 * (3 * 256 * 11_153_152 + 8 * 1_524_106_240)
    # Two first layers and a match that need no gradient of their input.
    first = 2 * (256 * (9 * 3 * 128 + 3 * 128) + 2 * 4096 * 9 * 3 * 128)
    assert step == by_hand - first
    assert 41.3e9 < step < 41.5e9


def test_a_layer_that_is_not_known_is_refused(operations):
    images = keras.Input((None, None, 2))
    made = keras.layers.Conv2DTranspose(4, 3)(images)
    with pytest.raises(ValueError, match="Conv2DTranspose"):
        operations.forward(keras.Model(images, made), (8, 8, 2))
