import os
import subprocess
import tracemalloc

import h5py
import keras
import numpy as np
import pytest

from keras_affsr.callbacks import checkpoint_files as files
from keras_affsr.callbacks.checkpoint import Checkpoint
from tests.models_tiny import FIT
from tests.models_tiny import assert_same_arrays
from tests.models_tiny import images
from tests.resume_tiny import CONFIG
from tests.resume_tiny import contents
from tests.resume_tiny import make_plain
from tests.resume_tiny import names
from tests.resume_tiny import run
from tests.resume_tiny import states


def cut(content):
    return content[: len(content) // 2]


def flip(content):
    middle = len(content) // 2
    return (
        content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
    )


def empty(content):
    return b""


@pytest.mark.parametrize("damage", [cut, flip, empty])
def test_a_damaged_checkpoint_is_left_out(damage, tmp_path):
    whole, killed, resumed = make_plain(), make_plain(), make_plain(seed=2)
    run(whole, tmp_path / "whole")
    run(killed, tmp_path / "killed", stop=2)
    newest = tmp_path / "killed" / "epoch_0002.weights.h5"
    newest.write_bytes(damage(newest.read_bytes()))
    checkpoint = Checkpoint(tmp_path / "killed", CONFIG)
    with pytest.warns(UserWarning, match=r"leaves .*epoch_0002.* its checksum"):
        assert checkpoint.restore(resumed) == 1
    kwargs = {"initial_epoch": 1, "epochs": 3, **FIT}
    resumed.fit(images(), callbacks=[checkpoint], **kwargs)
    assert_same_arrays(states(resumed), states(whole))
    assert names(tmp_path / "killed") == names(tmp_path / "whole")


def test_with_all_checkpoints_damaged_nothing_is_touched(tmp_path):
    run(make_plain(), tmp_path)
    for path in tmp_path.iterdir():
        path.write_bytes(flip(path.read_bytes()))
    before, model = contents(tmp_path), make_plain(seed=2)
    weights = states(model)
    with (
        pytest.warns(UserWarning, match="as it is damaged"),
        pytest.raises(OSError, match=r"2 of 2 are damaged. Put a copy of one"),
    ):
        Checkpoint(tmp_path, CONFIG).restore(model)
    assert contents(tmp_path) == before
    assert_same_arrays(states(model), weights)


def fit(model, directory, **kwargs):
    checkpoint = Checkpoint(directory, CONFIG)
    model.fit(images(), callbacks=[checkpoint], **kwargs, **FIT)


def test_a_directory_that_cannot_be_written_is_refused_at_once(tmp_path):
    (tmp_path / "file").write_text("no directory")
    model, path = make_plain(), tmp_path / "file" / "checkpoints"
    before = states(model)
    with pytest.raises(OSError, match=r"cannot write to .*Choose a directory"):
        fit(model, path)
    assert_same_arrays(states(model), before)


class FillDisk(keras.callbacks.Callback):
    """Lets the next checkpoint be written to where there is no room."""

    def __init__(self, path):
        super().__init__()
        self.path = path

    def on_train_batch_end(self, batch, logs=None):
        if not self.path.is_symlink():
            self.path.symlink_to("/dev/full")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="of Linux")
def test_a_full_disk_leaves_the_checkpoints_before(tmp_path):
    model, resumed = make_plain(), make_plain(seed=2)
    run(model, tmp_path, stop=1)
    before = contents(tmp_path)
    with pytest.raises(
        OSError,
        match=r"cannot write .*epoch_0002.*No space left on device.* takes up "
        r"to \d+\.\d MB, and \d+\.\d MB are free.* as they were",
    ):
        run(
            model,
            tmp_path,
            before=[FillDisk(tmp_path / "partial_epoch_0002.weights.h5")],
        )
    assert names(tmp_path) == sorted(before)
    assert contents(tmp_path) == before
    assert Checkpoint(tmp_path, CONFIG).restore(resumed) == 1


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="of Linux")
def test_a_disk_that_is_too_small_is_noticed_before_it_is_full(tmp_path):
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(tmp_path)]
    if (
        os.name != "posix"
        or subprocess.run(mount, capture_output=True).returncode
    ):
        pytest.skip("may not mount a file system")
    try:
        with pytest.raises(OSError, match=r"No space left on device.* 1.0 MB"):
            fit(make_plain(), tmp_path / "run")
        assert names(tmp_path / "run") == []
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


def test_a_checkpoint_is_never_in_memory_as_a_whole(tmp_path):
    path = str(tmp_path / "epoch_0001.weights.h5")
    array, size = np.zeros(2**25, "uint8"), 2**25
    state = {"text": "a" * 2**21}  # Longer than what is read at a time.

    def save(partial):
        with h5py.File(partial, "w") as file:
            file["zeros"] = array

    def peak(function):
        tracemalloc.start()
        result = function()
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most, result

    most, _ = peak(lambda: files.write(save, state, [], path, size, "test"))
    assert most < size / 2
    most, found = peak(lambda: files.read(path))
    assert most < size / 2
    assert found == state


def test_arrays_are_beside_the_weights(tmp_path):
    path = str(tmp_path / "epoch_0001.weights.h5")
    model, other = make_plain(), make_plain(seed=2)
    arrays = [np.arange(5, dtype="uint8"), np.zeros(0, "uint8")]
    files.write(model.save_weights, {}, arrays, path, 100, "test")
    assert_same_arrays(files.read_arrays(path), arrays)
    other.load_weights(path)
    assert_same_arrays(states(other), states(model))
