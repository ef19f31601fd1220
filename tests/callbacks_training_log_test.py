import csv
import logging
import os

import keras
import numpy as np
import pytest

from keras_affsr.callbacks.training_log import TrainingLog

LOGS = [{"loss": 0.1 * epoch + 1 / 3, "b": epoch} for epoch in range(5)]


def read(path):
    """Returns the rows of a log as dicts of strings."""
    with path.open() as file:
        return list(csv.DictReader(file))


def train(path, first, last, logs=LOGS):
    """Calls the callback as `fit` does, of epochs from `first` to `last`."""
    log = TrainingLog(path)
    log.on_train_begin()
    for epoch in range(first, last):
        log.on_epoch_begin(epoch)
        log.on_epoch_end(epoch, dict(logs[epoch]))
    return log


def test_rows_can_be_read_back_to_the_last_bit(tmp_path):
    path = tmp_path / "new" / "log.csv"
    logs = [{"loss": 1 / 3, "b": np.float32(0.1), "c": np.int64(7), "d": "x"}]
    logs += [{"loss": float("nan"), "b": 1e-300, "c": 8, "d": "y"}]
    train(path, 0, 2, logs)
    rows = read(path)
    assert list(rows[0]) == ["epoch", "b", "c", "d", "loss"]
    assert [row["epoch"] for row in rows] == ["0", "1"]
    assert float(rows[0]["loss"]) == 1 / 3
    assert np.float32(rows[0]["b"]) == np.float32(0.1)
    assert (rows[0]["c"], rows[0]["d"]) == ("7", "x")
    assert np.isnan(float(rows[1]["loss"]))
    assert float(rows[1]["b"]) == 1e-300


def test_rows_are_those_of_keras(tmp_path):
    inputs = keras.Input((3,))
    model = keras.Model(inputs, keras.layers.Dense(1)(inputs))
    model.compile("sgd", loss="mse", metrics=["mae"])
    data = np.ones((8, 3)), np.ones((8, 1))
    ours, theirs = tmp_path / "ours.csv", tmp_path / "theirs.csv"
    logs = [TrainingLog(ours), keras.callbacks.CSVLogger(theirs)]
    model.fit(*data, epochs=3, validation_data=data, callbacks=logs, verbose=0)
    rows = [read(path) for path in (ours, theirs)]
    assert rows[0] == rows[1]
    assert len(rows[0]) == 3


@pytest.mark.parametrize("resumed_at", [1, 2, 3])
@pytest.mark.parametrize("rest", ["", "3,1.", "3,1.0,2.", "1"])
def test_a_resumed_log_is_the_same_as_a_whole_one(resumed_at, rest, tmp_path):
    whole, killed = tmp_path / "whole.csv", tmp_path / "killed.csv"
    train(whole, 0, 5)
    train(killed, 0, 3)
    with killed.open("a") as file:
        # Of a row, when the process was killed. "1" may begin "10,...".
        file.write(rest)
    train(killed, resumed_at, 5)
    assert killed.read_bytes() == whole.read_bytes()
    assert sorted(os.listdir(tmp_path)) == ["killed.csv", "whole.csv"]


def test_names_that_come_later_get_columns_behind(tmp_path):
    logs = [{"loss": 1.0}, {"loss": 2.0, "val_loss": 3.0, "a": 4.0}, {"a": 5.0}]
    whole, killed = tmp_path / "whole.csv", tmp_path / "killed.csv"
    train(whole, 0, 3, logs)
    assert whole.read_text() == (
        "epoch,loss,a,val_loss\n0,1.0,,\n1,2.0,4.0,3.0\n2,,5.0,\n"
    )
    train(killed, 0, 2, logs)
    train(killed, 1, 3, logs)
    assert killed.read_text() == whole.read_text()


def test_the_log_of_another_run_is_renamed(tmp_path, caplog):
    path = tmp_path / "log.csv"
    for count in (3, 2, 1):
        with caplog.at_level(logging.WARNING):
            train(path, 0, count)
    logs = {each.name: len(read(each)) for each in tmp_path.iterdir()}
    assert logs == {"log.csv": 1, "log.csv.1": 3, "log.csv.2": 2}
    assert f"the one that was there is now {path}.2." in caplog.text


def test_a_log_may_begin_with_a_later_epoch(tmp_path):
    path = tmp_path / "log.csv"
    train(path, 2, 4)
    train(path, 3, 5)
    rows = read(path)
    assert [row["epoch"] for row in rows] == ["2", "3", "4"]
    train(path, 2, 3)  # All rows go: the header has to be written again.
    assert path.read_text().splitlines()[0] == "epoch,b,loss"
    assert len(path.read_text().splitlines()) == 2


def test_a_gap_in_the_rows_is_refused(tmp_path):
    path = tmp_path / "log.csv"
    train(path, 0, 2)
    before = path.read_text()
    with pytest.raises(
        ValueError, match=r"begins with epoch 4, .* are of \[0, 1\]. Move it"
    ):
        train(path, 4, 5)
    assert path.read_text() == before


@pytest.mark.parametrize("text", ["a,b\n1,2\n", "epoch,b\nx,2\n"])
def test_a_file_of_another_kind_is_refused(text, tmp_path):
    path = tmp_path / "log.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match="`TrainingLog` did not write"):
        train(path, 0, 1)
    assert path.read_text() == text


def test_a_path_that_cannot_be_written_is_refused_at_once(tmp_path):
    (tmp_path / "file").write_text("")
    log = TrainingLog(tmp_path / "file" / "log.csv")
    with pytest.raises(OSError, match=r"cannot write .*log.csv.* Make room"):
        log.on_train_begin()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="of Linux")
def test_a_full_disk_is_told_of(tmp_path):
    path = tmp_path / "log.csv"
    log = train(path, 0, 2)
    path.rename(tmp_path / "elsewhere.csv")
    path.symlink_to("/dev/full")
    with pytest.raises(OSError, match=r"No space left on device.*as they were"):
        log.on_epoch_end(2, LOGS[2])
