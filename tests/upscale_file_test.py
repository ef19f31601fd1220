"""From file to file: the promise is about the file that is written."""

import logging
import os

import keras
import numpy as np
import pytest
from PIL import Image

from keras_affsr.upscale import ImageError
from keras_affsr.upscale import ImageFile
from keras_affsr.upscale import Upscaler
from keras_affsr.upscale import encode_image
from keras_affsr.upscale import read_image
from keras_affsr.upscale import upscale_bytes
from keras_affsr.upscale import upscale_file
from keras_affsr.upscale import write_image
from tests.upscale_images import PROFILE
from tests.upscale_images import exif
from tests.upscale_tiny import DOWNSAMPLE
from tests.upscale_tiny import SIZE
from tests.upscale_tiny import high_res_image
from tests.upscale_tiny import low_res_image
from tests.upscale_tiny import shrink
from tests.upscale_tiny import shrink_to_levels
from tests.upscale_tiny import tiny_upscaler

# Of decibels, which come from errors in float32 of some 1e-3.
DECIBELS_TOLERANCE = 0.01
KINDS = [
    *(("PNG", bits, n) for bits in (8, 16) for n in (1, 2, 3, 4)),
    *(("TIFF", bits, n) for bits in (8, 16) for n in (1, 3, 4)),
    *(("WEBP", 8, n) for n in (1, 3, 4)),
    *(("BMP", 8, n) for n in (1, 3)),
]
ENDINGS = {"PNG": ".png", "TIFF": ".tif", "WEBP": ".webp", "BMP": ".bmp"}


@pytest.fixture(scope="module")
def upscalers():
    return {channels: tiny_upscaler(channels) for channels in (1, 3)}


@pytest.mark.parametrize("format, bits, channels", KINDS)
def test_written_file_downsamples_to_the_file_read(
    upscalers, tmp_path, format, bits, channels
):
    low_res = low_res_image(channels, bits)
    source = tmp_path / ("in" + ENDINGS[format])
    write_image(source, low_res)
    low_res = read_image(source)  # WebP has made grey a colour.
    upscaler = upscalers[low_res.pixels.shape[-1]]
    target = tmp_path / ("out" + ENDINGS[format])
    upscaled = upscale_file(upscaler, source, target)
    written = read_image(target)
    assert written.bits == bits
    expected = low_res.samples
    np.testing.assert_array_equal(shrink(written.samples, bits), expected)
    assert upscaled.reproduced == 1
    assert upscaled.unmatched == 0
    np.testing.assert_array_equal(upscaled.images, written.pixels)


@pytest.mark.parametrize("of_model, of_image", [(1, 3), (3, 1), (1, 4), (3, 2)])
def test_channels_of_the_file_are_kept_whatever_the_model(
    upscalers, of_model, of_image
):
    low_res = low_res_image(of_image)
    contents, upscaled = upscale_bytes(
        upscalers[of_model], encode_image(low_res)
    )
    written = read_image(contents)
    assert written.samples.shape[-1] == of_image
    np.testing.assert_array_equal(shrink(written.samples, 8), low_res.samples)
    assert upscaled.reproduced == 1


def test_grey_model_enlarges_each_channel_as_if_alone(upscalers):
    low_res = low_res_image(3)
    _, together = upscale_bytes(upscalers[1], encode_image(low_res))
    for channel in range(3):
        alone = ImageFile(low_res.pixels[..., channel, None])
        _, upscaled = upscale_bytes(upscalers[1], encode_image(alone))
        np.testing.assert_array_equal(
            upscaled.images[..., 0], together.images[..., channel]
        )


def test_8_bits_become_16_that_round_to_the_same_8(upscalers):
    low_res = low_res_image(4, bits=8)
    contents, upscaled = upscale_bytes(
        upscalers[3], encode_image(low_res), bits=16
    )
    written = read_image(contents)
    assert written.bits == 16
    assert np.any(written.pixels % 257)  # More than 8 bits, repeated.
    np.testing.assert_array_equal(shrink(written.samples, 8), low_res.samples)
    assert upscaled.reproduced == 1


def test_16_bits_need_not_meet_8_bits_more_exactly_than_they_are(upscalers):
    # Where it is saturated, no image in [0, 1] has these integers exactly as
    # its A y: the true one is up to half a level away.
    pixels = high_res_image(3).pixels.astype("int64")
    pixels = np.clip(4 * pixels - 400, 0, 255).astype("uint8")
    low_res = ImageFile(shrink(pixels, 8))
    contents, upscaled = upscale_bytes(
        upscalers[3], encode_image(low_res), bits=16
    )
    written = read_image(contents).pixels
    np.testing.assert_array_equal(shrink(written, 8), low_res.pixels)
    levels = shrink_to_levels(written, 16)
    assert np.any(np.abs(levels - 257.0 * low_res.pixels) > 0.5)
    assert upscaled.reproduced == 1


def test_16_bits_become_8_that_agree_with_the_input_rounded(upscalers):
    low_res = low_res_image(3, bits=16)
    contents, _ = upscale_bytes(upscalers[3], encode_image(low_res), bits=8)
    rounded = np.rint(low_res.pixels / 257)
    np.testing.assert_array_equal(
        shrink(read_image(contents).pixels, 8), rounded
    )


