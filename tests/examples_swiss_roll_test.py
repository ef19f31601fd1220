"""The Swiss roll example, run as a user runs it, with few steps."""

import csv
import pathlib
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from swiss_roll_objectives import OBJECTIVES

ROOT = pathlib.Path(__file__).parent.parent
SCRIPT = ROOT / "examples" / "swiss_roll.py"
CONSISTENT = 1e-12  # LR MSE, of values up to 6.


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
    folder = tmp_path_factory.mktemp("swiss_roll")
    done = run(f"--output_dir={folder}", "--trials=1", "--steps=20")
    assert done.returncode == 0, done.stderr
    return folder, done


@pytest.mark.slow
def test_the_table_has_a_row_for_each_reference_and_objective(result):
    folder, done = result
    with open(folder / "table.csv", newline="") as file:
        header, *rows = csv.reader(file)
    names = [row[0] for row in rows]
    assert names[:3] == ["exact MAP", "exact MSE", "exact MAE"]
    assert names[6:] == list(OBJECTIVES)
    assert all(name in done.stdout for name in names)
    table = {row[0]: dict(zip(header[1:], row[1:])) for row in rows}
    assert table["exact MAP"]["gap"] == "0.00"
    for name in OBJECTIVES:
        error = float(table[name]["LR MSE"])
        is_projected = OBJECTIVES[name][2]["project"]
        assert (error < CONSISTENT) == is_projected, (name, error)
        assert float(table[name]["gap"]) > 0
        moved = table[name]["projected"] != table[name]["gap"]
        assert not (is_projected and moved), name
    assert table["MAE"]["projected"] != table["MAE"]["gap"]


@pytest.mark.slow
def test_posteriors_are_compared_with_the_truth(result):
    _, done = result
    found = done.stdout.split("E_x KL")[1]
    for name in ("true posterior", "AffGAN", "stochastic AffGAN"):
        assert f"\n{name} " in found


@pytest.mark.slow
@pytest.mark.parametrize("name", ["figure1.png", "posterior.png"])
def test_figures_are_drawn(result, name):
    folder, _ = result
    with Image.open(folder / name) as image:
        assert np.asarray(image.convert("L")).std() > 10
    assert not list(folder.glob("*.part"))


@pytest.mark.slow
def test_progress_goes_to_stderr(result):
    _, done = result
    assert "[13/13]" in done.stderr
    assert "[13/13]" not in done.stdout


def test_an_unknown_objective_is_refused_at_once():
    done = run("--objectives=AffGAN,AffVAE")
    assert done.returncode != 0
    assert "--objectives does not know AffVAE. Choose of: MSE" in (
        done.stdout + done.stderr
    )
