"""Another program's image, moved to agree with its input."""

import numpy as np
import pytest

from keras_affsr.layers import GaussianDownsample
from keras_affsr.upscale import ImageError
from keras_affsr.upscale import ImageFile
from keras_affsr.upscale import encode_image
from keras_affsr.upscale import project_file
from keras_affsr.upscale import read_image
from keras_affsr.upscale import write_image
from tests.cli_tiny import assert_agree
from tests.cli_tiny import write_pair
from tests.upscale_tiny import DOWNSAMPLE
from tests.upscale_tiny import low_res_image
from tests.upscale_tiny import shrink
from tests.upscale_tiny import theirs


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_written_file_downsamples_to_its_input(tmp_path, channels, bits):
    _, high_res = write_pair(tmp_path, "a.png", channels, bits)
    write_image(tmp_path / "sr.png", theirs(high_res))
    paths = [tmp_path / name for name in ("sr.png", "lr/a.png", "out.png")]
    before, after = project_file(DOWNSAMPLE, *paths)
    assert_agree(paths[2], paths[1], bits)
    assert before.reproduced < 0.5
    assert after.reproduced == 1
    assert after.opacity_reproduced in (None, 1)
    assert after.low_res_psnr > before.low_res_psnr + 10


def test_projection_comes_nearer_to_the_truth(tmp_path):
    _, high_res = write_pair(tmp_path, "a.png")
    write_image(tmp_path / "sr.png", theirs(high_res))
    paths = [tmp_path / name for name in ("sr.png", "lr/a.png", "out.png")]
    project_file(DOWNSAMPLE, *paths)
    # The true image is consistent, and a projection only comes nearer to it.
    errors = [
        np.mean((read_image(path).pixels - high_res.pixels.astype(float)) ** 2)
        for path in (paths[0], paths[2])
    ]
    assert errors[1] < errors[0]


def test_more_bits_of_the_two_are_written(tmp_path):
    low_res, high_res = write_pair(tmp_path, "a.png", bits=8)
    deep = ImageFile(high_res.pixels * np.uint16(257))
    target = tmp_path / "out.png"
    contents = [encode_image(image) for image in (theirs(deep), low_res)]
    project_file(DOWNSAMPLE, *contents, target)
    assert read_image(target).bits == 16
    assert_agree(target, tmp_path / "lr" / "a.png", bits=8)
    project_file(DOWNSAMPLE, *contents, target, overwrite=True, bits=8)
    assert read_image(target).bits == 8
    assert_agree(target, tmp_path / "lr" / "a.png", bits=8)


def test_opacity_without_that_of_the_input_stays(tmp_path):
    low_res, high_res = write_pair(tmp_path, "a.png", channels=4)
    source = theirs(high_res)
    contents = encode_image(source)
    colours = encode_image(ImageFile(low_res.pixels))
    _, after = project_file(DOWNSAMPLE, contents, colours, tmp_path / "o.png")
    np.testing.assert_array_equal(
        read_image(tmp_path / "o.png").alpha, source.alpha
    )
    assert after.opacity_reproduced is None


def test_grey_input_stands_for_equal_channels(tmp_path):
    low_res, high_res = write_pair(tmp_path, "a.png", channels=1)
    colours = ImageFile(np.repeat(high_res.pixels, 3, axis=-1))
    contents = [encode_image(image) for image in (theirs(colours), low_res)]
    project_file(DOWNSAMPLE, *contents, tmp_path / "out.png")
    written = read_image(tmp_path / "out.png")
    expected = np.repeat(low_res.pixels, 3, axis=-1)
    np.testing.assert_array_equal(shrink(written.pixels, 8), expected)


def test_an_input_of_another_operator_is_warned_of(tmp_path, caplog):
    # Black beside white is not what a blur leaves.
    rows, columns = np.indices((7, 10))
    board = ImageFile((255 * ((rows + columns) % 2))[..., None].astype("uint8"))
    grey = ImageFile(np.full((14, 20, 1), 128, "uint8"))
    contents = [encode_image(image) for image in (grey, board)]
    _, after = project_file(DOWNSAMPLE, *contents, tmp_path / "out.png")
    assert after.unmatched > 0
    assert f"{after.unmatched} samples of The image in memory" in caplog.text


def test_images_that_do_not_fit_are_refused(tmp_path):
    low_res = encode_image(low_res_image(3))
    grey = encode_image(ImageFile(np.zeros((14, 20, 1), "uint8")))
    wide = encode_image(ImageFile(np.zeros((14, 21, 3), "uint8")))
    target = tmp_path / "out.png"
    with pytest.raises(ImageError, match=r"14 x 21 .* Expected: 14 x 20, as"):
        project_file(DOWNSAMPLE, wide, low_res, target)
    with pytest.raises(ImageError, match=r"is grey, and .* is in colour"):
        project_file(DOWNSAMPLE, grey, low_res, target)
    with pytest.raises(ValueError, match="a Downsample as downsample"):
        project_file("gaussian", wide, low_res, target)
    with pytest.raises(ValueError, match="scale=4"):
        project_file(GaussianDownsample(scale=4), grey, low_res, target)
    assert not target.exists()
