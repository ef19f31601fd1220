"""AffGAN at twice the size, in half precision, with noise that adapts."""

import csv
import json

import keras
import pytest
import train_imagenet
from PIL import Image

from tests.examples_runs import TINY
from tests.examples_runs import settings_of


@pytest.mark.slow
def test_a_gan_in_half_precision_with_noise_that_adapts(tmp_path, capsys):
    train_imagenet.run(
        settings_of(
            train_imagenet,
            *TINY,
            "--data=photographs",
            "--objective=gan",
            "--precision=mixed_bfloat16",
            "--strategy=mirrored",
            "--instance_noise_target=0.7",
            f"--output_dir={tmp_path}",
        )
    )
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:]] == ["AffMSE", "AffGAN"]
    with open(tmp_path / "gan" / "log.csv", newline="") as file:
        levels = [float(row["noise_stddev"]) for row in csv.DictReader(file)]
    assert len(levels) == 2 and 0.1 not in levels
    model = keras.saving.load_model(tmp_path / "gan" / "model.keras")
    policies = {layer.dtype_policy.name for layer in model.generator.layers}
    assert "mixed_bfloat16" in policies
    summary = json.loads((tmp_path / "gan" / "summary.json").read_text())
    # The output is exact in full precision, whatever the network computes in.
    assert summary["final"]["low_res_mse"] < 1e-14
    with Image.open(tmp_path / "gan" / "images" / "epoch_0002.png") as image:
        assert image.height > 4 * 160
