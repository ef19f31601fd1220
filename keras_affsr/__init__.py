"""Super-resolution that agrees with the measurement, for Keras 3."""

import keras as _keras

from keras_affsr import layers as layers
from keras_affsr import metrics as metrics
from keras_affsr import networks as networks
from keras_affsr.version import __version__ as __version__

_NEED_TENSORFLOW = ("callbacks", "data", "models")

if _keras.backend.backend() == "tensorflow":
    from keras_affsr import callbacks as callbacks
    from keras_affsr import data as data
    from keras_affsr import models as models


def __getattr__(name):
    if name in _NEED_TENSORFLOW:
        raise ImportError(
            f"keras_affsr.{name} needs Keras's TensorFlow backend, as it uses "
            "tf.data or TensorFlow's gradient tapes. Received: the "
            f"{_keras.backend.backend()!r} backend, on which "
            "keras_affsr.layers, keras_affsr.networks and keras_affsr.metrics "
            "work, so that you can build, train with your own objective and "
            "measure. For all of the package set KERAS_BACKEND=tensorflow "
            "before the first import of Keras."
        )
    raise AttributeError(f"module 'keras_affsr' has no attribute {name!r}")
