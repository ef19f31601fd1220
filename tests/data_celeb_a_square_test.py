import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from keras_affsr.data.square import decode_square
from tests import data_archives

# Pillow and TensorFlow sum a dozen float32 products of values up to 255 in
# another order; measured up to 2.3e-3 of 255.
TOLERANCE = 2e-5


def encoded(size, file_format="JPEG"):
    file = io.BytesIO()
    picture = Image.fromarray(data_archives.crops(1, size)[0])
    picture.save(file, file_format)
    return file.getvalue()


def pillow_square(contents, size, crop_size=None):
    """Decodes, crops and resizes by Pillow, without rounding in between."""
    image = Image.open(io.BytesIO(contents)).convert("RGB")
    side = min(*image.size, crop_size or max(image.size))
    left, top = ((length - side) // 2 for length in image.size)
    image = image.crop((left, top, left + side, top + side))
    planes = [
        plane.convert("F").resize((size, size), Image.Resampling.BICUBIC)
        for plane in image.split()
    ]
    return np.stack(planes, -1).clip(0, 255) / 255


@pytest.mark.parametrize("shape", [(218, 178), (91, 200), (64, 64)])
@pytest.mark.parametrize("file_format", ["JPEG", "PNG"])
@pytest.mark.parametrize("size", [16, 64, 100])
def test_square_is_that_of_pillow(shape, file_format, size):
    contents = encoded(shape, file_format)
    square = decode_square(tf.constant(contents), size)
    expected = pillow_square(contents, size)
    np.testing.assert_allclose(square, expected, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("crop_size", [1, 108, 147, 178])
def test_crop_size_is_the_side_of_the_square(crop_size):
    contents = encoded((218, 178))
    square = decode_square(tf.constant(contents), 32, crop_size)
    expected = pillow_square(contents, 32, crop_size)
    np.testing.assert_allclose(square, expected, rtol=0, atol=TOLERANCE)


def test_the_largest_square_of_celeb_a_is_rows_20_to_197():
    image = data_archives.crops(1, (218, 178))[0]
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    square = decode_square(tf.constant(file.getvalue()), 178)
    np.testing.assert_allclose(
        square, image[20:198] / 255, rtol=0, atol=TOLERANCE
    )


def test_a_crop_larger_than_the_image_is_its_largest_square():
    contents = tf.constant(encoded((218, 178)))
    np.testing.assert_array_equal(
        decode_square(contents, 64, 500), decode_square(contents, 64)
    )


def test_overshoot_is_clipped():
    edge = np.zeros((40, 40, 3), "uint8")
    edge[:, 20:] = 255
    square = decode_square(tf.io.encode_png(edge), 80).numpy()
    assert square.min() == 0 and square.max() == 1
    raw = tf.image.resize(edge / np.float32(255), (80, 80), "bicubic")
    assert np.min(raw) < -0.01 and np.max(raw) > 1.01
