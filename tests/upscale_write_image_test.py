"""Writing image files: what is kept, what is refused, and what is left."""

import contextlib
import os
import resource

import numpy as np
import pytest
from PIL import Image

from keras_affsr.upscale import ImageError
from keras_affsr.upscale import ImageFile
from keras_affsr.upscale import encode_image
from keras_affsr.upscale import read_image
from keras_affsr.upscale import write_image
from tests.upscale_images import PROFILE
from tests.upscale_images import exif
from tests.upscale_images import ramp

# PNG keeps whole pixels per metre, and 0.0254 metres are an inch.
DPI_TOLERANCE = 0.5 * 0.0254


def image_file(channels=3, bits=8, **options):
    """Returns an `ImageFile`; an even number of channels has opacity."""
    samples = ramp(channels=channels, bits=bits)
    if channels % 2:
        return ImageFile(samples, **options)
    return ImageFile(samples[..., :-1], samples[..., -1], **options)


@pytest.mark.parametrize(
    "format, bits, channels",
    [
        *(("PNG", bits, n) for bits in (8, 16) for n in (1, 2, 3, 4)),
        *(("TIFF", 8, n) for n in (1, 2, 3, 4)),
        *(("TIFF", 16, n) for n in (1, 3, 4)),
        *(("WEBP", 8, n) for n in (3, 4)),
        *(("BMP", 8, n) for n in (1, 3)),
    ],
)
def test_lossless_formats_keep_every_sample(format, bits, channels):
    image = image_file(channels, bits)
    read = read_image(encode_image(image, format))
    assert read.format == format
    assert read.bits == bits
    np.testing.assert_array_equal(read.samples, image.samples)


@pytest.mark.parametrize("channels", [1, 2])
def test_webp_holds_grey_as_equal_channels(channels):
    image = image_file(channels)
    read = read_image(encode_image(image, "WEBP"))
    expected = np.repeat(image.pixels, 3, axis=-1)
    np.testing.assert_array_equal(read.pixels, expected)
    np.testing.assert_array_equal(read.alpha, image.alpha)


def test_webp_keeps_the_colours_under_transparent_pixels():
    image = ImageFile(ramp(), np.zeros((10, 13), "uint8"))
    read = read_image(encode_image(image, "WEBP"))
    np.testing.assert_array_equal(read.pixels, image.pixels)


def test_jpeg_is_near_and_keeps_the_resolution_of_colours():
    pixels = np.zeros((16, 16, 3), "uint8")
    pixels[:, ::2, 0] = 255  # Red stripes, which 4:2:0 would blur away.
    read = read_image(encode_image(ImageFile(pixels), "JPEG"))
    assert np.abs(read.pixels.astype(int) - pixels).max() < 40


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("format", ["PNG", "TIFF"])
def test_profile_dpi_and_artist_are_written(format, bits):
    options = {"icc_profile": PROFILE, "dpi": (300, 150)}
    image = image_file(3, bits, exif=exif().tobytes(), **options)
    read = read_image(encode_image(image, format))
    assert read.icc_profile == PROFILE
    assert read.dpi == pytest.approx((300, 150), abs=DPI_TOLERANCE)
    kept = Image.Exif()
    kept.load(read.exif)
    assert kept[315] == "An artist"


@pytest.mark.parametrize(
    "format, bits", [("PNG", 8), ("PNG", 16), ("JPEG", 8), ("WEBP", 8)]
)
def test_exif_states_the_size_of_the_file(format, bits):
    pixels = ramp(20, 30, bits=bits)  # The EXIF says 10 x 13.
    image = ImageFile(pixels, exif=exif().tobytes(), icc_profile=PROFILE)
    read = read_image(encode_image(image, format))
    kept = Image.Exif()
    kept.load(read.exif)
    details = kept.get_ifd(0x8769)
    assert (details[0xA003], details[0xA002]) == (20, 30)
    assert details[0x829A] == pytest.approx(0.01)
    assert read.icc_profile == PROFILE


@pytest.mark.parametrize("bits", [8, 16])
def test_exif_in_png_starts_as_the_standard_says(bits):
    image = ImageFile(ramp(bits=bits), exif=exif().tobytes())
    _, found = encode_image(image, "PNG").split(b"eXIf")
    assert found[:4] in (b"II*\0", b"MM\0*")


