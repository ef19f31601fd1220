"""The example of `make_consistent`, with few steps."""

import keras
import make_consistent
import numpy as np
import pytest
from PIL import Image

from tests.examples_runs import settings_of

# Two numbers of the table are rounded to a hundredth.
PRINTED = 0.02


@pytest.mark.slow
def test_it_prints_the_gain_and_saves_both_models(tmp_path, capsys):
    arguments = ("--train_steps=20", f"--output_dir={tmp_path}")
    make_consistent.run(settings_of(make_consistent, *arguments))
    _, *lines = capsys.readouterr().out.splitlines()
    rows = [line.split() for line in lines]
    names = [row[:2] for row in rows]
    assert names == [
        [photograph, model]
        for photograph in ("chelsea", "astronaut")
        for model in ("plain", "consistent")
    ]
    for plain, consistent in zip(rows[::2], rows[1::2]):
        psnr, low_res_psnr, share = (
            float(number) for number in consistent[2:5]
        )
        assert psnr > float(plain[2]) + PRINTED
        assert low_res_psnr > 50 > float(plain[3])
        assert share == 100.0 > float(plain[4])
    saved = {
        name: keras.saving.load_model(tmp_path / f"{name}.keras")
        for name in ("plain", "consistent_plain")
    }
    low_res = np.random.default_rng(0).random((1, 8, 8, 3), "float32")
    images = [model(low_res) for model in saved.values()]
    assert float(np.abs(images[0] - images[1]).max()) > 0
    with Image.open(tmp_path / "details.png") as picture:
        assert picture.size[0] > 4 * make_consistent.DETAIL_SIZE
