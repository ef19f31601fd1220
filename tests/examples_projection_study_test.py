"""The study of the projection, with few steps."""

import csv

import projection_study
import pytest
from PIL import Image

from tests.examples_runs import TINY
from tests.examples_runs import settings_of

# Kernels of 5 x 5 low-resolution pixels leave the borders inexact.
LOCAL = 1e-4


@pytest.mark.slow
def test_the_three_curves_of_all_variants_are_drawn(tmp_path, capsys):
    arguments = (
        *TINY,
        "--data=photographs",
        "--image_size=32",
        f"--output_dir={tmp_path}",
    )
    projection_study.run(settings_of(projection_study, *arguments))
    printed = capsys.readouterr().out
    with open(tmp_path / "figure2.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    labels = [each.label for each in projection_study.VARIANTS.values()]
    assert [row["variant"] for row in rows] == [
        label for label in labels for _ in range(2)
    ]
    assert [row["step"] for row in rows] == ["2", "4"] * len(labels)
    errors = {row["variant"]: float(row["low_res_mse"]) for row in rows}
    assert errors["exact"] < 1e-14 < errors["A+ fixed"] < LOCAL
    for label in ("no projection", "random, fixed", "random, trainable"):
        assert errors[label] > LOCAL
    with Image.open(tmp_path / "figure2.png") as picture:
        assert picture.size == (1560, 480)
    # Again: all is there already, and only drawn anew.
    projection_study.run(settings_of(projection_study, *arguments))
    assert capsys.readouterr().out == printed
