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
    """Lists the calls of the fused operation: whether in training."""
    calls = []
    original = fused_batch_normalization._normalize

    def normalize(images, layer, training):
        calls.append(training)
        return original(images, layer, training)

    monkeypatch.setattr(fused_batch_normalization, "_normalize", normalize)
    return calls


def outcome(kind, images, upstream, training=True, **kwargs):
    """Returns outputs, gradients and averages of one step."""
    layer = kind(momentum=0.5, **kwargs)
    layer.build(images.shape)
    images = tf.cast(images, layer.compute_dtype)
    for number, weight in enumerate(layer.weights):  # Others than 0 and 1.
        weight.assign(noise(*weight.shape, seed=number) ** 2 + 0.5)
    with tf.GradientTape() as tape:
        tape.watch(images)
        outputs = layer(images, training=training)
        total = tf.reduce_sum(tf.cast(outputs, "float32") * upstream)
    watched = [images, *(each.value for each in layer.trainable_weights)]
    results = [outputs, *tape.gradient(total, watched), *layer.weights]
    return [keras.ops.cast(each, "float32") for each in results]


@pytest.mark.parametrize("training", [True, False, None])
@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize("shape", [(3, 4, 5, 6), (2, 1, 1, 3)], ids=str)
def test_a_step_is_that_of_keras(fused, shape, dtype, training):
    images, upstream = 2 * noise(*shape) + 1, noise(*shape, seed=1)
    kwargs = {"training": training, "dtype": dtype}
    made = outcome(FusedBatchNormalization, images, upstream, **kwargs)
    assert fused == [bool(training)]
    expected = outcome(
        keras.layers.BatchNormalization, images, upstream, **kwargs
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
    layer.trainable = False
    np.testing.assert_allclose(layer(images, training=True), trained, **CLOSE)
    assert fused == [True, False, False, False]


def test_inference_in_a_graph_where_convolutions_take_it_in(fused):
    def network(kind):
        keras.utils.set_random_seed(0)
        norm = kind(moving_mean_initializer="random_normal")
        convolution = keras.layers.Conv2D(4, 3, use_bias=False)
        layers = [convolution, norm, keras.layers.ReLU()]
        return keras.Sequential([keras.Input((8, 8, 3)), *layers])

    images = noise(2, 8, 8, 3)
    made = network(FusedBatchNormalization).predict(images, verbose=0)
    expected = network(keras.layers.BatchNormalization)(images)
    assert fused and not any(fused)
    assert np.std(made) > 0.05
    np.testing.assert_allclose(made, expected, **CLOSE)


@pytest.mark.parametrize(
    "kwargs",
    [{"scale": False}, {"center": False}, {"axis": 1}, {"renorm": True}],
    ids=str,
)
def test_what_the_operation_cannot_do_keras_does(fused, kwargs):
    images = noise(3, 4, 5, 6)
    made = outcome(FusedBatchNormalization, images, images, **kwargs)
    expected = outcome(
        keras.layers.BatchNormalization, images, images, **kwargs
    )
    assert not fused
    for each, other in zip(made, expected, strict=True):
        np.testing.assert_array_equal(each, other)


def test_vectors_and_gpus_are_keras_too(fused, monkeypatch):
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
