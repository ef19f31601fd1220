import io
import itertools

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from keras_affsr.data.decode import decode_image
from keras_affsr.data.decode import image_size
from tests.data_files import cut_out
from tests.data_files import encode

BOX = (13, 5, 40, 48)
# Pillow rounds the luma to 8 bits, and ours is not rounded; a little more is
# float32's rounding and that of Pillow's 16-bit weights.
LUMA_TOLERANCE = 0.51 / 255
# Sums of three float32 products.
ROUNDING = 1e-6
# One unit in the last place below 1: in a graph, TensorFlow multiplies by the
# rounded inverse where NumPy divides.
LAST_PLACE = 2**-24

COLOUR_FILES = {
    "jpeg": {"kind": "JPEG", "quality": 90},
    "jpeg 4:4:4": {"kind": "JPEG", "subsampling": 0},
    "jpeg 4:2:2": {"kind": "JPEG", "subsampling": 1},
    "progressive jpeg": {"kind": "JPEG", "progressive": True},
    "cmyk jpeg": {"kind": "JPEG", "mode": "CMYK"},
    "png": {"kind": "PNG"},
    "palette png": {"kind": "PNG", "mode": "P"},
    "transparent palette png": {
        "kind": "PNG",
        "mode": "P",
        "transparency": 3,
    },
    "webp": {"kind": "WEBP", "lossless": True},
    "lossy webp": {"kind": "WEBP", "quality": 80},
    "bmp": {"kind": "BMP"},
    "tiff": {"kind": "TIFF"},
}
GREY_FILES = {
    "grey jpeg": {"kind": "JPEG", "mode": "L"},
    "grey png": {"kind": "PNG", "mode": "L"},
    "black and white png": {"kind": "PNG", "mode": "1"},
    "grey png with opacity": {"kind": "PNG", "mode": "LA"},
    "transparent grey png": {"kind": "PNG", "mode": "L", "transparency": 90},
    "grey bmp": {"kind": "BMP", "mode": "L"},
    "grey tiff": {"kind": "TIFF", "mode": "L"},
}


def in_graph(contents, **options):
    return tf.function(lambda c: decode_image(c, **options))(contents).numpy()


def assert_same(image, expected):
    np.testing.assert_allclose(image, expected, rtol=0, atol=LAST_PLACE)


def by_pillow(contents, mode):
    pixels = np.asarray(Image.open(io.BytesIO(contents)).convert(mode))
    return np.atleast_3d(pixels) / np.float32(255)


def cut(image):
    top, left, height, width = BOX
    return image[top : top + height, left : left + width]


@pytest.mark.parametrize("options", COLOUR_FILES.values(), ids=COLOUR_FILES)
def test_colours_are_those_of_pillow(options):
    contents = encode(cut_out(), **options)
    expected = by_pillow(contents, "RGB")
    assert_same(in_graph(contents), expected)
    assert_same(in_graph(contents, box=BOX), cut(expected))
    grey = in_graph(contents, channels=1, box=BOX)
    luma = cut(expected) @ np.float32([0.299, 0.587, 0.114])
    np.testing.assert_allclose(grey[..., 0], luma, rtol=0, atol=ROUNDING)
    np.testing.assert_allclose(
        grey, cut(by_pillow(contents, "L")), rtol=0, atol=LUMA_TOLERANCE
    )


@pytest.mark.parametrize("options", GREY_FILES.values(), ids=GREY_FILES)
def test_grey_is_that_of_pillow_and_repeats_in_colour(options):
    contents = encode(cut_out(), **options)
    expected = by_pillow(contents, "L")
    assert_same(in_graph(contents, channels=1), expected)
    assert_same(
        in_graph(contents, box=BOX), np.repeat(cut(expected), 3, axis=-1)
    )


@pytest.mark.parametrize("subsampling", [0, 1, 2])
def test_any_part_of_a_jpeg_is_a_slice_of_the_whole(subsampling):
    contents = encode(cut_out(), "JPEG", quality=95, subsampling=subsampling)
    whole = in_graph(contents)
    decode = tf.function(lambda box: decode_image(contents, box=box))
    for top, left in itertools.product((0, 1, 15, 42), range(23)):
        np.testing.assert_array_equal(
            decode(tf.constant([top, left, 48, 48])),
            whole[top : top + 48, left : left + 48],
        )


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bits_of_grey_keep_their_precision(kind):
    pixels = np.arange(90 * 70, dtype="uint16").reshape(90, 70) * 10 + 3
    contents = encode(pixels, kind)
    expected = (pixels / np.float32(65535))[..., None]
    assert_same(in_graph(contents, channels=1), expected)
    assert_same(
        in_graph(contents, box=BOX), np.repeat(cut(expected), 3, axis=-1)
    )


@pytest.mark.parametrize("channels", [3, 4])
def test_sixteen_bits_of_colour_keep_their_precision(channels):
    # Pillow writes no such PNG file.
    shape = (90, 70, channels)
    pixels = np.random.default_rng(0).integers(0, 65536, shape, "uint16")
    contents = tf.io.encode_png(pixels).numpy()
    expected = pixels[..., :3] / np.float32(65535)
    assert_same(in_graph(contents), expected)
    assert_same(in_graph(contents, box=BOX), cut(expected))


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_opacity_is_left_out(kind):
    opacity = np.tile(np.arange(70, dtype="uint8")[:, None], (90, 1, 1))
    pixels = np.concatenate([cut_out(), opacity], axis=-1)
    options = {"lossless": True, "exact": True} if kind == "WEBP" else {}
    contents = encode(pixels, kind, **options)
    assert_same(in_graph(contents), cut_out() / np.float32(255))


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_black_and_white_are_zero_and_one(dtype):
    pixels = np.zeros((4, 6, 3), dtype)
    pixels[1:3] = np.iinfo(dtype).max
    image = in_graph(tf.io.encode_png(pixels).numpy())
    np.testing.assert_array_equal(image, pixels > 0)


def test_orientation_of_exif_is_not_applied():
    exif = Image.Exif()
    exif[0x0112] = 6  # To be turned by 90 degrees.
    plain = encode(cut_out(), "JPEG")
    turned = encode(cut_out(), "JPEG", exif=exif)
    np.testing.assert_array_equal(in_graph(turned), in_graph(plain))
    np.testing.assert_array_equal(image_size(turned), [90, 70])


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "TIFF"])
def test_size_is_read_without_decoding(kind):
    contents = encode(cut_out(90, 70), kind)
    np.testing.assert_array_equal(image_size(contents), [90, 70])
    assert image_size(contents).dtype == tf.int32


def test_static_shape_is_that_of_the_box():
    spec = tf.TensorSpec((), "string")
    fixed = tf.function(lambda c: decode_image(c, 1, BOX))
    assert fixed.get_concrete_function(spec).output_shapes == (40, 48, 1)
    free = tf.function(lambda c: decode_image(c, 3, tf.constant(BOX)))
    shape = free.get_concrete_function(spec).output_shapes
    assert shape.as_list() == [None, None, 3]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_broken_bytes_fail(kind):
    contents = encode(cut_out(), kind)
    with pytest.raises(tf.errors.InvalidArgumentError):
        in_graph(contents[: len(contents) // 2])
    with pytest.raises(tf.errors.InvalidArgumentError):
        in_graph(b"no image at all, but a text")


def test_values_without_a_known_white_are_refused():
    contents = encode(np.zeros((9, 9), "float32"), "TIFF")
    with pytest.raises(tf.errors.OpError, match="mode 'F'"):
        in_graph(contents)
