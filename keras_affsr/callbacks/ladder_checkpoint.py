"""LadderCheckpoint: keeps a prior as it was, from coarse to fine."""

import logging
import os

import keras
import numpy as np

from keras_affsr import checks
from keras_affsr.callbacks import ladder_files

LOGGER = logging.getLogger(__name__)


class LadderCheckpoint(keras.callbacks.Callback):
    """Writes a checkpoint of a prior whenever it has become finer.

    The files, `<directory>/rung_0001.weights.h5` and so on, are a ladder for
    `callbacks.PriorLadder`. At the end of an epoch the prior's coarseness is
    compared with that of the last rung: a denoiser's level of noise, a
    density's code length. If it is not lower there is no new rung, so that the
    ladder is in order. Each file appears when it is complete.

    A training that is resumed, by `keras.callbacks.BackupAndRestore` or from a
    saved prior, adds to the rungs that are there. One that begins anew, with an
    untrained prior, refuses a directory that holds a ladder already.

    Args:
        directory: string or path. Where to write. It is made when training
            begins.
        every: int. Epochs from one look to the next. Defaults to 1.

    Raises:
        ValueError: If an argument will not do; in training, if the model is no
            prior, or the directory holds the ladder of another one.
        OSError: In training, if a file cannot be written.

    Example:

    ```python
    denoiser = keras_affsr.priors.Denoiser(
        keras_affsr.networks.denoiser("swiss_roll", channels=2),
        noise_stddev=keras.optimizers.schedules.PolynomialDecay(
            0.5, 5000, 0.25
        ),
        value_range=None,
    )
    denoiser.compile()
    denoiser.fit(
        keras_affsr.data.swiss_roll(),
        steps_per_epoch=500,
        epochs=10,
        callbacks=[keras_affsr.callbacks.LadderCheckpoint("ladder")],
    )
    ```

    Reference:
     - [Sonderby et al., 2017](https://arxiv.org/abs/1610.04490), appendix D
    """

    def __init__(self, directory, every=1):
        super().__init__()
        self.directory = os.fspath(directory)
        self.every = checks.check_count(every, "every", type(self).__name__)
        self.twin = None
        self.number = None  # Of the last rung.
        self.lowest = np.inf  # Its coarseness.

    def on_train_begin(self, logs=None):
        if not hasattr(self.model, "coarseness"):
            raise ValueError(
                f"`{type(self).__name__}` keeps a prior, such as "
                "`priors.Denoiser`, while it is trained. Received: a model "
                f"`{self.model.name}` of type {type(self.model).__name__}."
            )
        os.makedirs(self.directory, exist_ok=True)
        self.twin = ladder_files.twin(self.model)
        self.number = None

    def on_epoch_begin(self, epoch, logs=None):
        # Not before: a later callback may restore the prior on_train_begin.
        if self.number is None:
            self.number, self.lowest = self._last_rung()

    def on_epoch_end(self, epoch, logs=None):
        coarseness = ladder_files.coarseness(self.model)
        if (epoch + 1) % self.every or not coarseness < self.lowest:
            return
        path = ladder_files.rung_path(self.directory, self.number + 1)
        self.twin.set_weights(self.model.get_weights())
        ladder_files.write_then_move(self.twin.save_weights, path)
        self.number, self.lowest = self.number + 1, coarseness
        LOGGER.info("Wrote %s, of coarseness %.4g.", path, coarseness)

    def _last_rung(self):
        """Returns the number and the coarseness of the last rung, or raises."""
        rungs = ladder_files.rungs_in(self.directory)
        if not rungs:
            return 0, np.inf
        number, path = list(rungs.items())[-1]
        if not np.isfinite(ladder_files.coarseness(self.model)):
            raise ValueError(
                f"`{type(self).__name__}` would add the rungs of an untrained "
                f"prior to a ladder of {len(rungs)} in {self.directory}. Give "
                "another directory, or remove that ladder; to go on with it, "
                f"call `prior.load_weights({path!r})` before `compile`."
            )
        try:
            self.twin.load_weights(path)
        except Exception as error:
            raise ValueError(
                f"`{type(self).__name__}` found the ladder of another prior in "
                f"{self.directory}: {path} does not fit `{self.model.name}`. "
                "Give another directory."
            ) from error
        return number, ladder_files.coarseness(self.twin)
