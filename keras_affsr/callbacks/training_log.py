"""TrainingLog: one row of numbers for each epoch, none twice."""

import csv
import io
import logging
import os

import keras
import numpy as np

from keras_affsr.callbacks.checkpoint_files import write_durably

LOGGER = logging.getLogger(__name__)


class TrainingLog(keras.callbacks.Callback):
    """Writes the logs of each epoch as a row of a CSV file.

    Unlike those of `keras.callbacks.CSVLogger`, the rows of a run that was
    killed and started again are the same as if it had not been: a training
    that begins with `initial_epoch=n` keeps the rows of the epochs before n
    and drops what comes after. With n = 0 a log that is there is renamed, to
    "log.csv.1" and so on. A row is on the disk when `on_epoch_end` returns.

    The columns are "epoch", which counts from 0, and the names in the logs of
    the first epoch, sorted; names that come later get columns behind them, and
    what an epoch lacks is left empty. Numbers are written with all digits.

    In the list of callbacks it comes after those that add to the logs, such as
    `PriorLadder`, and before `Checkpoint`.

    Args:
        path: string or path. Of the file. Missing folders are made.

    Raises:
        ValueError: When training begins, if the file is not such a log, or has
            no rows of epochs before the first one.
        OSError: If the file cannot be written.

    Example:

    ```python
    model.fit(
        dataset,
        epochs=10,
        callbacks=[keras_affsr.callbacks.TrainingLog("run/log.csv")],
    )
    ```
    """

    def __init__(self, path):
        super().__init__()
        self.path = os.fspath(path)
        self.columns = None

    def on_train_begin(self, logs=None):
        self.columns = None
        self._append("")  # Tells now if that cannot be done.

    def on_epoch_begin(self, epoch, logs=None):
        if self.columns is not None:
            return
        columns, rows = self._read()
        if rows and epoch == 0:
            self._rename()
        rows = [row for row in rows if int(row["epoch"]) < epoch]
        self.columns = columns if rows else ["epoch"]
        epochs = [int(row["epoch"]) for row in rows]
        if epochs and epochs != list(range(epochs[0], epoch)):
            raise ValueError(
                f"`{type(self).__name__}` found the log of another run in "
                f"{self.path!r}: training begins with epoch {epoch}, and its "
                f"rows before that are of {epochs}. Move it away, or give "
                "another path."
            )
        self._write(rows)

    def on_epoch_end(self, epoch, logs=None):
        row = {"epoch": str(epoch)}
        row |= {name: _text(value) for name, value in (logs or {}).items()}
        new = sorted(row.keys() - set(self.columns))
        if new:
            _, rows = self._read()
            self.columns = self.columns + new
            self._write([*rows, row])
        else:
            self._append(_lines(self.columns, [row]))

    def _read(self):
        """Returns the names of the columns, and the rows that are whole."""
        if not os.path.exists(self.path):
            return ["epoch"], []
        with open(self.path, newline="") as file:
            text = file.read()
        whole = text[: text.rfind("\n") + 1]  # The rest was cut off.
        reader = csv.DictReader(io.StringIO(whole))
        columns, rows = reader.fieldnames or ["epoch"], list(reader)
        numbered = all((row.get("epoch") or "").isdigit() for row in rows)
        if columns[0] != "epoch" or not numbered:
            raise ValueError(
                f"`{type(self).__name__}` did not write {self.path!r}, which "
                f"begins with {text[:40]!r}. Give another path."
            )
        return columns, rows

    def _write(self, rows):
        def save(partial):
            with open(partial, "w", newline="") as file:
                if rows:
                    file.write(",".join(self.columns) + "\n")
                file.write(_lines(self.columns, rows))

        write_durably(save, self.path)

    def _append(self, text):
        try:
            os.makedirs(os.path.dirname(self.path) or ".", exist_ok=True)
            with open(self.path, "a", newline="") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise OSError(
                f"`{type(self).__name__}` cannot write {self.path!r}: {error}. "
                "The rows before are as they were. Make room, or give a path "
                "that you may write to."
            ) from error

    def _rename(self):
        number = 1
        while os.path.exists(f"{self.path}.{number}"):
            number += 1
        os.rename(self.path, f"{self.path}.{number}")
        LOGGER.warning(
            "A new run begins: its log is %s, and the one that was there is "
            "now %s.%d.",
            self.path,
            self.path,
            number,
        )


def _lines(columns, rows):
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writerows(rows)
    return text.getvalue()


def _text(value):
    """Returns a number so that it can be read back to the last bit."""
    if isinstance(value, str):
        return value
    return repr(np.asarray(value).tolist())
