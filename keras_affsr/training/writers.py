"""Which callbacks run on which worker."""

import keras

from keras_affsr.callbacks.checkpoint import Checkpoint
from keras_affsr.callbacks.image_grid import ImageGrid
from keras_affsr.callbacks.ladder_checkpoint import LadderCheckpoint
from keras_affsr.callbacks.training_log import TrainingLog
from keras_affsr.training.strategy import is_chief

# What they write, one process has to write alone. The others may change the
# model or stop the training, which all have to do.
WRITERS = (
    Checkpoint,
    ImageGrid,
    LadderCheckpoint,
    TrainingLog,
    keras.callbacks.BackupAndRestore,
    keras.callbacks.CSVLogger,
    keras.callbacks.ModelCheckpoint,
    keras.callbacks.RemoteMonitor,
    keras.callbacks.TensorBoard,
)


def callbacks_here(callbacks, strategy):
    """Returns those of the callbacks that run on this worker, in order."""
    if is_chief(strategy):
        return list(callbacks)
    return [
        each.without_files() if isinstance(each, Checkpoint) else each
        for each in callbacks
        if isinstance(each, Checkpoint) or not _is_writer(each)
    ]


def _is_writer(callback):
    return getattr(callback, "chief_only", isinstance(callback, WRITERS))
