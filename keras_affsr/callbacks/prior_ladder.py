"""PriorLadder: from a coarse prior to a fine one as a generator learns."""

import bisect
import logging
import os

import keras
from keras import ops

from keras_affsr import checks
from keras_affsr.callbacks import ladder_files

LOGGER = logging.getLogger(__name__)


class PriorLadder(keras.callbacks.Callback):
    """Loads ever finer checkpoints of the prior that guides a generator.

    A coarse prior shows the way from afar, a fine one the precise place. The
    rung is a function of the generator's steps, `model.optimizer.iterations`,
    so that a training that is resumed goes on with the right one; with
    `steps_per_execution` it is loaded at the first opportunity. Weights are
    replaced in place: nothing is compiled again.

    All files are read when training begins, and have to fit the prior and be in
    order, from coarse to fine. If one cannot be read later, the training stops
    with an error and the state of the model is saved.

    The number of the rung, from one, and its coarseness stand in the logs of
    each epoch as "rung" and "coarseness", for the callbacks after this one.

    Args:
        ladder: string or path of a directory that `LadderCheckpoint` wrote to;
            or list of paths of files `*.weights.h5`.
        steps: int. Steps of the generator from one rung to the next; or list
            of the first step of each rung, beginning with 0.
        rescue: string or path, ending in ".keras". Where to save the model if
            a file cannot be read in training. Defaults to `rescued.keras`
            beside the first file.

    Raises:
        ValueError: If an argument will not do; when training begins, if the
            model follows no prior, or the ladder will not do.
        RuntimeError: In training, if a file cannot be read.

    Example:

    ```python
    from keras_affsr import callbacks, layers, models, networks, priors

    # What LadderCheckpoint's example wrote, for a generator that follows it.
    denoiser = priors.Denoiser(
        networks.denoiser("swiss_roll", channels=2), value_range=None
    )
    downsample = layers.LinearDownsample([[0.5, 0.5]])
    model = models.DenoiserGuidedSuperResolver(
        networks.generator(downsample, "swiss_roll"), denoiser, downsample
    )
    model.compile("adam")
    model.fit(
        keras_affsr.data.swiss_roll(),
        steps_per_epoch=500,
        epochs=10,
        callbacks=[callbacks.PriorLadder("ladder", steps=500)],
    )
    ```

    Reference:
     - [Sonderby et al., 2017](https://arxiv.org/abs/1610.04490), appendices D
       and E
    """

    def __init__(self, ladder, steps, rescue=None):
        super().__init__()
        self.owner = type(self).__name__
        self.ladder = ladder
        self.steps = _check_steps(steps, self.owner)
        self.rescue = None if rescue is None else os.fspath(rescue)
        if rescue is not None and not self.rescue.endswith(".keras"):
            raise ValueError(
                f"`{self.owner}` saves a whole model, in a file whose name "
                f"ends in '.keras'. Received: rescue={self.rescue!r}."
            )
        self.twin, self.index = None, None
        self.paths, self.coarseness = [], []

    def on_train_begin(self, logs=None):
        if not hasattr(self.model, "guide"):
            raise ValueError(
                f"`{self.owner}` is for models that follow a prior, such as "
                "`DenoiserGuidedSuperResolver`. Received: a model "
                f"`{self.model.name}` of type {type(self.model).__name__}."
            )
        self.twin = ladder_files.twin(self.model.guide)
        self.paths = self._find()
        self.coarseness = [self._read(path) for path in self.paths]
        self._check_order()
        self.index = None

    def on_train_batch_begin(self, batch, logs=None):
        index = self._index_at(self._step())
        if index != self.index:
            self._load(index)

    def on_epoch_end(self, epoch, logs=None):
        if logs is not None and self.index is not None:
            logs["rung"] = self.index + 1
            logs["coarseness"] = self.coarseness[self.index]

    def _step(self):
        # Not `int(iterations)`: on several replicas that is not a number.
        return int(ops.convert_to_numpy(self.model.optimizer.iterations))

    def _index_at(self, step):
        if isinstance(self.steps, int):
            return min(step // self.steps, len(self.paths) - 1)
        return bisect.bisect_right(self.steps, step) - 1

    def _load(self, index):
        path = self.paths[index]
        try:
            self.twin.load_weights(path)
        except Exception as error:
            raise RuntimeError(
                f"`{self.owner}` cannot load rung {index + 1}, {path}, and "
                f"stops the training: {error} {self._save_rescued()}"
            ) from error
        self.model.guide.set_weights(self.twin.get_weights())
        self.index = index
        LOGGER.info(
            "Loaded rung %d of %d, %s, of coarseness %.4g.",
            index + 1,
            len(self.paths),
            path,
            self.coarseness[index],
        )

    def _save_rescued(self):
        """Saves the model; returns what to tell of it."""
        beside = os.path.join(os.path.dirname(self.paths[0]), "rescued.keras")
        path = self.rescue or beside
        step = self._step()
        try:
            os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
            ladder_files.write_then_move(self.model.save, path)
        except Exception as error:
            return f"The model at step {step} could not be saved: {error}"
        return (
            f"The model at step {step} is saved in {path}. To go on, put the "
            "rung back, load the model by `keras.saving.load_model` and call "
            "`fit` with this callback."
        )

    def _find(self):
        """Returns the paths of the rungs, or raises if there are none."""
        paths = self.ladder
        if not isinstance(paths, tuple | list):
            paths = ladder_files.rungs_in(os.fspath(self.ladder)).values()
        paths = [os.fspath(path) for path in paths]
        if not paths:
            raise ValueError(
                f"`{self.owner}` needs a ladder of at least one rung. Received:"
                f" ladder={self.ladder!r}, which has no files "
                "rung_*.weights.h5. `callbacks.LadderCheckpoint` writes them "
                "while a prior is trained."
            )
        if isinstance(self.steps, list) and len(self.steps) != len(paths):
            raise ValueError(
                f"`{self.owner}` needs the first step of each rung, or one int."
                f" Received: {len(self.steps)} steps for {len(paths)} rungs."
            )
        return paths

    def _read(self, path):
        """Returns the coarseness of a rung, or raises if it does not fit."""
        try:
            self.twin.load_weights(path)
        except Exception as error:
            raise ValueError(
                f"`{self.owner}` cannot load {path} into `{self.twin.name}`: "
                f"{error} The file has to be a checkpoint of a prior built "
                "with the same settings."
            ) from error
        return ladder_files.coarseness(self.twin)

    def _check_order(self):
        # An untrained rung is infinitely coarse, and not a number is no rung.
        steps = zip([float("inf"), *self.coarseness], self.coarseness)
        if not all(coarse > fine for coarse, fine in steps):
            raise ValueError(
                f"`{self.owner}` needs a ladder from coarse to fine, of trained"
                " priors. Received: rungs of coarseness "
                f"{[float(f'{each:.4g}') for each in self.coarseness]}. Give "
                "the files as a list in that order."
            )


def _check_steps(steps, owner):
    if not isinstance(steps, tuple | list):
        return checks.check_count(steps, "steps", owner)
    firsts = [checks.check_count(step, "steps", owner, 0) for step in steps]
    if firsts[:1] != [0] or sorted(set(firsts)) != firsts:
        raise ValueError(
            f"`{owner}` needs the first step of each rung, rising from 0. "
            f"Received: steps={steps!r}."
        )
    return firsts
