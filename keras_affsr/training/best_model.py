"""BestModel: scores a model after every epoch, and keeps it at its best."""

import os

import keras

from keras_affsr import checks
from keras_affsr.callbacks.checkpoint_files import write_durably
from keras_affsr.training.summary import scores

# The scores that can choose a model, and whether more of them is better.
MONITORS = {
    "psnr": True,
    "ssim": True,
    "mse": False,
    "low_res_mse": False,
    "sliced_wasserstein": False,
}


class BestModel(keras.callbacks.Callback):
    """Scores the model on validation images, and saves the best one.

    After each epoch the logs get "val_psnr", "val_ssim" and so on: the
    `training.scores` of the model. They are computed outside of `fit`'s own
    steps, so that nothing is compiled differently for their sake, and with the
    sliced Wasserstein distance, which `fit` had better not compute after each
    batch.

    For models of a pixel-wise loss the best epoch is that of the highest PSNR.
    It would be a wrong guide for the others, which trade PSNR for likeness:
    give them `monitor="sliced_wasserstein"`.

    Give it to `Checkpoint(callbacks=[...])`, for which it has a state, and
    place it before those that write the logs.

    Args:
        path: string or path, ending in ".keras". Where to save the best model.
            Missing folders are made.
        pairs: Batches `(low_res, high_res)`, in a dataset or a list.
        references: Batches of other real images, as in `training.scores`.
        monitor: One of the names of the scores. Defaults to `"psnr"`.

    Raises:
        ValueError: If `monitor` is no score, or the path is none for a model.

    Example:

    ```python
    best = keras_affsr.training.BestModel("run/best.keras", pairs, images)
    checkpoint = keras_affsr.callbacks.Checkpoint(
        "run/checkpoints", callbacks=[best]
    )
    model.fit(
        dataset,
        initial_epoch=checkpoint.restore(model),
        epochs=10,
        callbacks=[best, checkpoint],
    )
    ```
    """

    chief_only = True  # Of many machines, one writes files.

    def __init__(self, path, pairs, references, monitor="psnr"):
        super().__init__()
        owner = type(self).__name__
        self.path = os.fspath(path)
        if not self.path.endswith(".keras"):
            raise ValueError(
                f"`{owner}` saves a whole model, in a file whose name ends in "
                f"'.keras'. Received: path={self.path!r}."
            )
        checks.check_choice(monitor, tuple(MONITORS), "monitor", owner)
        self.monitor = monitor
        self.pairs, self.references = pairs, references
        self.best, self.epoch = None, None

    def on_train_begin(self, logs=None):
        os.makedirs(os.path.dirname(self.path) or ".", exist_ok=True)

    def on_epoch_end(self, epoch, logs=None):
        found = scores(self.model, self.pairs, self.references)
        found.pop("images")
        if logs is not None:
            logs.update({f"val_{name}": found[name] for name in found})
        if self._is_better(found[self.monitor]):
            write_durably(self.model.save, self.path)
            self.best, self.epoch = found[self.monitor], epoch + 1

    def get_state(self):
        return {"best": self.best, "epoch": self.epoch}

    def set_state(self, state):
        self.best, self.epoch = state["best"], state["epoch"]

    def _is_better(self, value):
        # Not a number is never better: not even than nothing.
        if self.best is None:
            return value == value
        sign = 1 if MONITORS[self.monitor] else -1
        return sign * value > sign * self.best