def test_figures_are_those_of_the_file(upscalers):
    low_res = low_res_image(3)
    contents, upscaled = upscale_bytes(
        upscalers[3], encode_image(low_res), "JPEG"
    )
    levels = shrink_to_levels(read_image(contents).pixels, 8)
    error = np.mean((levels - low_res.pixels) ** 2) / 255**2
    assert upscaled.low_res_psnr == pytest.approx(
        -10 * np.log10(error), abs=DECIBELS_TOLERANCE
    )
    missed = np.rint(levels) != low_res.pixels
    assert upscaled.unmatched == np.sum(missed) > 0
    assert upscaled.reproduced == pytest.approx(1 - np.mean(missed))


def test_jpeg_says_what_it_has_lost(upscalers, caplog):
    with caplog.at_level(logging.WARNING):
        _, upscaled = upscale_bytes(
            upscalers[3], encode_image(low_res_image(3)), "JPEG"
        )
    share = f"{100 * upscaled.reproduced:.2f} %"
    assert f"JPEG is lossy: of the image in the file, {share}" in caplog.text


def test_metadata_goes_along_and_orientation_is_applied(upscalers, tmp_path):
    pixels = low_res_image(3).pixels
    tags = exif(tag_274=6).tobytes()
    image = Image.fromarray(pixels)
    image.save(
        tmp_path / "in.png", exif=tags, icc_profile=PROFILE, dpi=(90, 90)
    )
    upscale_file(upscalers[3], tmp_path / "in.png", tmp_path / "out.png")
    written = read_image(tmp_path / "out.png")
    assert written.pixels.shape == (2 * SIZE[1], 2 * SIZE[0], 3)  # Turned.
    assert written.icc_profile == PROFILE
    assert written.dpi == pytest.approx((90, 90), abs=0.1)
    kept = Image.Exif()
    kept.load(written.exif)
    assert kept[315] == "An artist"
    assert 274 not in kept


def test_each_sample_is_a_file_that_agrees(tmp_path):
    upscaler = tiny_upscaler(1, noise_channels=1, samples=3)
    low_res = low_res_image(1)
    contents = encode_image(low_res)
    upscaled = upscale_file(upscaler, contents, tmp_path / "a.png")
    assert sorted(os.listdir(tmp_path)) == ["a-1.png", "a-2.png", "a-3.png"]
    for number, image in enumerate(upscaled.images, start=1):
        written = read_image(tmp_path / f"a-{number}.png").pixels
        np.testing.assert_array_equal(written, image)
        np.testing.assert_array_equal(shrink(written, 8), low_res.pixels)
    assert np.any(upscaled.images[0] != upscaled.images[1])
    files, _ = upscale_bytes(upscaler, contents)
    np.testing.assert_array_equal(
        [read_image(file).pixels for file in files], upscaled.images
    )


def test_map_shows_where_the_file_disagrees(tmp_path):
    upscaler = tiny_upscaler(3, strength=0.0)
    low_res = low_res_image(3)
    paths = [tmp_path / name for name in ("in.png", "out.png", "map.png")]
    write_image(paths[0], low_res)
    upscaled = upscale_file(upscaler, *paths[:2], consistency_map=paths[2])
    levels = shrink_to_levels(upscaled.images, 8)
    error = np.minimum(np.abs(levels - low_res.pixels), 1)
    drawn = read_image(paths[2]).pixels
    np.testing.assert_allclose(drawn, 255 * error, atol=0.51)
    assert drawn.max() > 127  # Without agreement, some are off by a level.


def test_a_relaxed_projection_is_not_made_exact(upscalers):
    low_res = encode_image(low_res_image(1))
    options = {"strength": 0.5}
    for channels, bits in ((3, 8), (1, 16)):
        relaxed = tiny_upscaler(channels, **options)
        _, upscaled = upscale_bytes(relaxed, low_res, bits=bits)
        assert upscaled.reproduced < 1


def test_opacity_needs_an_operator():
    inputs = keras.Input((None, None, 3))
    plain = keras.Model(inputs, keras.layers.UpSampling2D(2)(inputs))
    upscaler = Upscaler(plain, project=False)
    with pytest.raises(ImageError, match="the operator is not known"):
        upscale_bytes(upscaler, encode_image(low_res_image(4)))
    _, upscaled = upscale_bytes(upscaler, encode_image(low_res_image(3)))
    assert upscaled.reproduced is None


def test_models_of_other_channels_are_refused():
    upscaler = tiny_upscaler(2)
    with pytest.raises(ImageError, match=r"2 channels. Expected: 1 or 3"):
        upscale_bytes(upscaler, encode_image(low_res_image(3)))


def test_targets_are_refused_before_the_work(upscalers, tmp_path):
    target = tmp_path / "out.png"
    target.write_bytes(b"dear")
    with pytest.raises(ImageError, match="exists, and is not replaced"):
        upscale_file(upscalers[3], tmp_path / "absent.png", target)
    with pytest.raises(ImageError, match="its ending"):
        upscale_file(upscalers[3], tmp_path / "absent.png", tmp_path / "out")
    deep = encode_image(low_res_image(3, bits=16))
    with pytest.raises(ImageError, match="WEBP has no 16 bits"):
        upscale_bytes(upscalers[3], deep, "WEBP")
    with pytest.raises(ValueError, match="bits=12"):
        upscale_bytes(upscalers[3], deep, bits=12)
    assert os.listdir(tmp_path) == ["out.png"]


def test_the_operator_is_linear_as_the_mean_of_channels_needs():
    # What makes the mean of three consistent channels consistent.
    images = np.random.default_rng(0).random((1, 14, 20, 3), "float32")
    mean = np.mean(np.asarray(DOWNSAMPLE(images)), axis=-1)
    of_mean = np.asarray(DOWNSAMPLE(images.mean(-1, keepdims=True)))[..., 0]
    np.testing.assert_allclose(mean, of_mean, atol=1e-6)
