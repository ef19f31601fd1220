"""The main job, run as a user runs it, with few steps."""

import pathlib
import subprocess
import sys

import keras
import numpy as np
import pytest
from PIL import Image

import keras_affsr

ROOT = pathlib.Path(__file__).parent.parent
SCRIPT = ROOT / "examples" / "train_texture.py"
CONSISTENT = 1e-14  # LR MSE: float32 rounds images in [0, 1] to 3e-8.


def run(*flags):
    return subprocess.run(
        [sys.executable, str(SCRIPT), *flags],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    folder = tmp_path_factory.mktemp("texture")
    flags = ("--mse_steps=4", "--gan_steps=4", "--epochs=2", "--width=0.1")
    done = run(f"--output_dir={folder}", "--patch_size=32", *flags)
    assert done.returncode == 0, done.stderr
    return folder, done.stdout


@pytest.mark.slow
def test_every_projected_row_of_the_table_is_consistent(result):
    rows = {
        line[:10].strip(): line[10:].split()
        for line in result[1].splitlines()
        if line[:1].strip()
    }
    for name in ("Affinit", "AffMSE", "AffGAN"):
        assert float(rows[name][2]) < CONSISTENT
    assert float(rows["bicubic"][2]) > 1e-6


@pytest.mark.slow
def test_the_models_that_it_writes_load_and_are_consistent(result):
    downsample = keras_affsr.layers.GaussianDownsample(scale=4)
    low_res = np.random.default_rng(0).uniform(size=(2, 9, 7, 1))
    low_res = low_res.astype("float32")
    for name in ("affmse", "affgan"):
        model = keras.saving.load_model(result[0] / f"{name}.keras")
        error = downsample(model.predict(low_res, verbose=0)) - low_res
        assert float(keras.ops.mean(error**2)) < CONSISTENT


@pytest.mark.slow
def test_the_comparison_shows_six_columns(result):
    with Image.open(result[0] / "comparison.png") as picture:
        assert picture.width > 6 * 160
        assert picture.height > 4 * 160
    assert sorted(path.name for path in (result[0] / "affgan").iterdir()) == [
        "epoch_0001.png",
        "epoch_0002.png",
    ]


def test_help_does_not_wait_for_tensorflow():
    program = (
        f"import runpy, sys; sys.argv = [{str(SCRIPT)!r}, '--help']\n"
        "try: runpy.run_path(sys.argv[0], run_name='__main__')\n"
        "except SystemExit: print('tensorflow' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "--gan_steps" in done.stdout
    assert done.stdout.splitlines()[-1] == "False"


def test_an_unknown_argument_is_refused_before_anything_is_made(tmp_path):
    done = run(f"--output_dir={tmp_path / 'new'}", "grass")
    assert done.returncode != 0
    assert "Unknown arguments: grass" in done.stderr + done.stdout
    assert not (tmp_path / "new").exists()
