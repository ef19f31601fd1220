import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tests.export_tiny import DOWNSAMPLE
from tests.export_tiny import MAX_PIXELS
from tests.export_tiny import deep_file_of
from tests.export_tiny import file_of
from tests.export_tiny import image_of
from tests.export_tiny import loaded
from tests.export_tiny import pixels
from tests.export_tiny import run
from tests.export_tiny import shrunk

pytestmark = pytest.mark.slow

# The rounding of float32, relative to values of up to one.
ROUNDING = 1e-6


def serve(*files, kind="colour", **inputs):
    return run("serve_png", kind, low_res_bytes=list(files), **inputs)


def test_a_png_file_shrinks_to_the_file_that_was_sent():
    sent = pixels(11, 8, 3)
    outputs = serve(file_of(sent))
    returned = image_of(outputs["high_res_bytes"][0])
    assert returned.shape == (22, 16, 3)
    np.testing.assert_array_equal(shrunk(returned), sent)
    assert outputs["unmatched"] == 0


def test_a_png_file_of_16_bits_does_too():
    sent = pixels(9, 10, 3, dtype="uint16")
    outputs = serve(deep_file_of(sent))
    returned = image_of(outputs["high_res_bytes"][0], "uint16")
    np.testing.assert_array_equal(shrunk(returned), sent)
    assert outputs["unmatched"] == 0


def test_the_error_is_that_of_the_file_that_is_returned():
    sent = pixels(11, 8, 3)
    outputs = serve(file_of(sent))
    returned = image_of(outputs["high_res_bytes"][0]) / 255.0
    low_res = DOWNSAMPLE(returned.astype("float32")[None])[0].numpy()
    error = np.sqrt(np.mean((low_res - sent / 255.0) ** 2))
    assert error > 0
    np.testing.assert_allclose(
        outputs["consistency_error"], [error], atol=ROUNDING
    )


def test_an_image_that_no_other_shrinks_to_is_counted():
    # A checkerboard of black and white is sharper than any A y.
    sent = (255 * (np.indices((8, 8)).sum(0) % 2)).astype("uint8")
    outputs = serve(file_of(np.stack([sent] * 3, -1)))
    returned = image_of(outputs["high_res_bytes"][0])
    differ = np.sum(shrunk(returned) != sent[..., None])
    assert differ > 0
    assert outputs["unmatched"] == differ


def test_files_of_several_kinds_and_sizes_are_served_in_one_request():
    files = [
        file_of(pixels(5, 7, 3)),
        file_of(pixels(8, 6, 3), "JPEG"),
        deep_file_of(pixels(4, 4, 3, dtype="uint16")),
    ]
    together = serve(*files)
    for number, each in enumerate(files):
        alone = serve(each)
        for name, value in alone.items():
            np.testing.assert_array_equal(value[0], together[name][number])


def test_a_jpeg_file_is_decoded_as_pillow_does():
    contents = file_of(pixels(20, 13, 3), "JPEG", quality=60)
    sent = np.asarray(Image.open(io.BytesIO(contents)))
    returned = image_of(serve(contents)["high_res_bytes"][0])
    np.testing.assert_array_equal(shrunk(returned), sent)


def test_both_signatures_of_8_bits_agree():
    sent = pixels(7, 9, 3)
    returned = image_of(serve(file_of(sent))["high_res_bytes"][0])
    images = run("serve_uint8", low_res=sent[None])["high_res"]
    np.testing.assert_array_equal(images[0], returned)
    assert images.dtype == np.uint8


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "P", "1", "I;16"])
def test_files_of_other_modes_become_those_of_the_model(mode):
    coloured = Image.fromarray(pixels(9, 8, 3)).convert("RGB")
    if mode == "I;16":
        contents = deep_file_of(pixels(9, 8, 1, dtype="uint16"))
    else:
        contents = file_of(coloured.convert(mode))
    plain = tf.io.decode_png(contents, channels=3).numpy()
    outputs = serve(contents)
    dtype = "uint16" if mode == "I;16" else "uint8"
    assert image_of(outputs["high_res_bytes"][0], dtype).shape == (18, 16, 3)
    if dtype == "uint8":
        expected = serve(file_of(plain))["high_res_bytes"][0]
        assert outputs["high_res_bytes"][0] == expected


def test_a_grey_model_returns_grey_files():
    sent = pixels(10, 7, 1)
    outputs = serve(file_of(sent), kind="grey", seed=np.array([5]))
    returned = image_of(outputs["high_res_bytes"][0])
    assert returned.shape == (20, 14, 1)
    np.testing.assert_array_equal(shrunk(returned), sent)


PNG = file_of(pixels(12, 12, 3))
JPEG = file_of(pixels(12, 12, 3), "JPEG")
SIZES_AT = 16  # In a PNG file: width and height, four bytes each.


def resized_header(width, height):
    sizes = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    return PNG[:SIZES_AT] + sizes + PNG[SIZES_AT + 8 :]


@pytest.mark.parametrize(
    ("contents", "reason"),
    [
        (b"", "is neither a JPEG nor a PNG file"),
        (b"not an image", "is neither a JPEG nor a PNG file"),
        (file_of(pixels(6, 6, 3), "GIF"), "is neither a JPEG nor a PNG file"),
        (PNG[:8], "is damaged or cut off"),
        (PNG[:30], "is damaged or cut off"),
        (PNG[:-30], "is damaged or cut off"),
        (PNG[:60] + b"\0" + PNG[61:], "is damaged or cut off"),
        (JPEG[:3], "is damaged or cut off"),
        (JPEG[:100], "is damaged or cut off"),
        (JPEG[:-30], "is damaged or cut off"),
        (resized_header(0, 5), "is damaged or cut off"),
        (resized_header(5, 0), "is damaged or cut off"),
        (resized_header(30, 31), f"has more than {MAX_PIXELS} pixels"),
        (resized_header(65536, 65536), f"has more than {MAX_PIXELS} pixels"),
        (resized_header(2**32 - 1, 2), f"has more than {MAX_PIXELS} pixels"),
        (
            file_of(pixels(31, 30, 3), "JPEG"),
            f"has more than {MAX_PIXELS} pixels",
        ),
    ],
)
def test_a_bad_file_is_refused_with_its_place_and_the_reason(contents, reason):
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        serve(PNG, contents, JPEG)
    assert f"low_res_bytes[1] {reason}." in str(caught.value)
    serve(PNG)  # It goes on.


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_grey_model_refuses_colour(kind):
    contents = file_of(pixels(6, 6, 3), kind)
    message = r"low_res_bytes\[0\] is in colour, and this model is for grey"
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        serve(contents, kind="grey", seed=np.array([0]))


def test_the_largest_image_allowed_is_served():
    assert MAX_PIXELS == 30 * 30
    serve(file_of(np.zeros((30, 30, 3), "uint8")))


def test_no_file_at_all_is_no_error():
    outputs = loaded().signatures["serve_png"](
        low_res_bytes=tf.zeros([0], "string")
    )
    assert {len(value) for value in outputs.values()} == {0}
