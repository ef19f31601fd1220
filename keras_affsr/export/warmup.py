"""Requests that a server runs before it serves a model.

TensorFlow compiles and allocates when it first sees a size: the first request
takes many times as long as the second. TensorFlow Serving therefore replays
those of a file, `assets.extra/tf_serving_warmup_requests`, when it loads a
version. They are `PredictionLog` messages in a TFRecord file; of the wire
format only messages within messages are needed, which is one function here
instead of the package tensorflow-serving-api.
"""

import os

import tensorflow as tf

from keras_affsr import checks

PATH = os.path.join("assets.extra", "tf_serving_warmup_requests")
MAX_REQUESTS = 1000  # Of more, the server refuses the model.


def check_sizes(sizes, owner):
    """Returns sizes as pairs (rows, columns), or raises."""
    pairs = [checks.check_pair(size, "warmup_sizes", owner) for size in sizes]
    if 3 * len(pairs) > MAX_REQUESTS:
        raise ValueError(
            f"`{owner}` writes three warm-up requests for each size, and the "
            f"server takes {MAX_REQUESTS}. Received: {len(pairs)} sizes as "
            "warmup_sizes. Give those that are served most."
        )
    return pairs


def requests(endpoints, sizes, owner):
    """Returns a request for each signature and size, all of which run.

    One that fails would keep the server from loading the model.

    Args:
        endpoints: dict. By the name of a signature, its tf.function.
        sizes: Pairs (rows, columns) of low-resolution images.
        owner: str. Who asks.

    Returns:
        List of pairs: the name of a signature, and its inputs, a dict of
        TensorProtos.
    """
    found = []
    for size in sizes:
        for name, endpoint in endpoints.items():
            inputs = {
                spec.name: _grey(spec, size)
                for spec in endpoint.input_signature
            }
            try:
                endpoint(*map(tf.make_ndarray, inputs.values()))
            except (tf.errors.OpError, TypeError, ValueError) as error:
                raise ValueError(
                    f"`{owner}` cannot warm up {name} with an image of {size} "
                    f"pixels, one of warmup_sizes: {_reason(error)}"
                ) from error
            found.append((name, inputs))
    return found


def _grey(spec, size):
    """Returns a grey image, or the seed of one, as a specification says."""
    if spec.dtype == tf.string:
        grey = tf.fill([*size, 1], tf.constant(128, "uint8"))
        return tf.make_tensor_proto([tf.io.encode_png(grey).numpy()])
    value = 0.5 if spec.dtype.is_floating else 128
    shape = [1, *size, spec.shape[-1]] if spec.shape.rank == 4 else [1]
    # One number stands for all of them, so that the file stays small.
    return tf.make_tensor_proto(value, spec.dtype, shape)


def _reason(error):
    return getattr(error, "message", None) or str(error)


def write(folder, model_name, logged):
    """Writes the requests to the folder of a version."""
    path = os.path.join(folder, PATH)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with tf.io.TFRecordWriter(path) as writer:
        for signature, inputs in logged:
            writer.write(prediction_log(model_name, signature, inputs))


def prediction_log(model_name, signature, inputs):
    """Encodes a request as a `tensorflow.serving.PredictionLog`.

    Args:
        model_name: str. The name under which the model is served.
        signature: str. The name of the signature.
        inputs: dict of TensorProtos.

    Returns:
        bytes.
    """
    spec = _field(1, model_name.encode()) + _field(3, signature.encode())
    request = _field(1, spec)
    for name, tensor in inputs.items():
        entry = _field(1, name.encode()) + _field(2, tensor.SerializeToString())
        request += _field(2, entry)
    return _field(6, _field(1, request))


def _field(number, content):
    """Encodes a field of bytes: its number and kind, its length, itself."""
    head, length = bytearray([number << 3 | 2]), len(content)
    while length > 127:
        head.append(length & 127 | 128)
        length >>= 7
    return bytes([*head, length]) + content
