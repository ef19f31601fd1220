"""The export for LiteRT, formerly TensorFlow Lite."""

import tempfile

import keras
import tensorflow as tf

from keras_affsr.export import fixed_size
from keras_affsr.export import single_file

OWNER = "export_litert"


def export_litert(model, path, size=None, overwrite=False):
    """Writes a generator as a LiteRT file, for telephones and small devices.

    Its one signature, "serving_default", takes `low_res`, and `noise` for a
    stochastic generator, to `high_res`, which is within 1e-4 of the model's.
    Only LiteRT's own float32 operators are used, so that no interpreter needs
    TensorFlow's. It takes one image at a time. They are of any size if the
    generator has no projection; with one, they are of the size given here, as
    LiteRT has no inverse of a matrix.

    Args:
        model: Model. One of `keras_affsr.models`, or a generator.
        path: str or path, ending in ".tflite".
        size: int, or pair (rows, columns), of the low-resolution images.
            Defaults to any size.
        overwrite: bool. Whether to replace a file. Defaults to False.

    Returns:
        The path, a string. The file is there whole or not at all.

    Raises:
        ValueError: If the model, or an argument, will not do.
        FileExistsError: If there is a file, and `overwrite` is False.
        OSError: If it cannot be written.

    Example:

    ```python
    keras_affsr.export.export_litert(model, "model.tflite", size=(64, 64))
    upscale = tf.lite.Interpreter("model.tflite").get_signature_runner()
    high_res = upscale(low_res=low_res)["high_res"]
    ```
    """
    path = single_file.check_path(path, ".tflite", overwrite, OWNER)
    function = fixed_size.concrete_function(model, size, 1, OWNER)
    archive = keras.export.ExportArchive()
    archive.add_endpoint(
        "serving_default", function.python_function, function.input_signature
    )
    with tempfile.TemporaryDirectory() as folder:
        archive.write_out(folder, verbose=False)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        content = converter.convert()
    return single_file.write(content, path, OWNER)
