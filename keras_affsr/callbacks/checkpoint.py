"""Checkpoint: a training that is killed goes on as if it had not been."""

import logging
import os

import keras

from keras_affsr import checks
from keras_affsr.callbacks import callback_states
from keras_affsr.callbacks import checkpoint_files as files
from keras_affsr.callbacks import model_state
from keras_affsr.callbacks import run_config
from keras_affsr.callbacks import state_arrays

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
    Only Keras's `SwapEMAWeights` comes after it: training goes on from the
    weights before they are swapped. Its swaps round, so that a resume is exact
    but for the last bits.

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
        callbacks: Callbacks of the same `fit` that have a state:
            `LadderCheckpoint`, Keras's `EarlyStopping`, `ModelCheckpoint` and
            `ReduceLROnPlateau`, and those with methods `get_state()`, which
            returns something JSON-able, with NumPy arrays or without, and
            `set_state(state)`. If one of these is given to `fit` alone, a
            warning says so; of other callbacks nothing is known. Defaults to
            none.

    Raises:
        ValueError: If an argument will not do; by `restore`, if the checkpoint
            is of another model or config; when training begins, if it does not
            go on from the checkpoint, or `steps_per_execution` does not divide
            the steps of an epoch.
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
        self.config = run_config.as_json(config, self.owner)
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
        path, state = files.last_good(self.directory, self.owner)
        if path is None:
            return 0
        run_config.check_same(
            state["config"], self.config, self.may_change, path, self.owner
        )
        model_state.check_fits(state["model"], model, path, self.owner)
        model_state.load(model, path)
        model_state.set_random_states(model, state["random states"])
        self.epochs = [state["epoch"]]
        arrays = files.read_arrays(path)
        self._states = state_arrays.put_back(state["callbacks"], arrays)
        LOGGER.info("Restored %s.", path)
        return state["epoch"]

    def on_train_begin(self, logs=None):
        self._check_steps()
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
        self._set_states()
        callback_states.warn_of_others(self)
        self._begins = True

    def without_files(self):
        """Returns a callback for a worker where another one writes the files.

        All that it does is to give the callbacks their restored states, which
        have to be the same on all workers.
        """
        return keras.callbacks.LambdaCallback(
            on_train_begin=lambda logs: self._set_states()
        )

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
        callbacks, arrays = state_arrays.take_out(
            callback_states.get_states(self.callbacks)
        )
        state = {
            "epoch": epoch,
            "config": self.config,
            "model": model_state.describe(self.model),
            "random states": model_state.random_states(self.model),
            "callbacks": callbacks,
        }
        path = files.path_of(self.directory, epoch)
        size = model_state.num_bytes(self.model)
        save = self.model.save_weights
        files.write(save, state, arrays, path, size, self.owner)
        self.epochs = [*self.epochs, epoch][-self.keep :]
        # A damaged one, of an epoch that is to come, is not counted.
        for old, path in files.checkpoints_in(self.directory).items():
            if len(self.epochs) == self.keep and old < self.epochs[0]:
                os.remove(path)

    def _set_states(self):
        if self._states is not None:
            callback_states.set_states(self.callbacks, self._states, self.owner)

    def _check_steps(self):
        """Raises if Keras would take more batches than an epoch has."""
        steps, at_once = self.params["steps"], self.model.steps_per_execution
        if steps is not None and steps % at_once:
            raise ValueError(
                f"`{self.owner}` needs epochs that a restart can count the "
                f"batches of. Received: epochs of {steps} steps, and a model "
                f"compiled with steps_per_execution={at_once}, by which Keras "
                f"would take {-(-steps // at_once) * at_once} batches. Make "
                "the former a multiple of the latter."
            )
