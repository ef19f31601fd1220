"""Super-resolution that agrees with the measurement, for Keras 3."""

import logging as _logging

import keras as _keras

from keras_affsr import layers as layers
from keras_affsr import metrics as metrics
from keras_affsr import networks as networks
from keras_affsr.version import __version__ as __version__

_NEED_TENSORFLOW = (
    *("callbacks", "data", "export", "models", "priors", "training"),
    "upscale",
)

if _keras.backend.backend() == "tensorflow":
    from keras_affsr import callbacks as callbacks
    from keras_affsr import data as data
    from keras_affsr import export as export
    from keras_affsr import models as models
    from keras_affsr import priors as priors
    from keras_affsr import training as training
    from keras_affsr import upscale as upscale
else:
    _HERE = (
        f"On Keras's {_keras.backend.backend()} backend keras_affsr.layers, "
        "keras_affsr.networks and keras_affsr.metrics work; "
        f"{', '.join(f'keras_affsr.{name}' for name in _NEED_TENSORFLOW)} "
        "need TensorFlow: its tf.data, gradient tapes, graphs and TensorFlow "
        "Probability. For all of the package set KERAS_BACKEND=tensorflow "
        "before the first import of Keras."
    )
    _logging.getLogger(__name__).warning(_HERE)


def __getattr__(name):
    if name in _NEED_TENSORFLOW:
        raise ImportError(f"keras_affsr.{name} is not available. {_HERE}")
    raise AttributeError(f"module 'keras_affsr' has no attribute {name!r}")
