import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_affsr.priors.causal_convolution import CausalConvolution
from keras_affsr.priors.causal_convolution import pad_past
from keras_affsr.priors.causal_convolution import past_pixels
from tests.layer_checks import noise
from tests.layer_checks import rebuilt
from tests.layer_checks import with_unknown_sizes
from tests.priors_tiny import past
from tests.priors_tiny import reference_convolution

# Of a sum of at most 50 terms near one, in float32.
TOLERANCE = {"rtol": 0, "atol": 1e-5}
KINDS = [(1, "B"), (3, "A"), (3, "B"), (5, "A"), (7, "B")]


def make_layer(kernel_size=5, mask_type="B", **kwargs):
    layer = CausalConvolution(4, kernel_size, mask_type, **kwargs)
    layer.build((None, None, None, 2))
    layer.bias.assign([0.1, 0.2, 0.3, 0.4])
    return layer


@pytest.mark.parametrize(("kernel_size", "mask_type"), KINDS)
def test_the_past_is_summed(kernel_size, mask_type):
    layer = make_layer(kernel_size, mask_type)
    images = noise(2, 5, 6, 2)
    np.testing.assert_allclose(
        layer(images), reference_convolution(layer, images), **TOLERANCE
    )


@pytest.mark.parametrize("radius", [1, 2, 3])
def test_the_nearest_pixels_are_those_that_a_kernel_sees(radius):
    images = noise(2, 5, 6, 3)
    expected = past(images, 2 * radius + 1, "A").reshape(2, 5, 6, -1)
    found = past_pixels(pad_past(images, radius), radius)
    np.testing.assert_array_equal(found, expected.astype("float32"))


def seen(layers, images, row, column):
    """Returns which pixels move the output of a stack at one pixel."""
    images = tf.constant(images)
    with tf.GradientTape() as tape:
        tape.watch(images)
        features = images
        for layer in layers:
            features = layer(features)
        total = tf.reduce_sum(features[:, row, column])
    gradient = tape.gradient(total, images).numpy()
    return np.any(gradient != 0, axis=(0, 3))  # [h, w]


def order(height, width):
    return np.arange(height * width).reshape(height, width)


@pytest.mark.parametrize(("kernel_size", "mask_type"), KINDS)
def test_a_layer_sees_all_of_its_past_and_nothing_else(kernel_size, mask_type):
    radius, size = kernel_size // 2, 9
    found = seen([make_layer(kernel_size, mask_type)], noise(1, 9, 9, 2), 4, 4)
    place = order(size, size)
    rows, columns = np.indices((size, size))
    near = np.maximum(np.abs(rows - 4), np.abs(columns - 4)) <= radius
    is_past = place <= place[4, 4] if mask_type == "B" else place < place[4, 4]
    np.testing.assert_array_equal(found, near & is_past)


def test_a_stack_never_sees_the_pixel_itself_nor_a_later_one():
    layers = [
        CausalConvolution(8, size, "B" if number else "A")
        for number, size in enumerate((7, 5, 5, 5))
    ]
    place = order(12, 20)
    for row, column in [(0, 0), (0, 19), (6, 10), (11, 0), (11, 19)]:
        found = seen(layers, noise(1, 12, 20, 2), row, column)
        assert not np.any(found[place >= place[row, column]])
        if column:
            assert found[row, column - 1]
        if row:
            assert found[row - 1, column]


def test_only_weights_that_are_used_exist():
    assert make_layer(5, "A").kernel.shape == (12, 2, 4)
    assert make_layer(5, "B").kernel.shape == (13, 2, 4)


def test_the_activation_comes_last():
    layer, linear = make_layer(activation="relu"), make_layer()
    linear.set_weights(layer.get_weights())
    images = noise(1, 5, 6, 2)
    values = np.asarray(linear(images))
    assert np.any(values < 0)
    np.testing.assert_array_equal(layer(images), np.maximum(values, 0))


@pytest.mark.parametrize("jit_compile", [False, True])
def test_images_may_have_any_size(jit_compile):
    layer = make_layer()
    images = noise(2, 5, 6, 2)
    found = with_unknown_sizes(layer, images, jit_compile=jit_compile)
    np.testing.assert_allclose(found, layer(images), **TOLERANCE)
    assert layer(keras.KerasTensor((None, None, None, 2))).shape == (
        None,
        None,
        None,
        4,
    )


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_the_layer_computes_in_the_precision_it_is_asked_for(policy):
    layer, exact = make_layer(dtype=policy), make_layer()
    exact.set_weights(layer.get_weights())
    images = noise(1, 5, 6, 2)
    features = layer(images)
    assert policy.endswith(features.dtype.name)
    # Eight bits of mantissa, of numbers near one.
    np.testing.assert_allclose(
        tf.cast(features, "float32"), exact(images), rtol=0, atol=0.03
    )


def test_the_config_makes_the_same_layer():
    layer = make_layer(
        3, "A", activation="tanh", kernel_initializer="he_normal"
    )
    clone = rebuilt(layer)
    clone.set_weights(layer.get_weights())
    images = noise(1, 5, 6, 2)
    np.testing.assert_array_equal(clone(images), layer(images))


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"filters": 0}, "Received: filters=0"),
        ({"kernel_size": 4}, "odd kernel_size.*Received: kernel_size=4"),
        ({"mask_type": "C"}, "mask_type='C'. Expected one of 'A', 'B'"),
        ({"kernel_size": 1, "mask_type": "A"}, "would see no pixel at all"),
    ],
)
def test_arguments_that_will_not_do_are_refused(arguments, expected):
    with pytest.raises(ValueError, match=expected):
        CausalConvolution(**{"filters": 4, "kernel_size": 3, **arguments})


def test_an_image_without_a_batch_is_refused():
    with pytest.raises(ValueError, match=r"Received: shape \(5, 6, 2\)"):
        make_layer()(noise(5, 6, 2))
