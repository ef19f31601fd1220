"""The export for ONNX Runtime."""

from keras_affsr.export import fixed_size
from keras_affsr.export import single_file

OWNER = "export_onnx"
OPSET = 18


def export_onnx(model, path, size=None, overwrite=False):
    """Writes a generator as an ONNX file.

    Its input is `low_res`, and `noise` for a stochastic generator; its output
    `high_res` is within 1e-4 of the model's. Batches of any number of images
    will do. The images are of any size if the generator has no projection; with
    one, they are of the size given here, as ONNX has no inverse of a matrix.

    It needs the extra "onnx": `pip install 'keras-affsr[onnx]'`.

    Args:
        model: Model. One of `keras_affsr.models`, or a generator.
        path: str or path, ending in ".onnx".
        size: int, or pair (rows, columns), of the low-resolution images.
            Defaults to any size.
        overwrite: bool. Whether to replace a file. Defaults to False.

    Returns:
        The path, a string. The file is there whole or not at all.

    Raises:
        ImportError: If tf2onnx is not installed.
        ValueError: If the model, or an argument, will not do.
        FileExistsError: If there is a file, and `overwrite` is False.
        OSError: If it cannot be written.

    Example:

    ```python
    keras_affsr.export.export_onnx(model, "model.onnx", size=(64, 64))
    session = onnxruntime.InferenceSession("model.onnx")
    (high_res,) = session.run(None, {"low_res": low_res})
    ```
    """
    path = single_file.check_path(path, ".onnx", overwrite, OWNER)
    convert = _import_tf2onnx()
    function = fixed_size.concrete_function(model, size, None, OWNER)
    proto, _ = convert.from_function(
        function, function.input_signature, opset=OPSET
    )
    return single_file.write(proto.SerializeToString(), path, OWNER)


def _import_tf2onnx():
    try:
        from tf2onnx import convert
    except ImportError as error:
        raise ImportError(
            f"`{OWNER}` needs the package tf2onnx. Install it with "
            "`pip install 'keras-affsr[onnx]'`."
        ) from error
    return convert
