import numpy as np
import pytest
import scipy.ndimage
import tensorflow as tf

from keras_affsr.layers import BoxDownsample
from keras_affsr.layers import GaussianDownsample
from keras_affsr.layers import LinearDownsample
from keras_affsr.layers import SeparableDownsample
from keras_affsr.layers.axis_matrix import DENSE_SIZE
from keras_affsr.layers.axis_matrix import PADDINGS
from tests import reference
from tests.layer_checks import gradient
from tests.layer_checks import noise

# Sums of at most a few hundred products of float32 numbers below one.
TOLERANCE = {"rtol": 0, "atol": 1e-6}


def lopsided(taps, scale, padding):
    """A layer whose kernels differ from their mirror images."""
    kernels = [np.random.default_rng(i).random(n) for i, n in enumerate(taps)]
    return SeparableDownsample(kernels, scale, padding)


def assert_equals_the_loop(layer, size):
    scales = (layer.rows.scale, layer.columns.scale)
    high = [number * scale for number, scale in zip(size, scales)]
    images = noise(2, *high, 2)
    taps = (layer.rows.taps, layer.columns.taps)
    expected = reference.downsample(images, taps, scales, layer.padding)
    scale = max(1.0, np.abs(expected).max())
    np.testing.assert_allclose(
        layer(images) / scale, expected / scale, **TOLERANCE
    )


@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize(
    "taps, scale",
    [
        ((9, 9), 4),
        ((8, 3), 4),
        ((1, 2), 4),
        ((5, 4), 1),
        ((6, 9), 2),
        ((7, 10), 3),
        ((5, 9), (2, 4)),
    ],
)
def test_every_channel_of_every_image_is_filtered(taps, scale, padding):
    layer = lopsided(taps, scale, padding)
    for size in ((1, 1), (1, 3), (2, 2), (4, 5)):
        assert_equals_the_loop(layer, size)


@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("scale", [1, (2, 4)])
def test_long_axes_are_filtered_in_bands(scale, padding):
    layer = lopsided((9, 6), scale, padding)
    for size in ((DENSE_SIZE + 1, 2), (1, DENSE_SIZE + 20)):
        assert_equals_the_loop(layer, size)


def test_kernels_wider_than_a_band_are_right():
    layer = lopsided((45, 33), 1, "symmetric")
    assert_equals_the_loop(layer, (DENSE_SIZE + 1, DENSE_SIZE + 7))


def test_the_gaussian_is_that_of_scipy():
    images = noise(1, 32, 48, 1)
    blurred = scipy.ndimage.gaussian_filter(
        images[0, :, :, 0].astype("float64"), 2.0, mode="reflect", radius=4
    )  # SciPy's "reflect" repeats the edge pixel.
    np.testing.assert_allclose(
        GaussianDownsample(scale=4)(images)[0, :, :, 0],
        blurred[2::4, 2::4],
        **TOLERANCE,
    )


def test_the_box_takes_the_mean_of_each_block():
    images = noise(2, 12, 20, 3)
    blocks = images.reshape(2, 3, 4, 5, 4, 3)
    np.testing.assert_allclose(
        BoxDownsample(scale=4)(images), blocks.mean((2, 4)), **TOLERANCE
    )


def test_a_matrix_multiplies_the_last_axis():
    matrix = noise(3, 5)
    vectors = noise(2, 4, 5, seed=1)
    np.testing.assert_allclose(
        LinearDownsample(matrix)(vectors), vectors @ matrix.T, **TOLERANCE
    )


@pytest.mark.parametrize(
    "kernel_size, scale, peak", [(9, 4, 2), (5, 2, 1), (3, 1, 0), (7, 3, 1)]
)
def test_an_impulse_shows_where_the_kernel_sits(kernel_size, scale, peak):
    layer = GaussianDownsample(scale, kernel_size, padding="zero")
    impulses = np.eye(5 * scale, dtype="float32")[:, :, None, None]
    impulses = np.tile(impulses, (1, 1, scale, 1))
    responses = np.asarray(layer(impulses))[:, 2, 0, 0]
    assert responses.argmax() == 2 * scale + peak


@pytest.mark.parametrize("kernel_size, scale", [(8, 4), (4, 2), (9, 3), (9, 1)])
def test_a_kernel_of_the_block_s_parity_is_centred(kernel_size, scale):
    layer = GaussianDownsample(scale, kernel_size)
    images = noise(1, 6 * scale, 5 * scale, 1)
    np.testing.assert_allclose(
        layer(images[:, ::-1, ::-1])[:, ::-1, ::-1], layer(images), **TOLERANCE
    )


@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("size", [(1, 1), (3, 2), (DENSE_SIZE + 6, 1)])
def test_the_adjoint_is_the_transpose(size, padding):
    layer = lopsided((9, 6), (2, 4), padding)
    low_res = noise(2, *size, 2)
    dense = reference.matrix(layer, size)
    high = (2 * size[0], 4 * size[1])
    expected = reference.multiply(dense.T, low_res, high)
    scale = max(1.0, np.abs(expected).max())
    np.testing.assert_allclose(
        layer.adjoint(low_res) / scale, expected / scale, **TOLERANCE
    )
    images = noise(2, *high, 2, seed=1)
    np.testing.assert_allclose(
        np.sum(np.asarray(layer(images), "float64") * low_res),
        np.sum(np.asarray(layer.adjoint(low_res), "float64") * images),
        rtol=1e-6,  # Of sums of positive float32 numbers.
    )


@pytest.mark.parametrize("padding", PADDINGS)
def test_solve_inverts_the_normal_matrix(padding):
    layer = GaussianDownsample((2, 4), padding=padding)
    for size in ((1, 1), (3, 5), (DENSE_SIZE + 1, 2)):
        low_res = noise(2, *size, 1)
        solved = layer.solve(low_res)
        normal = reference.matrix(layer, size)
        normal = normal @ normal.T
        np.testing.assert_allclose(
            reference.multiply(normal, np.asarray(solved), size),
            low_res,
            **TOLERANCE,
        )
        # Of a Kronecker product: the factors' one-norm condition numbers.
        np.testing.assert_allclose(
            layer.gram_condition((None, *size, 1)),
            np.linalg.cond(normal, 1),
            rtol=1e-6,
        )


def test_the_layer_is_linear():
    layer = GaussianDownsample(scale=4)
    first, second = noise(2, 1, 16, 24, 3)
    np.testing.assert_allclose(
        layer(2 * first - 3 * second),
        2 * layer(first) - 3 * layer(second),
        rtol=0,
        atol=5e-6,  # The terms are up to five times those of TOLERANCE.
    )


@pytest.mark.parametrize("unknown", [False, True])
def test_the_gradient_has_gradients(unknown):
    layer = GaussianDownsample((2, 4), padding="reflect")
    images, upstream, other = noise(3, 1, 8, 12, 1)
    dense = reference.matrix(layer, (4, 3))
    call = layer
    if unknown:
        call = tf.function(layer, [tf.TensorSpec((None, None, None, 1))])
    normal = reference.multiply(dense.T @ dense, images, (8, 12))
    np.testing.assert_allclose(
        gradient(lambda y: call(y) ** 2 / 2, images, 1.0), normal, **TOLERANCE
    )

    def first(images):
        with tf.GradientTape() as tape:
            tape.watch(images)
            loss = tf.reduce_sum(call(images) ** 2) / 2
        return tape.gradient(loss, images) * other

    expected = reference.multiply(dense.T @ dense, upstream * other, (8, 12))
    np.testing.assert_allclose(
        gradient(first, images, upstream), expected, **TOLERANCE
    )
