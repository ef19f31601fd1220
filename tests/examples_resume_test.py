"""A training that is killed, and started again by the same command."""

import os
import shutil
import signal
import subprocess
import time

import keras
import numpy as np
import pytest
import train_celeba

from tests.examples_runs import ROOT
from tests.examples_runs import TINY
from tests.examples_runs import command
from tests.examples_runs import settings_of

PATIENCE = 300  # Seconds for a few steps on a machine that is busy.
FLAGS = (*TINY, "--data=photographs", "--epochs=4", "--image_size=32")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run that nothing has disturbed."""
    folder = tmp_path_factory.mktemp("whole")
    settings = settings_of(train_celeba, *FLAGS, f"--output_dir={folder}")
    train_celeba.run(settings)
    return folder


def stop_at(path, number, folder):
    """Starts the run, and sends it a signal as soon as a file is there.

    Returns:
        The exit code, and what was printed on stderr.
    """
    errors = folder.parent / "errors.txt"
    with errors.open("w") as file:
        process = subprocess.Popen(
            command("train_celeba.py", *FLAGS, f"--output_dir={folder}"),
            cwd=ROOT,
            stderr=file,
            stdout=subprocess.DEVNULL,
        )
    for _ in range(20 * PATIENCE):
        if path.exists() or process.poll() is not None:
            break
        time.sleep(0.05)
    assert process.poll() is None  # It has not ended before.
    os.kill(process.pid, number)
    return process.wait(), errors.read_text()


def assert_same(found, expected):
    """Compares two runs to the last bit."""
    for objective in ("mse", "gan"):
        log = f"{objective}/log.csv"
        assert (found / log).read_text() == (expected / log).read_text()
        for name in ("model.keras", "best.keras"):
            one, other = (
                keras.saving.load_model(folder / objective / name)
                for folder in (found, expected)
            )
            pairs = [(one.variables, other.variables)]
            for kind in ("optimizer", "discriminator_optimizer"):
                if getattr(one, kind, None):
                    pairs.append(
                        [getattr(each, kind).variables for each in (one, other)]
                    )
            for ours, theirs in pairs:
                assert len(ours) == len(theirs) > 0
                for a, b in zip(ours, theirs):
                    np.testing.assert_array_equal(
                        keras.ops.convert_to_numpy(a),
                        keras.ops.convert_to_numpy(b),
                    )


@pytest.mark.slow
def test_a_run_that_is_killed_ends_as_one_that_is_not(whole, tmp_path):
    folder = tmp_path / "run"
    kept = folder / "mse" / "checkpoints" / "epoch_0002.weights.h5"
    code, _ = stop_at(kept, signal.SIGKILL, folder)
    assert code == -signal.SIGKILL
    assert not (folder / "mse" / "summary.json").exists()

    kept = folder / "gan" / "checkpoints" / "epoch_0001.weights.h5"
    code, told = stop_at(kept, signal.SIGTERM, folder)
    assert code == 128 + signal.SIGTERM
    assert f"The same command goes on in {folder / 'gan'}" in told

    settings = settings_of(train_celeba, *FLAGS, f"--output_dir={folder}")
    train_celeba.run(settings)
    assert_same(folder, whole)


@pytest.mark.slow
def test_a_run_killed_after_its_last_epoch_is_only_ended(whole, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(whole, folder)
    for name in ("summary.json", "model.keras", "generator.keras"):
        os.remove(folder / "gan" / name)
    settings = settings_of(train_celeba, *FLAGS, f"--output_dir={folder}")
    train_celeba.run(settings)
    assert_same(folder, whole)
