import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_affsr.layers import MirroredConv2D
from keras_affsr.layers import mirrored_conv2d
from tests.layer_checks import noise
from tests.layer_checks import rebuilt
from tests.layer_checks import with_unknown_sizes

# Sums of up to 9 x 256 products of numbers near one, in another order.
CLOSE = {"rtol": 1e-5, "atol": 2e-5}

# Height, width, channels, stride: with and without pixels between the ends,
# even and odd, and (256 channels, 16 outputs at most) as a matrix product.
SHAPES = [
    (9, 6, 4, 1),
    (2, 2, 3, 1),
    (8, 7, 4, 2),
    (1, 5, 3, 1),
    (8, 8, 256, 2),
    (7, 5, 256, 2),
    (3, 4, 256, 1),
    (2, 3, 256, 2),
]


def slow(images, kernel, stride):
    """Convolves by NumPy's padding and a loop over the taps."""
    rows, columns = kernel.shape[:2]
    sides = ((0, 0), (rows // 2,) * 2, (columns // 2,) * 2, (0, 0))
    padded = np.pad(images.astype("float64"), sides, "symmetric")
    _, height, width, _ = images.shape
    total = 0.0
    for row in range(rows):
        for column in range(columns):
            part = padded[:, row : row + height, column : column + width]
            total = total + part[:, ::stride, ::stride] @ kernel[row, column]
    return total


def gradients(function, images, kernel, upstream):
    images, kernel = tf.constant(images), tf.constant(kernel)
    with tf.GradientTape() as tape:
        tape.watch((images, kernel))
        total = tf.reduce_sum(function(images, kernel) * upstream)
    return tape.gradient(total, (images, kernel))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_it_is_the_convolution_of_the_mirrored_image(shape):
    *sizes, channels, stride = shape
    images = noise(2, *sizes, channels) - 0.5
    layer = MirroredConv2D(5, strides=stride, use_bias=False)
    outputs = layer(images)
    kernel = keras.ops.convert_to_numpy(layer.kernel)
    expected = slow(images, kernel.astype("float64"), stride)
    np.testing.assert_allclose(outputs, expected, **CLOSE)
    assert layer.compute_output_shape(images.shape) == expected.shape
    unknown = with_unknown_sizes(layer, images)
    np.testing.assert_allclose(unknown, expected, **CLOSE)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_its_gradients_are_those_of_padding_and_convolving(shape):
    *sizes, channels, stride = shape
    images = noise(2, *sizes, channels) - 0.5
    layer = MirroredConv2D(5, strides=stride, use_bias=False)
    upstream = noise(*layer(images).shape, seed=1)

    def plain(images, kernel):
        sides = ((0, 0), (1, 1), (1, 1), (0, 0))
        padded = tf.pad(images, sides, "SYMMETRIC")
        return tf.nn.conv2d(padded, kernel, stride, "VALID")

    kernel = keras.ops.convert_to_numpy(layer.kernel)
    made = gradients(layer.convolution_op, images, kernel, upstream)
    expected = gradients(plain, images, kernel, upstream)
    for each, other in zip(made, expected, strict=True):
        np.testing.assert_allclose(each, other, **CLOSE)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_way_is_chosen_by_size(shape, monkeypatch):
    *sizes, channels, stride = shape
    taken = []
    for name in ("_mirror", "_convolve_as_product"):
        original = getattr(mirrored_conv2d, name)

        def watched(*args, name=name, original=original):
            taken.append(name)
            return original(*args)

        monkeypatch.setattr(mirrored_conv2d, name, watched)
    MirroredConv2D(5, strides=stride)(noise(1, *sizes, channels))
    ways = ["_convolve_as_product" if channels == 256 else "_mirror"]
    assert taken == (ways if min(sizes) > 1 else [])


def test_a_gpu_gets_the_plain_convolution(monkeypatch):
    images = noise(2, 8, 8, 256) - 0.5
    layer = MirroredConv2D(3, strides=2)
    expected = layer(images)
    monkeypatch.setattr(mirrored_conv2d, "on_tensorflow_cpu", lambda: False)
    monkeypatch.delattr(mirrored_conv2d, "_mirror")
    monkeypatch.delattr(mirrored_conv2d, "_convolve_as_product")
    np.testing.assert_allclose(layer(images), expected, **CLOSE)


def test_kernels_of_other_sizes():
    images = noise(2, 6, 7, 2)
    layer = MirroredConv2D(3, (5, 3), use_bias=False)
    outputs = layer(images)
    expected = slow(images, keras.ops.convert_to_numpy(layer.kernel), 1)
    np.testing.assert_allclose(outputs, expected, **CLOSE)


def test_under_xla_and_in_half_precision():
    images = noise(2, 8, 8, 256) - 0.5
    layer = MirroredConv2D(3, strides=2)
    expected = layer(images)
    compiled = tf.function(layer, jit_compile=True)(images)
    np.testing.assert_allclose(compiled, expected, **CLOSE)
    half = MirroredConv2D(3, strides=2, dtype="mixed_bfloat16")
    half.build(images.shape)
    half.set_weights(layer.get_weights())
    assert half(images).dtype == "bfloat16"
    # Eight bits, in sums of products whose standard deviation is about 0.7.
    made = keras.ops.cast(half(images), "float32")
    np.testing.assert_allclose(made, expected, atol=0.03)


def test_its_config_and_what_it_refuses():
    layer = MirroredConv2D(3, strides=2, activation="relu", name="conv")
    layer.build((None, None, None, 2))
    assert rebuilt(layer).strides == (2, 2)
    for kwargs, message in (
        ({"kernel_size": 4}, "needs an odd kernel_size"),
        ({"padding": "valid"}, "Received: padding='valid'"),
        ({"dilation_rate": 2}, "Received: dilation_rate=2"),
        ({"groups": 2}, "Received: groups=2"),
        ({"data_format": "channels_first"}, "Received: data_format"),
    ):
        with pytest.raises(ValueError, match=message):
            MirroredConv2D(3, **kwargs)
