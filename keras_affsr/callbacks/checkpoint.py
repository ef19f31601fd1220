"""Checkpoint: a training that is killed goes on as if it had not been."""

import json
import logging
import os
import warnings

import keras

from keras_affsr import checks
from keras_affsr.callbacks import callback_states
from keras_affsr.callbacks import checkpoint_files as files
from keras_affsr.callbacks import model_state

LOGGER = logging.getLogger(__name__)


class Checkpoint(keras.callbacks.Callback):
    """Keeps all that a training needs to go on exactly where it was.

    Killed at any moment and started again by the same program, a run on one
    CPU ends with the weights, optimizers and logs that it would have had, to
    the last bit; a GPU adds in varying order unless TensorFlow is told not to.
    A checkpoint has the weights of the model and of its prior, the state of
    all its optimizers, loss scales, the random states of layers such as
    `Dropout`, and the states of `callbacks`. The noise of this package's
    models needs no state: it is a function of the seed and the step. So are
    the batches of its datasets, which begin at `start_batch`; of other data,
    see to it that each batch depends on its number alone, and leave the
    shuffling of arrays by `fit` out. Put into `config` what batches depend on,
    the steps of an epoch among it.

    Checkpoints are `<directory>/epoch_0012.weights.h5`, at the end of 12
    epochs, and so on; the first one, of a new run, before any training. Each
    appears when it is complete, and only then are older ones removed. Their
    checksums are looked at before they are loaded: of a damaged one a warning
    tells, and the one before it is taken. For finer checkpoints make epochs
    shorter, by `steps_per_epoch`. An epoch in which `stop_training` was set is
    not kept, as it may not be whole.

    In the list of callbacks it comes last: what the others write at the end of
    an epoch is then there before the checkpoint says that the epoch is over.

    Args:
        directory: string or path. Of this run alone. It is made if need be.
        config: dict of JSON-able values, such as the flags of a program.
            Defaults to None, for none. A run can only be gone on with by the
            same ones.
        every: int. Epochs from one checkpoint to the next; the last epoch has
            one in any case. Defaults to 1.
        keep: int. How many checkpoints to keep. Defaults to 2.
        may_change: Names in `config` that need not be the same. Defaults to
            none. "epochs", say, if nothing but the length of the run depends
            on it: with a schedule over all steps, a longer run is another one.
        callbacks: Callbacks of the same `fit` that have a state: those with
            methods `get_state()`, which returns something JSON-able, and
            `set_state(state)`, `LadderCheckpoint`, and Keras's
            `ModelCheckpoint` and `ReduceLROnPlateau`. Defaults to none.

    Raises:
        ValueError: If an argument will not do; by `restore`, if the checkpoint
            is of another model or config; when training begins, if it does not
            go on from the checkpoint.
        OSError: By `restore`, if all checkpoints are damaged; in training, if
            one cannot be written. Those before it remain.
        FloatingPointError: In training, instead of keeping a model with NaN.

    Example:

    ```python
    flags = {"learning_rate": 1e-3, "seed": 0, "steps": 100}
    downsample = keras_affsr.layers.GaussianDownsample(scale=4)
    generator = keras_affsr.networks.generator(downsample, channels=1)
    model = keras_affsr.models.SuperResolver(generator, downsample)
    model.compile(keras.optimizers.Adam(flags["learning_rate"]), loss="mse")

    checkpoint = keras_affsr.callbacks.Checkpoint("run/checkpoints", flags)
    epoch = checkpoint.restore(model)  # 0 in a new run.
    patches = keras_affsr.data.texture_patches(
        keras_affsr.data.grass("train"),
        seed=flags["seed"],
        start_batch=flags["steps"] * epoch,
    )
    model.fit(
        keras_affsr.data.pairs(patches, downsample),
        initial_epoch=epoch,
        epochs=50,
        steps_per_epoch=flags["steps"],
        callbacks=[
            keras_affsr.callbacks.StopOnNaN(checkpoint),
            keras_affsr.callbacks.TrainingLog("run/log.csv"),
            checkpoint,
        ],
    )
    ```
    """

    def __init__(
        self,
        directory,
        config=None,
        every=1,
        keep=2,
        may_change=(),
        callbacks=(),
    ):
        super().__init__()
        self.owner = type(self).__name__
        self.directory = os.fspath(directory)
        self.config = _as_json(config, self.owner)
        self.every = checks.check_count(every, "every", self.owner)
        self.keep = checks.check_count(keep, "keep", self.owner)
        self.may_change = set(may_change)
        self.callbacks = callback_states.check_callbacks(callbacks, self.owner)
        self.epochs = []  # Of the checkpoints known to be good.
        self._states = None  # Of callbacks, to set when training begins.

    def restore(self, model):
        """Brings a model to the last good checkpoint, if there is any.

        Args:
            model: Model. A compiled one, made as in the run to go on with.

        Returns:
            int, how many epochs have been trained: the `initial_epoch` for
            `fit`, 0 in a new run.
        """
        model_state.check_compiled(model, self.owner)
        path, state = self._last_good()
        if path is None:
            return 0
        self._check_config(state["config"], path)
        model_state.check_fits(state["model"], model, path, self.owner)
        model_state.load(model, path)
        model_state.set_random_states(model, state["random states"])
        self.epochs, self._states = [state["epoch"]], state["callbacks"]
        LOGGER.info("Restored %s.", path)
        return state["epoch"]

    def on_train_begin(self, logs=None):
        files.check_writable(self.directory, self.owner)
        files.remove_partial(self.directory)
        found = files.checkpoints_in(self.directory)
        if found and not self.epochs:
            raise ValueError(
                f"`{self.owner}` found a run of {max(found)} epochs in "
                f"{self.directory!r}. To go on with it, call `epoch = "
                "checkpoint.restore(model)` and `fit(..., initial_epoch=epoch)"
                "`; for another run, give another directory."
            )
        if self._states is not None:
            callback_states.set_states(self.callbacks, self._states, self.owner)
        self._begins = True

    def on_epoch_begin(self, epoch, logs=None):
        if not self._begins:
            return
        self._begins, self._states = False, None
        if not self.epochs:
            self._save(epoch)
        elif epoch != self.epochs[-1]:
            raise ValueError(
                f"`{self.owner}` has a model that was trained for "
                f"{self.epochs[-1]} epochs, and the training begins with "
                f"initial_epoch={epoch}. Give `fit` what `restore` returns."
            )

    def on_epoch_end(self, epoch, logs=None):
        if self.model.stop_training:
            return
        done = epoch + 1
        if done % self.every == 0 or done == self.params["epochs"]:
            self._save(done)

    def _save(self, epoch):
        model_state.check_finite(self.model, self.owner)
        state = {
            "epoch": epoch,
            "config": self.config,
            "model": model_state.describe(self.model),
            "random states": model_state.random_states(self.model),
            "callbacks": callback_states.get_states(self.callbacks),
        }
        path = files.path_of(self.directory, epoch)
        size = model_state.num_bytes(self.model)
        files.write(self.model.save_weights, state, path, size, self.owner)
        self.epochs = [*self.epochs, epoch][-self.keep :]
        # A damaged one, of an epoch that is to come, is not counted.
        for old, path in files.checkpoints_in(self.directory).items():
            if len(self.epochs) == self.keep and old < self.epochs[0]:
                os.remove(path)

    def _last_good(self):
        """Returns path and state of the last good checkpoint, or None twice."""
        found = files.checkpoints_in(self.directory)
        for path in found.values():
            try:
                return path, files.read(path)
            except (OSError, ValueError) as error:
                warnings.warn(
                    f"`{self.owner}` leaves {path} out, as it is damaged: "
                    f"{error}. The one before it is next."
                )
        if found:
            raise OSError(
                f"`{self.owner}` found no checkpoint that is whole in "
                f"{self.directory!r}: {len(found)} of {len(found)} are "
                "damaged. Put a copy of one back, or give another directory to "
                "begin anew. Nothing has been removed."
            )
        return None, None

    def _check_config(self, config, path):
        names = sorted((config.keys() | self.config.keys()) - self.may_change)
        differences = [
            f"{name}: {_value(config, name)} then, "
            f"{_value(self.config, name)} now"
            for name in names
            if _value(config, name) != _value(self.config, name)
        ]
        if differences:
            raise ValueError(
                f"`{self.owner}` goes on with the config of the run alone. In "
                f"{path}: {'; '.join(differences)}. Start with the same "
                "values, or give another directory."
            )


def _as_json(config, owner):
    """Returns a config as it will be read from a file, or raises."""
    config = dict(config or {})
    for name, value in config.items():
        try:
            json.dumps({name: value})
        except TypeError as error:
            raise ValueError(
                f"`{owner}` needs a config of values that JSON knows. "
                f"Received: {name}={value!r}. {error}. Give numbers, strings, "
                "lists and dicts."
            ) from error
    return json.loads(json.dumps(config))


def _value(config, name):
    return repr(config[name]) if name in config else "nothing"
