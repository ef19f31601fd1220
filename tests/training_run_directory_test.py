"""The folder of a training: what it keeps, and what it refuses."""

import json
import os

import keras
import numpy as np
import pytest

from keras_affsr.models import SuperResolver
from keras_affsr.training.run_directory import RunDirectory
from tests.models_tiny import DOWNSAMPLE
from tests.models_tiny import images
from tests.models_tiny import tiny_generator

FLAGS = {"seed": 3, "instance_noise": ["0.1", "0"], "steps": None}


@pytest.fixture
def model():
    model = SuperResolver(tiny_generator(), DOWNSAMPLE)
    model.compile("adam", "mse")
    return model


def test_a_new_run_leaves_its_flags(tmp_path):
    run = RunDirectory(tmp_path / "a" / "b", FLAGS)
    assert not (tmp_path / "a").exists()  # Nothing is made before `begin`.
    run.begin()
    assert json.loads((tmp_path / "a" / "b" / "flags.json").read_text()) == {
        **FLAGS
    }
    assert not run.is_finished


def test_a_finished_run_gives_back_its_models_and_its_summary(tmp_path, model):
    run = RunDirectory(tmp_path / "run", FLAGS)
    run.begin()
    run.finish(model, {"psnr": 20.5})
    assert run.is_finished
    assert run.summary() == {"psnr": 20.5}
    low_res = DOWNSAMPLE(images())
    expected = model.predict_on_batch(low_res)
    for name in ("model.keras", "generator.keras"):
        loaded = run.load(name)
        np.testing.assert_array_equal(
            loaded.predict_on_batch(low_res), expected
        )
    assert not isinstance(run.load("generator.keras"), SuperResolver)
    assert not [name for name in os.listdir(run.directory) if "part" in name]


def test_the_same_flags_go_on_and_change_nothing(tmp_path):
    RunDirectory(tmp_path / "run", FLAGS).begin()
    (tmp_path / "run" / "log.csv").write_text("epoch,loss\n")
    before = (tmp_path / "run" / "flags.json").stat().st_mtime_ns
    # Tuples are lists in JSON, and no other flags.
    RunDirectory(
        tmp_path / "run", {**FLAGS, "instance_noise": ("0.1", "0")}
    ).begin()
    assert (tmp_path / "run" / "flags.json").stat().st_mtime_ns == before
    assert (tmp_path / "run" / "log.csv").read_text() == "epoch,loss\n"


def test_what_a_kill_at_the_very_beginning_leaves_is_no_run(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "partial_flags.json").write_text('{"se')
    RunDirectory(tmp_path / "run", FLAGS).begin(resume=False)
    assert json.loads((tmp_path / "run" / "flags.json").read_text()) == FLAGS


def begun(directory):
    """Returns a run that has left more than its flags."""
    run = RunDirectory(directory, FLAGS)
    run.begin()
    (directory / "log.csv").touch()
    return run


@pytest.mark.parametrize("resume", [True, False])
def test_a_run_that_never_began_is_no_obstacle(resume, tmp_path):
    for text in (json.dumps(FLAGS), '{"seed": '):
        (tmp_path / "flags.json").write_text(text)
        RunDirectory(tmp_path, {"seed": 4}).begin(resume)
        assert json.loads((tmp_path / "flags.json").read_text()) == {"seed": 4}


def test_other_flags_are_refused_by_name_and_value(tmp_path):
    begun(tmp_path / "run")
    other = {"seed": 4, "instance_noise": ["0.1", "0"], "width": 0.5}
    with pytest.raises(ValueError) as raised:
        RunDirectory(tmp_path / "run", other).begin()
    message = str(raised.value)
    assert "run' to be of a run with other settings: " in message
    assert "seed: 3 then, 4 now; " in message
    assert "steps: None then, nothing now; " in message
    assert "width: nothing then, 0.5 now. Start with the same" in message
    assert "instance_noise" not in message
    assert json.loads((tmp_path / "run" / "flags.json").read_text()) == FLAGS


def test_a_run_is_not_gone_on_with_if_told_so(tmp_path):
    begun(tmp_path / "run")
    with pytest.raises(ValueError, match="in use, and was told not to go on"):
        RunDirectory(tmp_path / "run", FLAGS).begin(resume=False)


def test_a_folder_of_other_things_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("...")
    with pytest.raises(ValueError, match="in use, and by no run"):
        RunDirectory(tmp_path, FLAGS).begin()
    assert os.listdir(tmp_path) == ["thesis.tex"]


def test_damaged_flags_are_named(tmp_path):
    begun(tmp_path / "run")
    (tmp_path / "run" / "flags.json").write_text('{"seed": ')
    with pytest.raises(ValueError, match=r"flags\.json is damaged: "):
        RunDirectory(tmp_path / "run", FLAGS).begin()


def test_a_model_that_cannot_be_saved_leaves_the_run_unfinished(
    tmp_path, model
):
    run = RunDirectory(tmp_path / "run", FLAGS)
    run.begin()
    os.mkdir(run.path("model.keras"))
    with pytest.raises(OSError):
        run.finish(model, {})
    assert not run.is_finished
    os.rmdir(run.path("model.keras"))
    run.finish(model, {})
    assert run.is_finished
    assert isinstance(run.load(), keras.Model)
