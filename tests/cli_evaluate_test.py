"""`keras-affsr evaluate`: figures, and files that do not match."""

import csv
import os

import numpy as np
import pytest
from skimage.metrics import structural_similarity

from keras_affsr.layers import ResizeDownsample
from keras_affsr.metrics import SlicedWasserstein
from keras_affsr.upscale import ImageFile
from keras_affsr.upscale import read_image
from keras_affsr.upscale import write_image
from keras_affsr_cli.scores import luma
from tests.cli_tiny import OPERATOR
from tests.cli_tiny import run
from tests.upscale_tiny import shrink_to_levels

# The metrics compute in float32, on values that print with 2 or 4 digits.
TOLERANCE = {"psnr": 2e-4, "ssim": 1e-5, "low_res_psnr": 0.02}
SIZE = (14, 20)


def noisy(image, seed=0, stddev=4):
    """Returns an image with noise, as another program's would be."""
    random = np.random.default_rng(seed)
    levels = image + random.normal(0, stddev, image.shape)
    return np.clip(np.rint(levels), 0, 255).astype("uint8")


@pytest.fixture
def folder(tmp_path):
    """Holds two colour images, the second with usual additions to its name."""
    random = np.random.default_rng(0)
    for number, names in enumerate(
        [("a.png", "a.png", "a.png"), ("bx2.png", "b_LR.png", "b_HR.png")]
    ):
        size = (*SIZE, 3)
        high_res = random.integers(60, 190, size).astype("uint8")
        low_res = np.rint(shrink_to_levels(high_res, 8)).astype("uint8")
        images = (noisy(high_res, number), low_res, high_res)
        for part, name, image in zip(("sr", "lr", "hr"), names, images):
            write_image(tmp_path / part / name, ImageFile(image))
    return tmp_path


def evaluate(folder, *options, sr="sr", lr="lr", hr="hr"):
    return run(
        "evaluate",
        *("--sr", folder / sr),
        *(("--lr", folder / lr) if lr else ()),
        *(("--hr", folder / hr) if hr else ()),
        *("--quiet", *options),
    )


def figures(path):
    """Returns the rows of a CSV file by name."""
    with open(path, newline="") as file:
        return {
            row.pop("name"): {key: float(value) for key, value in row.items()}
            for row in csv.DictReader(file)
        }


def test_figures_are_those_of_slow_formulas(folder):
    path = folder / "figures.csv"
    code, out, err = evaluate(folder, *OPERATOR, "--csv", path,
                              "--crop-border", "1")  # fmt: skip
    assert (code, err) == (0, "")
    found = figures(path)
    assert list(found) == ["a.png", "bx2.png"]
    y, truth, x = (
        read_image(folder / part / "a.png").pixels
        for part in ("sr", "hr", "lr")
    )
    inside = [image[1:-1, 1:-1] / 255 for image in (y, truth)]
    lumas = [(16 + image @ [65.481, 128.553, 24.966]) / 255 for image in inside]
    levels = shrink_to_levels(y, 8)
    expected = {
        "psnr": _psnr(*inside),
        "ssim": _ssim(*inside, channel_axis=-1),
        "psnr_y": _psnr(*lumas),
        "ssim_y": _ssim(*lumas),
        "low_res_psnr": _psnr(levels / 255, x / 255),
        "reproduced": np.mean(np.rint(levels) == x),
    }
    for name, value in expected.items():
        tolerance = TOLERANCE.get(name.removesuffix("_y"), 1e-9)
        assert found["a.png"][name] == pytest.approx(value, abs=tolerance)
    mean = np.mean([row["psnr"] for row in found.values()])
    assert f"mean of 2  {mean:.2f}" in out


def test_luma_is_that_of_matlab():
    # rgb2ycbcr of black, white, red, green and blue, times 255.
    colours = np.float32(
        [[0, 0, 0], [1, 1, 1], [1, 0, 0], [0, 1, 0], [0, 0, 1]]
    )
    expected = [16, 235, 81.481, 144.553, 40.966]
    found = 255 * luma(colours[None])[0, :, 0]
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_border_is_the_scale_by_default(folder):
    for name, options in (("a", ()), ("b", ("--crop-border", "1"))):
        path = folder / f"{name}.csv"
        evaluate(folder, "--scale", "1", "--csv", path, *options, lr=None)
    found = [(folder / name).read_text() for name in ("a.csv", "b.csv")]
    assert found[0] == found[1]
    assert "low_res_psnr" not in found[0]


def test_inputs_alone_will_do(folder):
    code, out, _ = evaluate(folder, *OPERATOR, hr=None)
    assert code == 0
    assert out.split("\n")[0].split() == ["name", "low_res_psnr", "reproduced"]


def test_lone_files_need_no_names_in_common(folder):
    code, out, _ = evaluate(
        folder, *OPERATOR, "--crop-border", "0",
        sr="sr/bx2.png", lr="lr/b_LR.png", hr="hr/b_HR.png",
    )  # fmt: skip
    assert code == 0
    assert "bx2.png" in out


