"""Trainings on a folder of photographs, and their comparison."""

import csv
import json
import types

import evaluate
import keras
import numpy as np
import pytest
import run_data
import train_celeba
from PIL import Image

import keras_affsr
from tests.data_files import cut_out
from tests.data_files import write
from tests.examples_runs import TINY
from tests.examples_runs import settings_of

CONSISTENT = 1e-14  # LR MSE: float32 rounds images in [0, 1] to 3e-8.
# Of scores computed again from a file: the model is compiled anew.
AGAIN = 1e-5
PROJECTED = ("mse", "gan", "stochastic")
OBJECTIVES = ("plain_mse", "mse", "gan", "softgan", "stochastic")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("celeba")
    pixels = cut_out(400, 440)
    for number in range(60):
        top, left = 5 * number, 6 * number
        image = pixels[top : top + 70, left : left + 80]
        write(folder / "photographs" / f"face_{number:02}.jpg", image)
    arguments = (
        *TINY,
        "--image_size=32",
        "--objective=plain_mse,softgan,gan,stochastic",
        f"--image_dir={folder / 'photographs'}",
        f"--output_dir={folder / 'runs'}",
    )
    train_celeba.run(settings_of(train_celeba, *arguments))
    return types.SimpleNamespace(
        runs=folder / "runs", arguments=arguments, folder=folder
    )


def start(trained, *arguments):
    train_celeba.run(settings_of(train_celeba, *trained.arguments, *arguments))


def summary(trained, name):
    return json.loads((trained.runs / name / "summary.json").read_text())


@pytest.mark.slow
def test_each_run_leaves_all_of_its_files(trained):
    assert {path.name for path in trained.runs.iterdir()} == set(OBJECTIVES)
    for name in OBJECTIVES:
        files = {path.name for path in (trained.runs / name).iterdir()}
        assert files - {"events"} == {
            "best.keras",
            "checkpoints",
            "flags.json",
            "generator.keras",
            "images",
            "log.csv",
            "model.keras",
            "seconds.json",
            "summary.json",
        }
        images = (trained.runs / name / "images").iterdir()
        assert sorted(path.name for path in images) == [
            "epoch_0001.png",
            "epoch_0002.png",
        ]
        flags = json.loads((trained.runs / name / "flags.json").read_text())
        assert flags["objective"] == name
        assert flags["image_size"] == 32
        assert flags["script"] == "train_celeba"
        with open(trained.runs / name / "log.csv", newline="") as file:
            rows = list(csv.DictReader(file))
        assert [row["epoch"] for row in rows] == ["0", "1"]
        assert all(float(row["val_psnr"]) > 0 for row in rows)


@pytest.mark.slow
def test_the_models_load_and_those_with_a_projection_are_consistent(trained):
    downsample = keras_affsr.layers.GaussianDownsample(scale=4)
    low_res = np.random.default_rng(0).uniform(size=(2, 9, 7, 3))
    low_res = low_res.astype("float32")
    noise = np.ones((2, 9, 7, 1), "float32")
    for name in OBJECTIVES:
        inputs = [low_res, noise] if name == "stochastic" else low_res
        generator = keras.saving.load_model(
            trained.runs / name / "generator.keras"
        )
        images = generator.predict(inputs, verbose=0)
        error = float(keras.ops.mean((downsample(images) - low_res) ** 2))
        assert (error < CONSISTENT) == (name in PROJECTED)
        for file in ("model.keras", "best.keras"):
            model = keras.saving.load_model(trained.runs / name / file)
            assert model.optimizer.iterations == 4 or file == "best.keras"


@pytest.mark.slow
def test_the_summary_has_the_scores_of_the_test_split(trained):
    settings = settings_of(train_celeba, *trained.arguments)
    low_res, high_res = run_data.arrays(run_data.held_out_pairs(settings))
    assert high_res.shape[1:] == (32, 32, 3)
    for name in ("plain_mse", "gan"):
        model = keras.saving.load_model(trained.runs / name / "model.keras")
        images = model.predict(low_res, verbose=0)
        found = summary(trained, name)["final"]
        error = np.mean((images - high_res) ** 2, axis=(1, 2, 3))
        psnr = np.mean(-10 * np.log10(error))
        np.testing.assert_allclose(found["psnr"], psnr, rtol=AGAIN)
        np.testing.assert_allclose(found["mse"], error.mean(), rtol=AGAIN)
        assert found["images"] == len(high_res)
        assert (found["low_res_mse"] < CONSISTENT) == (name in PROJECTED)


