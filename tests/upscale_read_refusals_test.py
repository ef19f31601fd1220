"""Reading image files: what is refused, and why."""

import importlib.util
import struct

import pytest
import tifffile
from PIL import Image
from PIL import TiffImagePlugin

from keras_affsr.upscale import ImageError
from keras_affsr.upscale import read_image
from tests.upscale_images import chunk
from tests.upscale_images import encode
from tests.upscale_images import encode_deep
from tests.upscale_images import insert_chunk
from tests.upscale_images import ramp


@pytest.mark.parametrize(
    "contents, message",
    [
        (b"", "no image that can be read: it has 0 bytes"),
        (b"GIF, or so it says", "no image .* starts with b'GIF, or '"),
        (b"<svg/>", "Expected: PNG, JPEG"),
    ],
)
def test_what_is_no_image_is_refused(contents, message):
    with pytest.raises(ImageError, match=message):
        read_image(contents)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "BMP"])
def test_an_image_cut_short_is_refused(kind):
    contents = encode(ramp(64, 64), kind)
    with pytest.raises(ImageError, match=r"damaged or cut short.*Fetch"):
        read_image(contents[: len(contents) * 2 // 3])


def test_a_deep_png_cut_short_is_refused():
    contents = encode_deep(ramp(64, 64, bits=16))
    with pytest.raises(ImageError, match="damaged or cut short"):
        read_image(contents[:-300])


def test_files_that_cannot_be_opened_are_refused(tmp_path):
    with pytest.raises(ImageError, match=r"absent\.png cannot be read: No"):
        read_image(tmp_path / "absent.png")
    with pytest.raises(ImageError, match="cannot be read: Is a directory"):
        read_image(tmp_path)
    with pytest.raises(ImageError, match=r"a path, or the bytes.*ndarray"):
        read_image(ramp())


def test_too_many_pixels_are_refused_before_they_are_decoded():
    contents = encode(ramp(20, 30))
    assert read_image(contents, max_pixels=600).pixels.shape == (20, 30, 3)
    with pytest.raises(ImageError, match=r"too many pixels.*max_pixels=599"):
        read_image(contents, max_pixels=599)
    with pytest.raises(ImageError, match="too many pixels"):
        read_image(contents, max_pixels=100)
    bomb = insert_chunk(contents[:8] + _header(50_000, 50_000), b"IDAT", b"")
    with pytest.raises(ImageError, match="too many pixels"):
        read_image(bomb)
    with pytest.raises(ValueError, match="max_pixels=0"):
        read_image(contents, max_pixels=0)


def test_limits_of_pillow_are_left_as_they_were():
    before = Image.MAX_IMAGE_PIXELS
    with pytest.raises(ImageError):
        read_image(encode(ramp()), max_pixels=1)
    assert before == Image.MAX_IMAGE_PIXELS


def test_an_image_without_pixels_is_refused():
    contents = encode(ramp())
    empty = contents[:8] + _header(0, 5) + contents[33:]
    with pytest.raises(ImageError, match="damaged, has no pixels"):
        read_image(empty)


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF"])
def test_several_images_in_a_file_are_refused(kind):
    frames = [Image.fromarray(ramp() // part) for part in (1, 2, 3)]
    contents = encode(frames[0], kind, save_all=True, append_images=frames[1:])
    with pytest.raises(ImageError, match="has 3 images, as an animation"):
        read_image(contents)


@pytest.mark.parametrize("dtype", ["float32", "int32", "uint32"])
def test_values_without_a_known_white_are_refused(tmp_path, dtype):
    values = ramp(channels=1)[..., 0].astype(dtype)
    path = tmp_path / "values.tif"
    tifffile.imwrite(path, values, photometric="minisblack")
    with pytest.raises(ImageError, match=r"whose white is not known.*Scale"):
        read_image(path)


def test_deep_tiff_of_other_colours_is_refused(tmp_path):
    path = tmp_path / "inks.tif"
    inks = ramp(channels=4, bits=16)
    tifffile.imwrite(path, inks, photometric="separated", planarconfig="contig")
    with pytest.raises(ImageError, match=r"the colours SEPARATED. Expected"):
        read_image(path)


def test_deep_tiff_of_a_codec_that_is_missing_is_refused():
    if importlib.util.find_spec("imagecodecs"):
        pytest.skip("imagecodecs is installed")
    samples = ramp(bits=16)
    data = _lzw(samples.astype("<u2").tobytes())
    contents = _tiff(samples.shape, data, compression=5)
    with pytest.raises(ImageError, match=r"compressed by LZW.*imagecodecs"):
        read_image(contents)


def _lzw(data):
    """Returns bytes as LZW of 9 bits per code, of which no code saves any."""
    codes = []
    for number, byte in enumerate(data):
        # Cleared before the table asks for longer codes.
        codes += [256, byte] if number % 200 == 0 else [byte]
    bits = "".join(f"{code:09b}" for code in [*codes, 257])
    bits += "0" * (-len(bits) % 16)
    return int(bits, 2).to_bytes(len(bits) // 8, "big")


def _tiff(shape, data, compression):
    """Returns a TIFF file of one strip of 16 bits."""
    directory = TiffImagePlugin.ImageFileDirectory_v2()
    height, width, channels = shape
    for tag, value in {
        256: width,
        257: height,
        258: (16,) * channels,
        259: compression,
        262: 2,
        273: 0,
        277: channels,
        278: height,
        279: len(data),
    }.items():
        directory.tagtype[tag] = 4 if tag in (273, 279) else 3
        directory[tag] = value
    # Pillow adds to the strip's place where its own bytes end.
    return b"II*\0" + struct.pack("<I", 8) + directory.tobytes(8) + data


def _header(width, height):
    data = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return chunk(b"IHDR", data)
