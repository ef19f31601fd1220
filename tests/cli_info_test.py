"""`keras-affsr info` and `keras-affsr export`."""

import os

import keras
import pytest

import keras_affsr
from keras_affsr.models import SuperResolver
from keras_affsr.upscale import write_image
from tests.cli_tiny import run
from tests.upscale_tiny import DOWNSAMPLE
from tests.upscale_tiny import low_res_image
from tests.upscale_tiny import tiny_generator


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("info")
    generator = tiny_generator(3)
    SuperResolver(generator, DOWNSAMPLE).save(folder / "model.keras")
    tiny_generator(1, project=False).save(folder / "plain.keras")
    return folder


def described(path):
    """Returns the lines of `info --model` by their names."""
    code, out, err = run("info", "--model", path)
    assert code == 0, err
    lines = (line.split(":", 1) for line in out.splitlines())
    return {name: text.strip() for name, text in lines}


def test_info_says_what_a_model_does(folder):
    found = described(folder / "model.keras")
    assert found["model"] == "SuperResolver 'super_resolver'"
    assert found["input"] == "(None, None, None, 3)"
    assert found["operator"].startswith("GaussianDownsample(scale=2, ")
    assert "kernel_size=5" in found["operator"]
    assert found["scale"] == "2"
    condition = float(DOWNSAMPLE.gram_condition((1, 64, 64, 1)))
    assert found["cond(A A')"].startswith(f"{condition:.4g} ")
    assert found["channels"] == "3"
    assert found["consistent"] == "in itself"
    assert found["halo"].endswith("input pixels on each side")
    count = keras.saving.load_model(
        folder / "model.keras"
    ).generator.count_params()
    assert found["parameters"] == f"{count:,}"
    assert keras_affsr.__version__ in found["versions"]
    assert keras.__version__ in found["versions"]


def test_info_says_what_a_model_lacks(folder):
    found = described(folder / "plain.keras")
    assert found["operator"].startswith("none")
    assert found["consistent"] == "only by the upscaler"
    assert found["channels"] == "1"


def test_info_says_what_no_upscaler_takes(tmp_path):
    inputs = keras.Input((4,))
    model = keras.Model(inputs, keras.layers.Dense(2)(inputs))
    model.save(tmp_path / "dense.keras")
    found = described(tmp_path / "dense.keras")
    assert found["upscaling"].startswith("not possible: `Upscaler` needs")


def test_info_says_what_is_in_images(tmp_path):
    write_image(tmp_path / "a.png", low_res_image(4, bits=16))
    (tmp_path / "b.png").write_bytes(b"no image")
    paths = (tmp_path / "a.png", tmp_path / "b.png")
    code, out, err = run("info", *paths)
    assert code == 1
    assert out == f"{paths[0]}  PNG  10 x 7  16 bits  colour  opacity\n"
    assert "b.png is no image" in err


@pytest.mark.slow
def test_export_writes_the_next_version(folder, tmp_path):
    output = tmp_path / "served"
    options = ("--model", folder / "model.keras", "-o", output)
    code, out, err = run("export", *options, "--warmup", "8x8,6x10")
    assert code == 0, err
    assert out == f"{output / '1'}\n"
    assert os.path.exists(output / "1" / "saved_model.pb")
    code, _, err = run("export", *options, "--version", "1")
    assert code == 1
    assert "error: " in err and "1" in err


def test_export_says_what_is_not_installed_or_refused(folder, tmp_path):
    code, _, err = run(
        *("export", "--model", folder / "model.keras"),
        *("-o", tmp_path / "model.txt", "--format", "onnx"),
    )
    assert code == 1
    assert "error: " in err and "onnx" in err
    assert os.listdir(tmp_path) == []
