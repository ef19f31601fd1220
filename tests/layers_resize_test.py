import numpy as np
import PIL.Image
import pytest
import tensorflow as tf

from keras_affsr.layers import ResizeDownsample
from keras_affsr.layers.axis_matrix import PADDINGS
from tests import reference
from tests.layer_checks import noise

# Both libraries round their weights to float32, and so do we.
TOLERANCE = {"rtol": 0, "atol": 2e-6}

# Kernels of negative lobes or borders of one pixel cover all the cases.
SIZES = [(1, 1), (1, 2), (3, 1), (2, 3), (11, 13)]
SCALES = [2, 3, 4, (2, 4), (1, 2), (8, 5)]
FILTERS = {
    "bicubic": PIL.Image.Resampling.BICUBIC,
    "bilinear": PIL.Image.Resampling.BILINEAR,
    "lanczos3": PIL.Image.Resampling.LANCZOS,
    "area": PIL.Image.Resampling.BOX,
}


def images_of(size, scale):
    rows, columns = scale if isinstance(scale, tuple) else (scale, scale)
    return noise(2, size[0] * rows, size[1] * columns, 3)


def resized_by_pillow(images, size, method):
    """Resizes each plane as an image of 32-bit floats."""
    result = np.empty((*images.shape[:1], *size, images.shape[-1]))
    for i, image in enumerate(images):
        for c in range(image.shape[-1]):
            plane = PIL.Image.fromarray(np.ascontiguousarray(image[..., c]))
            assert plane.mode == "F"
            result[i, ..., c] = plane.resize(size[::-1], FILTERS[method])
    return result


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("method", FILTERS)
def test_images_shrink_as_pillow_shrinks_them(method, scale):
    layer = ResizeDownsample(scale, method)
    for size in SIZES:
        images = images_of(size, scale)
        np.testing.assert_allclose(
            layer(images),
            resized_by_pillow(images, size, method),
            **TOLERANCE,
        )


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("method", FILTERS)
def test_images_shrink_as_tensorflow_shrinks_them(method, scale):
    layer = ResizeDownsample(scale, method)
    for size in SIZES:
        images = images_of(size, scale)
        expected = tf.image.resize(images, size, method, antialias=True)
        np.testing.assert_allclose(layer(images), expected, **TOLERANCE)


@pytest.mark.parametrize("method", FILTERS)
def test_long_axes_shrink_alike(method):
    images = images_of((70, 5), 4)
    expected = tf.image.resize(images, (70, 5), method, antialias=True)
    np.testing.assert_allclose(
        ResizeDownsample(4, method)(images), expected, **TOLERANCE
    )


@pytest.mark.parametrize("padding", PADDINGS)
def test_other_borders_may_be_asked_for(padding):
    layer = ResizeDownsample((2, 4), padding=padding)
    images = images_of((2, 3), (2, 4))
    taps = (layer.rows.taps, layer.columns.taps)
    expected = reference.downsample(images, taps, (2, 4), padding)
    np.testing.assert_allclose(layer(images), expected, **TOLERANCE)


@pytest.mark.parametrize("method", FILTERS)
def test_a_flat_image_stays_flat_up_to_the_border(method):
    flat = np.full((1, 12, 24, 1), 0.7, "float32")
    np.testing.assert_allclose(
        ResizeDownsample(3, method)(flat), flat[:, ::3, ::3], **TOLERANCE
    )


@pytest.mark.parametrize("method", FILTERS)
def test_a_mirrored_image_has_a_mirrored_result(method):
    layer = ResizeDownsample((3, 4), method)
    images = images_of((4, 5), (3, 4))
    np.testing.assert_allclose(
        layer(images[:, ::-1, ::-1])[:, ::-1, ::-1], layer(images), **TOLERANCE
    )


def test_bicubic_leaves_the_range_of_the_input_near_edges():
    edge = np.zeros((1, 8, 32, 1), "float32")
    edge[:, :, 14:] = 1.0
    shrunk = np.asarray(ResizeDownsample(4, "bicubic")(edge))
    assert shrunk.min() < -1e-3 and shrunk.max() > 1 + 1e-3
