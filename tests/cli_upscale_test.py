"""`keras-affsr upscale`: trees of files, those that fail, and Ctrl-C."""

import contextlib
import os
import resource
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from keras_affsr.models import SuperResolver
from keras_affsr.upscale import ImageFile
from keras_affsr.upscale import read_image
from keras_affsr.upscale import write_image
from tests.cli_tiny import OPERATOR
from tests.cli_tiny import assert_agree
from tests.cli_tiny import run
from tests.upscale_tiny import DOWNSAMPLE
from tests.upscale_tiny import low_res_image
from tests.upscale_tiny import tiny_generator

INTERRUPTIBLE = """
import runpy, signal
# A shell starts what is in the background with Ctrl-C ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
runpy.run_module("keras_affsr_cli", run_name="__main__")
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Holds models, and a tree of images of which one is none."""
    folder = tmp_path_factory.mktemp("upscale")
    generator = tiny_generator(3)
    os.makedirs(folder / "run")
    generator.save(folder / "run" / "generator.keras")
    SuperResolver(generator, DOWNSAMPLE).save(folder / "model.keras")
    tiny_generator(3, project=False).save(folder / "plain.keras")
    tiny_generator(3, noise_channels=1).save(folder / "stochastic.keras")
    write_image(folder / "in" / "a.png", low_res_image(3))
    write_image(folder / "in" / "sub" / "b.tif", low_res_image(3, bits=16))
    write_image(folder / "in" / "c.jpg", low_res_image(3, seed=1))
    (folder / "in" / "bad.png").write_bytes(b"no image")
    return folder


def upscale(folder, *arguments, model="model.keras"):
    return run("upscale", *arguments, "--model", folder / model)


def test_tree_is_kept_and_a_bad_file_stops_no_other(folder, tmp_path):
    code, out, err = upscale(folder, folder / "in", "-o", tmp_path / "out")
    assert code == 1
    lines = out.splitlines()
    assert [line.split()[0] for line in lines] == [
        "a.png", "c.jpg", os.path.join("sub", "b.tif"),
    ]  # fmt: skip
    assert "20 x 14" in lines[0]
    assert all("reproduced 100.00 %" in line for line in lines)
    assert "bad.png is no image that can be read" in err
    assert "1 of 4 files failed" in err
    assert "[4/4] " in err
    assert_agree(tmp_path / "out" / "a.png", folder / "in" / "a.png")
    # A lossy input has a lossless result.
    assert_agree(tmp_path / "out" / "c.png", folder / "in" / "c.jpg")
    deep = os.path.join("sub", "b.tif")
    assert_agree(tmp_path / "out" / deep, folder / "in" / deep, bits=16)


def test_a_lone_file_goes_to_a_file_or_a_folder(folder, tmp_path):
    source = folder / "in" / "a.png"
    target = tmp_path / "new" / "x.webp"
    code, out, err = upscale(
        folder, source, "-o", target, "--quiet", model="run"
    )
    assert code == 0, err
    assert out.startswith("a.png  20 x 14  LR-PSNR ")
    assert out.endswith(f"reproduced 100.00 %  {target}\n")
    assert "[1/1]" not in err
    assert_agree(target, source)
    assert upscale(folder, source, "-o", tmp_path)[0] == 0
    assert_agree(tmp_path / "a.png", source)


def test_files_that_exist_are_replaced_on_demand(folder, tmp_path):
    source, target = folder / "in" / "a.png", tmp_path / "x.png"
    target.write_bytes(b"dear")
    code, out, err = upscale(folder, source, "-o", target)
    assert (code, out) == (1, "")
    assert "x.png exists, and is not replaced" in err
    assert target.read_bytes() == b"dear"
    assert upscale(folder, source, "-o", target, "--overwrite")[0] == 0
    assert_agree(target, source)


def test_inputs_are_never_replaced(folder, tmp_path):
    shutil.copy(folder / "in" / "a.png", tmp_path / "a.png")
    before = (tmp_path / "a.png").read_bytes()
    code, _, err = upscale(folder, tmp_path, "-o", tmp_path, "--overwrite")
    assert code == 1
    assert "a.png is an input, which is never replaced" in err
    maps = ("--consistency-map", tmp_path, "--overwrite")
    code, _, err = upscale(folder, tmp_path, "-o", tmp_path / "out", *maps)
    assert code == 1
    assert "a.png is an input, which is never replaced" in err
    assert (tmp_path / "a.png").read_bytes() == before


def test_two_inputs_of_one_result_are_told(folder, tmp_path):
    shutil.copy(folder / "in" / "a.png", tmp_path / "a.png")
    inputs = (folder / "in" / "a.png", tmp_path / "a.png")
    output = tmp_path / "out"
    code, out, err = upscale(folder, *inputs, "-o", output, "--overwrite")
    assert code == 1
    assert len(out.splitlines()) == 1
    assert "a.png is already the result of" in err


