"""Where operations are chosen by what was measured on processors."""

import keras


def on_tensorflow_cpu():
    """Returns whether TensorFlow computes, and on no GPU or TPU.

    The choices that depend on this were measured there (BUILD_NOTES.md); what
    is best on a GPU, Keras's own operations and cuDNN decide.
    """
    if keras.backend.backend() != "tensorflow":
        return False
    import tensorflow as tf

    kinds = {device.device_type for device in tf.config.list_logical_devices()}
    return kinds == {"CPU"}
