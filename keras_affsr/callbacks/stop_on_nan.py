"""StopOnNaN: ends a training that diverged, with the last good state."""

import math

import keras

from keras_affsr import checks
from keras_affsr.callbacks.checkpoint import Checkpoint


class StopOnNaN(keras.callbacks.Callback):
    """Stops at the first NaN, tells of which batch, and goes back to good.

    After each batch it looks at the logs: at all numbers for NaN, and at those
    with "loss" in their name for infinity too, which a PSNR may well be. Then
    the model is brought back to the last checkpoint, and `fit` ends with a
    `FloatingPointError` that names the batch: by an error, so that a program
    does not go on as if the training had been a success. To make use of the
    model, or to try a lower learning rate, catch it.

    `keras.callbacks.TerminateOnNaN` ends `fit` without an error, with a model
    that is ruined.

    Args:
        checkpoint: Checkpoint. Of the same `fit`, to restore the model by.
            Defaults to None: the model is left as it is.
        describe_batch: Function from the number of a batch, from 0 at the
            beginning of the run, to a string for the error, such as the names
            of the batch's files. Defaults to None.

    Raises:
        ValueError: If an argument will not do.
        FloatingPointError: In training, at a NaN.

    Example:

    ```python
    checkpoint = keras_affsr.callbacks.Checkpoint("run/checkpoints")
    model.fit(
        dataset,
        initial_epoch=checkpoint.restore(model),
        epochs=10,
        callbacks=[keras_affsr.callbacks.StopOnNaN(checkpoint), checkpoint],
    )
    ```
    """

    def __init__(self, checkpoint=None, describe_batch=None):
        super().__init__()
        self.owner = type(self).__name__
        if checkpoint is not None:
            checks.check_instance(
                checkpoint, Checkpoint, "checkpoint", self.owner
            )
        if describe_batch is not None and not callable(describe_batch):
            raise ValueError(
                f"`{self.owner}` needs a function from the number of a batch "
                f"to a string. Received: describe_batch={describe_batch!r}."
            )
        self.checkpoint = checkpoint
        self.describe_batch = describe_batch
        self.epoch, self.first = 0, 0

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_begin(self, batch, logs=None):
        self.first = batch

    def on_train_batch_end(self, batch, logs=None):
        # Logs are means over the epoch so far: one NaN stays in them.
        bad = {k: v for k, v in (logs or {}).items() if _is_bad(k, v)}
        if bad:
            values = ", ".join(f"{name}={bad[name]}" for name in sorted(bad))
            restored = _tell(self._restore)
            raise FloatingPointError(
                f"`{self.owner}` found {values} in {self._place(batch)}. "
                f"{restored} Try a lower learning rate, or an optimizer "
                "with global_clipnorm=1.0, and look at that batch."
            )

    def _place(self, last):
        """Returns the words for the batches of the last call."""
        batches = range(self.first, last + 1)  # See `steps_per_execution`.
        text = f"batch {_span(batches)} of epoch {self.epoch}"
        if self.params.get("steps") is None:
            return text
        past = self.epoch * self.params["steps"]
        batches = range(past + self.first, past + last + 1)
        text += f", which is batch {_span(batches)} of the run"
        if hasattr(self.model, "seed"):
            text += f" with seed={self.model.seed}"
        if self.describe_batch is not None:
            told = [_tell(self.describe_batch, each) for each in batches]
            text += f" ({'; '.join(told)})"
        return text

    def _restore(self):
        """Brings back the last good state; returns what to tell of it."""
        if self.checkpoint is None:
            return (
                "The model is ruined, as there is no checkpoint to restore it "
                "by: give one."
            )
        if not self.checkpoint.epochs:
            return (
                "The model is ruined, as its checkpoint has kept nothing yet: "
                "put it among the callbacks of `fit` as well."
            )
        epoch = self.checkpoint.restore(self.model)
        return (
            f"The model is back at the end of {epoch} epochs, as in "
            f"{self.checkpoint.directory!r}."
        )


def _tell(describe, *args):
    """Returns what a function tells, or that it failed: NaN is the news."""
    try:
        return str(describe(*args))
    except Exception as error:
        return f"[{type(error).__name__}: {error}]"


def _is_bad(name, value):
    try:
        value = float(value)
    except (TypeError, ValueError):  # Not a number at all.
        return False
    return math.isnan(value) or ("loss" in name and math.isinf(value))


def _span(numbers):
    first, last = numbers[0], numbers[-1]
    return str(first) if first == last else f"{first} to {last}"
