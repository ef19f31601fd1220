"""How long a training has taken, over all of its starts."""

import os
import time

import keras

from keras_affsr.training import read_json
from keras_affsr.training import write_json


class Stopwatch(keras.callbacks.Callback):
    """Adds up the seconds of all epochs that came to their end.

    They are in a file of their own: a checkpoint would not be the same twice.

    Args:
        path: string. Of the file, JSON.
    """

    chief_only = True  # Of many machines, one writes files.

    def __init__(self, path):
        super().__init__()
        self.path = path
        self.seconds = 0.0

    def on_train_begin(self, logs=None):
        if os.path.exists(self.path):
            self.seconds = read_json(self.path)["seconds"]
        self._mark = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        now = time.perf_counter()
        self.seconds += now - self._mark
        self._mark = now
        write_json({"seconds": self.seconds}, self.path)
