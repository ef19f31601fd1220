"""The main job, run as a user runs it, with few steps."""

import csv

import keras
import numpy as np
import pytest
from PIL import Image

import keras_affsr
from tests.examples_runs import run

SCRIPT = "train_texture.py"
CONSISTENT = 1e-14  # LR MSE: float32 rounds images in [0, 1] to 3e-8.
ROUNDED = 6e-4  # The table has three decimals.

TINY = (
    "--mse_steps=4",
    "--gan_steps=4",
    "--epochs=2",
    "--width=0.1",
    "--validation_images=16",
)
TINY_PRIORS = (
    "--guided_steps=8",
    "--guided_patch_size=16",
    "--typical_steps=2",
    "--typical_width=0.1",
    "--denoiser_steps=4",
    "--denoiser_width=0.05",
    "--prior_steps=4",
    "--prior_filters=4",
    "--rungs=2",
)
# Those with a projection, by objective, and the others.
PROJECTED = {
    "mae": "AffMAE",
    "mse": "AffMSE",
    "gan": "AffGAN",
    "stochastic": "AffGAN(z)",
    "dg": "AffDG",
    "ll": "AffLL",
    "typical": "typical",
}
SOFT = {
    "plain_mae": "MAE",
    "plain_mse": "MSE",
    "softgan": "SoftGAN",
    "softdg": "SoftDG",
}


def rows(printed):
    """Returns the cells of the table by the name of the row."""
    return {
        line[:10].strip(): line[10:].split()
        for line in printed.splitlines()
        if line[:1].strip()
    }


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    folder = tmp_path_factory.mktemp("texture")
    done = run(SCRIPT, f"--output_dir={folder}", "--patch_size=32", *TINY)
    assert done.returncode == 0, done.stderr
    return folder, done.stdout


@pytest.fixture(scope="module")
def everything(tmp_path_factory):
    folder = tmp_path_factory.mktemp("everything")
    flags = ("--objective=all", "--patch_size=32", *TINY, *TINY_PRIORS)
    done = run(SCRIPT, f"--output_dir={folder}", *flags)
    assert done.returncode == 0, done.stderr
    return folder, done.stdout


@pytest.mark.slow
def test_every_projected_row_of_the_table_is_consistent(result):
    table = rows(result[1])
    for name in ("Affinit", "AffMSE", "AffGAN"):
        assert float(table[name][2]) < CONSISTENT
    assert float(table["bicubic"][2]) > 1e-6
    # Without a prior there is no code length, and no row to explain it.
    assert table["truth"][4] == "-"
    assert not {"grey", "blurred"} & table.keys()


@pytest.mark.slow
def test_the_models_that_it_writes_load_and_are_consistent(everything):
    downsample = keras_affsr.layers.GaussianDownsample(scale=4)
    low_res = np.random.default_rng(0).uniform(size=(2, 9, 7, 1))
    low_res = low_res.astype("float32")
    for name in PROJECTED:
        path = everything[0] / name / "model.keras"
        model = keras.saving.load_model(path)
        error = downsample(model.predict(low_res, verbose=0)) - low_res
        assert float(keras.ops.mean(error**2)) < CONSISTENT


@pytest.mark.slow
def test_the_comparison_shows_six_columns(result):
    with Image.open(result[0] / "comparison.png") as picture:
        assert 6 * 160 < picture.width < 8 * 160
        assert picture.height > 4 * 160
    images = (result[0] / "gan" / "images").iterdir()
    assert sorted(path.name for path in images) == [
        "epoch_0001.png",
        "epoch_0002.png",
    ]


@pytest.mark.slow
def test_all_objectives_have_a_row_and_all_projected_ones_agree(everything):
    table = rows(everything[1])
    for name in PROJECTED.values():
        assert float(table[name][2]) < CONSISTENT
    for name in SOFT.values():
        assert float(table[name][2]) > 1e-6
    with Image.open(everything[0] / "comparison.png") as picture:
        assert picture.width > (len(PROJECTED) + len(SOFT) + 4) * 160


@pytest.mark.slow
def test_the_code_lengths_are_those_that_the_prior_tells(everything):
    folder, printed = everything
    with open(folder / "bits.csv", newline="") as file:
        (header, *lines) = csv.reader(file)
    assert header == ["images", "bits_per_dim"]
    bits = {name: float(value) for name, value in lines}
    table = rows(printed)
    expected = {"bicubic", "Affinit", "grey", "blurred", "truth"}
    assert bits.keys() == expected | {*PROJECTED.values(), *SOFT.values()}
    for name, value in bits.items():
        assert abs(float(table[name][4]) - value) < ROUNDED
    prior = keras.saving.load_model(folder / "prior" / "prior.keras")
    photograph = keras_affsr.data.grass("test")
    crops = keras_affsr.data.texture_patches(photograph, num_batches=8)
    crops = np.concatenate(list(crops))
    grey = np.broadcast_to(crops.mean((1, 2), keepdims=True), crops.shape)
    # A mean of 128 numbers, in another order.
    np.testing.assert_allclose(
        bits["grey"], np.mean(prior.bits_per_dim(grey)), rtol=1e-5
    )


@pytest.mark.slow
def test_the_way_up_the_ladder_is_recorded_and_drawn(everything):
    folder, _ = everything
    for name in ("dg", "ll", "softdg"):
        with open(folder / name / "log.csv", newline="") as file:
            lines = list(csv.DictReader(file))
        assert [float(line["rung"]) for line in lines] == [1, 1, 2, 2]
        coarseness = [float(line["coarseness"]) for line in lines]
        assert coarseness[0] == coarseness[1] > coarseness[2] > 0
        assert all(float(line["val_psnr"]) > 0 for line in lines)
        assert all(float(line["val_ssim"]) < 1 for line in lines)
    with Image.open(folder / "figure7.png") as picture:
        assert picture.size == (1200, 600)  # Two columns: AffDG and AffLL.


@pytest.mark.slow
def test_a_prior_of_an_earlier_run_is_used_and_not_trained(
    everything, tmp_path
):
    earlier, printed = everything
    done = run(
        SCRIPT,
        f"--output_dir={tmp_path}",
        "--objective=ll",
        f"--prior_dir={earlier / 'prior'}",
        *TINY,
        *TINY_PRIORS,
    )
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "prior").exists()
    # All but the seconds, which no two runs share.
    assert rows(done.stdout)["AffLL"][:5] == rows(printed)["AffLL"][:5]
    assert rows(done.stdout)["truth"] == rows(printed)["truth"]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--objective=wgan"], "--objective does not know wgan. Choose"),
        (["--prior_dir=nowhere"], "--prior_dir=nowhere needs a folder with"),
        (["--denoiser_dir=/"], "--denoiser_dir=/ needs a folder with"),
    ],
)
def test_what_will_not_do_is_refused_before_anything_is_made(
    tmp_path, flags, message
):
    done = run(SCRIPT, f"--output_dir={tmp_path / 'new'}", *flags)
    assert done.returncode != 0
    assert message in " ".join((done.stderr + done.stdout).split())
    assert not (tmp_path / "new").exists()