@pytest.mark.slow
def test_the_best_epoch_is_that_of_the_log(trained):
    for name, column, pick in (
        ("mse", "val_psnr", max),
        ("gan", "val_sliced_wasserstein", min),
    ):
        with open(trained.runs / name / "log.csv", newline="") as file:
            values = [float(row[column]) for row in csv.DictReader(file)]
        best = summary(trained, name)["best"]
        assert best[column] == pick(values)
        assert best["epoch"] == values.index(pick(values)) + 1


@pytest.mark.slow
def test_a_finished_run_is_left_as_it_is(trained, capsys):
    start(trained)
    printed = capsys.readouterr().out
    before = {path: path.stat().st_mtime_ns for path in trained.runs.rglob("*")}
    start(trained)
    assert capsys.readouterr().out == printed
    assert before == {
        path: path.stat().st_mtime_ns for path in trained.runs.rglob("*")
    }
    labels = [line.split()[0] for line in printed.splitlines()[1:]]
    assert labels == ["MSE", "AffMSE", "AffGAN", "SoftGAN", "AffGAN(z)"]


@pytest.mark.slow
def test_other_flags_are_refused(trained):
    with pytest.raises(SystemExit, match=r"width: 0\.03 then, 0\.5 now"):
        start(trained, "--width=0.5")
    with pytest.raises(SystemExit, match="was told not to go on"):
        start(trained, "--noresume")


@pytest.mark.slow
def test_the_comparison_has_the_scores_of_the_runs(trained, tmp_path, capsys):
    settings = settings_of(evaluate, f"--output_dir={tmp_path}", "--rows=2")
    evaluate.evaluate(settings, [str(trained.runs)])
    with open(tmp_path / "table2.csv", newline="") as file:
        rows = {row["run"]: row for row in csv.DictReader(file)}
    names = dict(zip(("MSE", "AffMSE", "AffGAN", "SoftGAN"), OBJECTIVES))
    assert list(rows) == [*names, "AffGAN(z)"]
    for label, name in names.items():
        final = summary(trained, name)["final"]
        for score in ("ssim", "psnr", "sliced_wasserstein"):
            np.testing.assert_allclose(
                float(rows[label][score]), final[score], rtol=AGAIN
            )
    assert rows["AffMSE"]["paper_psnr"] == "26.53"
    assert rows["AffGAN(z)"]["paper_psnr"] == ""
    printed = capsys.readouterr().out
    assert "1.6e-10" in next(
        line for line in printed.splitlines() if line.startswith("AffMSE")
    )
    with Image.open(tmp_path / "figure4.png") as picture:
        # Two rows; low res, bicubic, five models and the truth.
        assert picture.width > 8 * 160 and 2 * 160 < picture.height < 3 * 160


@pytest.mark.slow
def test_runs_on_other_images_are_not_compared(trained, tmp_path):
    flags = json.loads((trained.runs / "mse" / "flags.json").read_text())
    (tmp_path / "other").mkdir()
    for name in ("model.keras", "summary.json"):
        (tmp_path / "other" / name).write_text("{}")
    other = {**flags, "image_size": 64, "label": "MSE"}
    (tmp_path / "other" / "flags.json").write_text(json.dumps(other))
    paths = [str(trained.runs / "mse"), str(tmp_path / "other")]
    with pytest.raises(SystemExit, match="image_size is 32 in the run of"):
        evaluate.evaluate(settings_of(evaluate), paths)


def test_folders_without_runs_are_named(tmp_path):
    with pytest.raises(SystemExit, match=f"Received: {tmp_path}. Train first"):
        evaluate.evaluate(settings_of(evaluate), [str(tmp_path)])


def test_missing_images_end_the_program_before_anything_is_made(tmp_path):
    arguments = (
        f"--image_dir={tmp_path / 'nowhere'}",
        f"--output_dir={tmp_path / 'runs'}",
    )
    with pytest.raises(SystemExit, match="nowhere"):
        train_celeba.run(settings_of(train_celeba, *arguments))
    assert not (tmp_path / "runs").exists()
