import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_affsr.layers import FusedBatchNormalization
from keras_affsr.layers import fused_batch_normalization
from tests.layer_checks import noise
from tests.layer_checks import rebuilt

# Float32. Of gradients of the scale, sums that cancel, Keras is 5e-5 away from
# what float64 gives, and the fused operation 2e-5.
CLOSE = {"rtol": 1e-5, "atol": 1e-4}


@pytest.fixture
def fused(monkeypatch):
    """Counts the calls of the fused operation."""
    calls = []
    original = fused_batch_normalization._normalize

    def normalize(*args):
        calls.append(args)
        return original(*args)

    monkeypatch.setattr(fused_batch_normalization, "_normalize", normalize)
    return calls


def train(kind, images, upstream, **kwargs):
    """Returns outputs, gradients and averages of one step of training."""
    layer = kind(momentum=0.5, **kwargs)
    layer.build(images.shape)
    images = tf.cast(images, layer.compute_dtype)
    with tf.GradientTape() as tape:
        tape.watch(images)
        outputs = layer(images, training=True)
        total = tf.reduce_sum(tf.cast(outputs, "float32") * upstream)
    watched = [images, *(each.value for each in layer.trainable_weights)]
    results = [outputs, *tape.gradient(total, watched), *layer.weights]
    return [keras.ops.cast(each, "float32") for each in results]


@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize("shape", [(3, 4, 5, 6), (2, 1, 1, 3)], ids=str)
def test_a_step_of_training_is_that_of_keras(fused, shape, dtype):
    images, upstream = 2 * noise(*shape) + 1, noise(*shape, seed=1)
    made = train(FusedBatchNormalization, images, upstream, dtype=dtype)
    assert len(fused) == 1
    expected = train(
        keras.layers.BatchNormalization, images, upstream, dtype=dtype
    )
    # With bfloat16, the rounding of an output and of a gradient to eight bits.
    close = CLOSE if dtype == "float32" else {"rtol": 2**-7, "atol": 2**-7}
    for each, other in zip(made, expected, strict=True):
        np.testing.assert_allclose(each, other, **close)


def test_by_hand():
    images = noise(3, 4, 5, 2)
    layer = FusedBatchNormalization(epsilon=1e-3, momentum=0.0)
    outputs = layer(images, training=True)
    mean, variance = images.mean((0, 1, 2)), images.var((0, 1, 2))
    expected = (images - mean) / np.sqrt(variance + 1e-3)
    np.testing.assert_allclose(outputs, expected, **CLOSE)
    np.testing.assert_allclose(layer.moving_mean, mean, **CLOSE)
    # Not the unbiased one: that is larger by a sixtieth.
    np.testing.assert_allclose(layer.moving_variance, variance, **CLOSE)


def test_inference_is_by_the_averages(fused):
    images = noise(3, 4, 5, 2)
    layer = FusedBatchNormalization(momentum=0.0)
    trained = layer(images, training=True)
    for training in (False, None):
        outputs = layer(images, training=training)
        np.testing.assert_allclose(outputs, trained, **CLOSE)
    assert len(fused) == 1


@pytest.mark.parametrize(
    "kwargs",
    [{"scale": False}, {"center": False}, {"axis": 1}, {"renorm": True}],
    ids=str,
)
def test_what_the_operation_cannot_do_keras_does(fused, kwargs):
    images = noise(3, 4, 5, 6)
    made = train(FusedBatchNormalization, images, images, **kwargs)
    expected = train(keras.layers.BatchNormalization, images, images, **kwargs)
    assert not fused
    for each, other in zip(made, expected, strict=True):
        np.testing.assert_array_equal(each, other)


def test_frozen_vectors_and_gpus_are_keras_too(fused, monkeypatch):
    layer = FusedBatchNormalization(trainable=False)
    layer(noise(3, 4, 5, 2), training=True)
    FusedBatchNormalization()(noise(3, 4), training=True)
    name = "on_tensorflow_cpu"
    monkeypatch.setattr(fused_batch_normalization, name, lambda: False)
    FusedBatchNormalization()(noise(3, 4, 5, 2), training=True)
    assert not fused


def test_its_config_and_its_graph_of_unknown_sizes():
    layer = FusedBatchNormalization(momentum=0.5, name="norm")
    assert rebuilt(layer).momentum == 0.5
    images = noise(3, 4, 5, 2)
    graph = tf.function(
        lambda x: layer(x, training=True),
        [tf.TensorSpec((None, None, None, 2))],
    )
    expected = FusedBatchNormalization()(images, training=True)
    np.testing.assert_allclose(graph(images), expected, **CLOSE)