def test_ending_says_the_format(tmp_path):
    formats = {"a.PNG": "PNG", "a.tiff": "TIFF", "a.jpeg": "JPEG"}
    for name, format in formats.items():
        write_image(tmp_path / "new" / name, image_file())
        assert read_image(tmp_path / "new" / name).format == format


def test_a_file_that_exists_is_not_replaced_unasked(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(b"dear")
    with pytest.raises(ImageError, match=r"a\.png exists, and is not replaced"):
        write_image(path, image_file())
    assert path.read_bytes() == b"dear"
    write_image(path, image_file(), overwrite=True)
    np.testing.assert_array_equal(read_image(path).pixels, ramp())
    assert os.listdir(tmp_path) == ["a.png"]


def test_a_new_file_has_the_usual_permissions(tmp_path):
    write_image(tmp_path / "a.png", image_file())
    (tmp_path / "b.png").write_bytes(b"")
    modes = [os.stat(tmp_path / name).st_mode for name in ("a.png", "b.png")]
    assert modes[0] == modes[1]


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_full_disk_leaves_nothing_half_written(tmp_path, overwrite):
    pixels = np.random.default_rng(0).integers(0, 256, (90, 90, 3), "uint8")
    path = tmp_path / "a.png"
    if overwrite:
        path.write_bytes(b"dear")
    with (
        _file_size_limit(5000),
        pytest.raises(ImageError, match=r"cannot be written: File too large"),
    ):
        write_image(path, ImageFile(pixels), overwrite)
    if overwrite:
        assert path.read_bytes() == b"dear"
        path.unlink()
    assert os.listdir(tmp_path) == []


def test_places_that_cannot_be_written_are_refused(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ImageError, match=r"a\.png cannot be written: File"):
        write_image(tmp_path / "file" / "a.png", image_file())
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(ImageError, match="it is a folder"):
        write_image(tmp_path / "folder.png", image_file(), overwrite=True)


@pytest.mark.parametrize("name", ["a", "a.gif", "a.npy"])
def test_unknown_endings_are_refused(tmp_path, name):
    with pytest.raises(ImageError, match=r"its ending is .*one of \.png"):
        write_image(tmp_path / name, image_file())


@pytest.mark.parametrize(
    "format, options, message",
    [
        ("GIF", {}, "does not know format='GIF'"),
        ("JPEG", {"bits": 16}, "JPEG has no 16 bits. Write it as PNG"),
        ("WEBP", {"bits": 16}, "WEBP has no 16 bits"),
        ("BMP", {"bits": 16}, "BMP has no 16 bits"),
        ("JPEG", {"channels": 4}, "JPEG has no opacity"),
        ("BMP", {"channels": 2}, "BMP has no opacity"),
        ("TIFF", {"channels": 2, "bits": 16}, "not read from TIFF"),
    ],
)
def test_formats_that_cannot_hold_the_image_are_refused(
    format, options, message
):
    with pytest.raises(ImageError, match=message):
        encode_image(image_file(**options), format)


def test_webp_refuses_a_side_that_is_too_long():
    image = ImageFile(np.zeros((1, 16384, 1), "uint8"))
    with pytest.raises(ImageError, match="at most 16383 pixels on a side"):
        encode_image(image, "WEBP")


@pytest.mark.parametrize(
    "pixels, alpha, message",
    [
        (ramp().astype("float32"), None, "dtype float32.*Scale floats"),
        (ramp()[..., 0], None, r"shape \(10, 13\)"),
        (ramp(channels=2), None, r"shape \(10, 13, 2\)"),
        (ramp(), np.zeros((10, 12), "uint8"), r"alpha as .*\(10, 12\)"),
        (ramp(), np.zeros((10, 13), "uint16"), "dtype uint16"),
    ],
)
def test_arrays_that_are_no_image_are_refused(pixels, alpha, message):
    with pytest.raises(ValueError, match=message):
        ImageFile(pixels, alpha)


@contextlib.contextmanager
def _file_size_limit(num_bytes):
    """Makes the system refuse to write larger files."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