def test_sliced_wasserstein_is_that_of_the_metric(tmp_path):
    random = np.random.default_rng(0)
    image = random.integers(60, 190, (30, 30, 3)).astype("uint8")
    for part, pixels in (("sr", noisy(image)), ("hr", image)):
        write_image(tmp_path / part / "a.png", ImageFile(pixels))
    path = tmp_path / "figures.csv"
    evaluate(tmp_path, "--crop-border", "0", "--csv", path, lr=None)
    images = (
        each[None].astype("float32") / 255 for each in (image, noisy(image))
    )
    expected = float(SlicedWasserstein()(*images))
    assert figures(path)["a.png"]["wasserstein"] == pytest.approx(expected)


def test_grey_stands_for_equal_channels(tmp_path):
    random = np.random.default_rng(0)
    grey = random.integers(60, 190, (*SIZE, 1)).astype("uint8")
    write_image(tmp_path / "hr" / "a.png", ImageFile(grey))
    write_image(tmp_path / "grey" / "a.png", ImageFile(noisy(grey)))
    colours = np.repeat(noisy(grey), 3, axis=-1)
    write_image(tmp_path / "rgb" / "a.png", ImageFile(colours))
    rows = []
    for sr in ("grey", "rgb"):
        path = tmp_path / f"{sr}.csv"
        evaluate(tmp_path, "--crop-border", "0", "--csv", path, sr=sr, lr=None)
        rows.append(figures(path)["a.png"])
    assert rows[0]["psnr"] == pytest.approx(rows[1]["psnr"], abs=1e-4)
    assert rows[0]["psnr_y"] == rows[0]["psnr"]
    assert rows[1]["psnr_y"] > rows[1]["psnr"]  # Luma spans 219 levels.


def test_inputs_of_another_operator_are_warned_of(folder):
    options = ("--crop-border", "0")
    code, _, err = evaluate(
        folder, "--downsample", "bicubic", "--scale", "2", *options
    )
    assert code == 0
    assert "warning: the inputs were not made of the true images" in err
    downsample = ResizeDownsample(2, "bicubic")
    errors = []
    for high, low in (("a.png", "a.png"), ("b_HR.png", "b_LR.png")):
        images = read_image(folder / "hr" / high).pixels[None] / np.float32(255)
        x = read_image(folder / "lr" / low).pixels
        errors.append(255 * np.asarray(downsample(images))[0] - x)
    psnr = np.mean([_psnr(error / 255, 0) for error in errors])
    share = np.mean([np.abs(error) < 0.5 for error in errors])
    assert f"{psnr:.2f} dB, and {np.floor(1e4 * share) / 100:.2f} %" in err
    assert evaluate(folder, *OPERATOR, *options)[2] == ""


def test_files_that_do_not_fit_stop_no_other(folder):
    os.remove(folder / "hr" / "b_HR.png")
    wide = ImageFile(np.zeros((14, 22, 3), "uint8"))
    write_image(folder / "hr" / "b_HR.png", wide)
    code, out, err = evaluate(folder, "--crop-border", "0", lr=None)
    assert code == 1
    assert "14 x 20 pixels (height x width) does not fit" in err
    assert "a.png" in out and "mean of 1" in out
    low = ImageFile(np.zeros((7, 9, 3), "uint8"))
    write_image(folder / "lr" / "a.png", low, overwrite=True)
    code, _, err = evaluate(folder, *OPERATOR, hr=None)
    assert code == 1
    assert "Expected: 14 x 18, as scale=2" in err


def test_files_without_a_partner_fail(folder):
    os.remove(folder / "lr" / "b_LR.png")
    code, out, err = evaluate(folder, *OPERATOR, hr=None)
    assert code == 1
    assert "bx2.png has no partner in --lr" in err
    assert "a.png" in out


def test_images_too_small_for_ssim_fail(folder):
    code, out, err = evaluate(folder, "--crop-border", "2", lr=None)
    assert (code, out) == (1, "")
    assert "without a border of 2, SSIM needs 11" in err


def test_csv_is_replaced_on_demand(folder):
    path = folder / "figures.csv"
    path.write_text("dear")
    options = ("--crop-border", "0", "--csv", path)
    code, _, err = evaluate(folder, *options, lr=None)
    assert code == 1
    assert "figures.csv exists, and is not replaced" in err
    assert path.read_text() == "dear"
    assert evaluate(folder, *options, "--overwrite", lr=None)[0] == 0
    assert list(figures(path)) == ["a.png", "bx2.png"]


def test_a_model_and_an_operator_are_one_too_many(folder):
    code, _, err = evaluate(folder, *OPERATOR, "--model", "model.keras")
    assert code == 2
    assert "--model and --downsample both say" in err


def _psnr(image, other):
    return -10 * np.log10(np.mean((image - other) ** 2))


def _ssim(image, other, **options):
    return structural_similarity(
        image, other, data_range=1, gaussian_weights=True, sigma=1.5,
        use_sample_covariance=False, **options,
    )  # fmt: skip