def test_format_and_bits_are_those_asked_for(folder, tmp_path):
    source = folder / "in" / "a.png"
    options = ("--format", "tiff", "--bits", "16")
    code, _, err = upscale(folder, source, "-o", tmp_path, *options)
    assert code == 0, err
    assert read_image(tmp_path / "a.tif").bits == 16
    assert_agree(tmp_path / "a.tif", source)
    code, _, err = upscale(folder, source, "-o", tmp_path, "--format", "jpeg")
    assert code == 0
    assert read_image(tmp_path / "a.jpg").format == "JPEG"


def test_samples_and_maps_are_written_on_request(folder, tmp_path):
    code, _, err = upscale(
        folder, folder / "in" / "a.png", "-o", tmp_path / "out",
        *("--samples", "2", "--seed", "3"),
        *("--consistency-map", tmp_path / "maps"),
        model="stochastic.keras",
    )  # fmt: skip
    assert code == 0, err
    assert sorted(os.listdir(tmp_path / "out")) == ["a-1.png", "a-2.png"]
    drawn = read_image(tmp_path / "maps" / "a.png").pixels
    assert drawn.shape == (7, 10, 3)
    assert drawn.max() < 128  # None is off by half a level.


def test_models_without_an_operator_are_given_one(folder, tmp_path):
    source, target = folder / "in" / "a.png", tmp_path / "x.png"
    code, _, err = upscale(folder, source, "-o", target, model="plain.keras")
    assert code == 2
    assert "does not know what" in err
    code, _, err = upscale(
        folder, source, "-o", target, *OPERATOR, model="plain.keras"
    )
    assert code == 0, err
    assert_agree(target, source)


@pytest.mark.parametrize(
    "options, message",
    [
        (("--downsample", "box", "--scale", "3"), "do not fit each other"),
        (("--samples", "2"), "has nothing to sample"),
        (("--strength", "0.5", "--noise-stddev", "0.1"), "noise_stddev"),
    ],
)
def test_options_that_do_not_fit_the_model_are_refused(
    folder, tmp_path, options, message
):
    code, _, err = upscale(
        folder, folder / "in" / "a.png", "-o", tmp_path, *options
    )
    assert code == 2
    assert f"--model {folder / 'model.keras'} will not do" in err
    assert message in err


def test_places_that_do_not_fit_are_refused(folder, tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "empty").mkdir()
    source = folder / "in" / "a.png"
    for arguments, message in (
        ((folder / "in", "-o", tmp_path / "file"), "is a file. Give a folder"),
        (
            (source, "-o", tmp_path / "a.png", "--format", "webp"),
            "--format webp and the ending of --output",
        ),
        ((tmp_path / "empty", "-o", tmp_path / "out"), "found no image"),
    ):
        code, _, err = upscale(folder, *arguments)
        assert code == 2
        assert message in err


def test_too_many_pixels_and_a_missing_file_are_told(folder, tmp_path):
    code, _, err = upscale(
        folder, folder / "in" / "a.png", tmp_path / "absent.png",
        *("-o", tmp_path / "out", "--max-pixels", "69"),
    )  # fmt: skip
    assert code == 1
    assert "a.png has too many pixels" in err
    assert "absent.png cannot be read: No such file" in err
    assert "2 of 2 files failed" in err


def test_a_full_disk_fails_the_file_and_leaves_nothing(folder, tmp_path):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200, before[1]))
    with contextlib.ExitStack() as stack:
        stack.callback(resource.setrlimit, resource.RLIMIT_FSIZE, before)
        code, _, err = upscale(folder, folder / "in" / "a.png", "-o", tmp_path)
    assert code == 1
    assert "cannot be written: File too large" in err
    assert os.listdir(tmp_path) == []


@pytest.mark.slow
def test_ctrl_c_leaves_nothing_half_written(folder, tmp_path):
    pixels = np.full((64, 64, 3), 100, "uint8")
    for number in range(400):
        image = ImageFile(pixels)
        write_image(tmp_path / "in" / f"{number}.png", image)
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTIBLE, "upscale", tmp_path / "in",
         "-o", tmp_path / "out", "--model", folder / "model.keras"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    for _ in range(3):
        process.stdout.readline()  # A line for each image that is done.
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Interrupted. Nothing is left half written." in err
    written = os.listdir(tmp_path / "out")
    assert 3 <= len(written) < 400
    for name in written:  # Whole, and no hidden rest among them.
        assert (
            read_image(tmp_path / "out" / name).pixels.shape[:2] == (128,) * 2
        )
