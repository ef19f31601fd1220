"""Reading image files: what of them is kept, and what is refused."""

import io

import numpy as np
import pytest
import tifffile
from PIL import Image
from PIL import ImageOps

from keras_affsr.upscale import read_image
from tests.upscale_images import PROFILE
from tests.upscale_images import encode
from tests.upscale_images import encode_deep
from tests.upscale_images import exif
from tests.upscale_images import insert_chunk
from tests.upscale_images import ramp


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_samples_of_8_bits_are_those_written(kind, channels):
    samples = ramp(channels=channels)
    options = {"lossless": True, "exact": True} if kind == "WEBP" else {}
    image = read_image(encode(samples, kind, **options))
    assert image.format == kind
    expected = samples
    if kind == "WEBP" and channels < 3:  # It has no grey.
        grey = np.repeat(samples[..., :1], 3, axis=-1)
        expected = np.concatenate([grey, samples[..., 1:]], axis=-1)
    np.testing.assert_array_equal(image.samples, expected)
    assert (image.alpha is not None) == (channels in (2, 4))


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_png_keeps_all_16_bits(channels):
    samples = ramp(channels=channels, bits=16)
    image = read_image(encode_deep(samples))
    assert image.bits == 16
    np.testing.assert_array_equal(image.samples, samples)


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("planes", ["contig", "separate"])
def test_tiff_keeps_all_16_bits(tmp_path, channels, byteorder, planes):
    samples = ramp(channels=channels, bits=16)
    stored = samples[..., 0] if channels == 1 else samples
    stored = np.moveaxis(stored, -1, 0) if planes == "separate" else stored
    path = tmp_path / "deep.tif"
    is_grey = channels == 1
    tifffile.imwrite(
        path,
        samples[..., 0] if is_grey else stored,
        byteorder=byteorder,
        photometric="minisblack" if is_grey else "rgb",
        planarconfig=None if is_grey else planes,
        extrasamples=["unassalpha"] if channels == 4 else None,
        compression="zlib",
        metadata=None,
    )
    np.testing.assert_array_equal(read_image(path).samples, samples)


def test_one_bit_becomes_black_and_white_of_8_bits():
    bits = ramp(channels=1)[..., 0] > 100
    image = read_image(encode(Image.fromarray(bits)))
    np.testing.assert_array_equal(image.pixels[..., 0], 255 * bits)


def test_palette_becomes_colour_with_its_opacity():
    colours = [255, 0, 0, 0, 255, 0, 10, 20, 30]
    indices = ramp(channels=1)[..., 0] % 3
    palette = Image.fromarray(indices, "P")
    palette.putpalette(colours)
    plain = read_image(encode(palette))
    table = np.reshape(colours, (3, 3)).astype("uint8")
    np.testing.assert_array_equal(plain.pixels, table[indices])
    assert plain.alpha is None
    seen = read_image(encode(palette, transparency=b"\xff\x00\x80"))
    np.testing.assert_array_equal(seen.pixels, table[indices])
    opacity = np.array([255, 0, 128], "uint8")[indices]
    np.testing.assert_array_equal(seen.alpha, opacity)


@pytest.mark.parametrize("channels", [1, 3])
def test_transparent_colour_of_16_bits_becomes_opacity(channels):
    samples = ramp(channels=channels, bits=16)
    contents = encode_deep(samples)
    colour = samples[2, 3].astype(">u2").tobytes()
    contents = insert_chunk(contents, b"tRNS", colour)
    image = read_image(contents)
    expected = 65535 * np.any(samples != samples[2, 3], axis=-1)
    np.testing.assert_array_equal(image.alpha, expected)
    assert expected.min() == 0 and expected.max() == 65535


def test_cmyk_is_converted_and_loses_its_profile():
    picture = Image.fromarray(ramp()).convert("CMYK")
    contents = encode(picture, "JPEG", quality=95, icc_profile=PROFILE)
    image = read_image(contents)
    with Image.open(io.BytesIO(contents)) as opened:
        expected = np.asarray(opened.convert("RGB"))
    np.testing.assert_array_equal(image.pixels, expected)
    assert image.icc_profile is None


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "deep"])
def test_orientation_is_applied_once(kind, orientation):
    samples = ramp()
    tags = exif(tag_274=orientation)
    if kind == "deep":
        contents = encode_deep(257 * samples.astype("uint16"))
        contents = insert_chunk(contents, b"eXIf", tags.tobytes()[6:])
    else:
        lossless = {"lossless": True} if kind == "WEBP" else {}
        contents = encode(samples, kind, exif=tags.tobytes(), **lossless)
    image = read_image(contents)
    with Image.open(io.BytesIO(contents)) as opened:
        expected = np.asarray(ImageOps.exif_transpose(opened))
    pixels = image.pixels if image.bits == 8 else image.pixels // 257
    np.testing.assert_array_equal(pixels, expected)
    kept = Image.Exif()
    kept.load(image.exif)
    assert 274 not in kept
    assert kept[315] == "An artist"


@pytest.mark.parametrize("orientation", [1, 6, 8])
def test_orientation_of_a_deep_tiff_is_applied(tmp_path, orientation):
    samples = ramp(bits=16)
    tag = (274, "H", 1, orientation, True)
    tifffile.imwrite(
        tmp_path / "a.tif", samples, photometric="rgb", extratags=[tag]
    )
    turns = {1: 0, 6: -1, 8: 1}[orientation]
    expected = np.rot90(samples, turns)
    image = read_image(tmp_path / "a.tif")
    np.testing.assert_array_equal(image.pixels, expected)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_profile_and_exif_are_kept(kind):
    contents = encode(ramp(), kind, icc_profile=PROFILE, exif=exif().tobytes())
    image = read_image(contents)
    assert image.icc_profile == PROFILE
    kept = Image.Exif()
    kept.load(image.exif)
    assert kept[315] == "An artist"
    assert kept.get_ifd(0x8769)[0x829A] == pytest.approx(0.01)
    # Nothing of how a TIFF file is laid out, which is not true of another.
    assert set(kept) <= {315, 0x8769}


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "BMP"])
def test_dots_per_inch_are_kept(kind):
    image = read_image(encode(ramp(), kind, dpi=(300, 150)))
    assert image.dpi == pytest.approx((300, 150), abs=0.1)


def test_several_views_of_a_camera_are_its_first():
    first, second = (Image.fromarray(ramp() // part) for part in (1, 2))
    contents = encode(first, "MPO", save_all=True, append_images=[second])
    image = read_image(contents)
    assert image.format == "JPEG"
    with Image.open(io.BytesIO(contents)) as opened:
        np.testing.assert_array_equal(image.pixels, np.asarray(opened))
