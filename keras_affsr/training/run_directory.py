"""RunDirectory: the folder of one training, and all that it leaves there."""

import json
import os

import keras

from keras_affsr.callbacks.checkpoint_files import write_durably
from keras_affsr.callbacks.run_config import differences

FLAGS = "flags.json"
MODEL = "model.keras"
GENERATOR = "generator.keras"
SUMMARY = "summary.json"


class RunDirectory:
    """The folder of one training: its settings, its files, and its end.

    | file              | what                                             |
    |-------------------|--------------------------------------------------|
    | `flags.json`      | the settings of the run, from its beginning on   |
    | `log.csv`         | a row for each epoch                             |
    | `checkpoints/`    | what the run goes on from                        |
    | `best.keras`      | the model at its best epoch                      |
    | `model.keras`     | the model at the end                             |
    | `generator.keras` | its generator alone, a plain Keras model         |
    | `summary.json`    | the results; where it is, the run has ended      |

    The class writes the first and the last three, each whole or not at all;
    the others come from callbacks, at the paths that `path` tells.

    Args:
        directory: string or path. Nothing is made before `begin`.
        flags: dict of JSON-able values: the settings that the result of the
            run depends on.

    Example:

    ```python
    run = keras_affsr.training.RunDirectory("runs/a", {"seed": 0})
    run.begin()
    if not run.is_finished:
        model.fit(...)  # With a Checkpoint at run.path("checkpoints").
        run.finish(model, {"psnr": 20.0})
    model = run.load()
    ```
    """

    def __init__(self, directory, flags):
        self.directory = os.fspath(directory)
        self.flags = json.loads(json.dumps(flags))

    def path(self, *names):
        """Returns the path of a file of the run."""
        return os.path.join(self.directory, *names)

    @property
    def is_finished(self):
        """Whether the run has ended, and not only stopped."""
        return os.path.exists(self.path(SUMMARY))

    def begin(self, resume=True):
        """Makes the folder, or sees to it that this run may go on there.

        A folder with flags and nothing else is of a run that never began: any
        other may take it.

        Args:
            resume: bool. Whether to go on with a run of the same settings.
                Otherwise the folder has to be empty. Defaults to True.

        Raises:
            ValueError: If the folder holds something else. Nothing of it is
                changed.
            OSError: If the folder cannot be made, or written to.
        """
        if self._is_in_use():
            self._check_same(resume)
            return
        os.makedirs(self.directory, exist_ok=True)
        write_json(self.flags, self.path(FLAGS))

    def finish(self, model, summary):
        """Saves the model and its generator, and then the summary.

        Args:
            model: A model of this package.
            summary: dict of JSON-able values.
        """
        write_durably(model.generator.save, self.path(GENERATOR))
        write_durably(model.save, self.path(MODEL))
        write_json(summary, self.path(SUMMARY))

    def load(self, name=MODEL):
        """Returns a model that the run has left."""
        return keras.saving.load_model(self.path(name))

    def summary(self):
        """Returns what `finish` was given."""
        return read_json(self.path(SUMMARY))

    def _is_in_use(self):
        if not os.path.isdir(self.directory):
            return False
        # A run that ended before it did anything has left no more than that.
        return any(
            not name.startswith("partial_") and name != FLAGS
            for name in os.listdir(self.directory)
        )

    def _check_same(self, resume):
        where = f"`{type(self).__name__}` found {self.directory!r}"
        if not resume:
            raise ValueError(
                f"{where} in use, and was told not to go on with what is "
                "there. Give another directory, or remove this one."
            )
        if not os.path.exists(self.path(FLAGS)):
            raise ValueError(
                f"{where} in use, and by no run: it holds no {FLAGS}. Give "
                "another directory."
            )
        then = read_json(self.path(FLAGS))
        found = differences(then, self.flags)
        if found:
            raise ValueError(
                f"{where} to be of a run with other settings: {found}. Start "
                "with the same ones to go on, or give another directory."
            )


def read_json(path):
    """Returns what a JSON file holds, or raises naming the file."""
    with open(path, encoding="utf-8") as file:
        try:
            return json.load(file)
        except ValueError as error:
            raise ValueError(
                f"{path} is damaged: {error}. Put a copy of it back, or use "
                "another directory."
            ) from error


def write_json(content, path):
    """Writes a JSON file, whole or not at all."""

    def save(partial):
        with open(partial, "w", encoding="utf-8") as file:
            json.dump(content, file, indent=2)
            file.write("\n")

    write_durably(save, path)
