"""The messages of TensorFlow Serving's gRPC interface, without TensorFlow.

A request is a `tensorflow.serving.PredictRequest`, its reply a
`PredictResponse`, both defined in `tensorflow_serving/apis/predict.proto`. The
package tensorflow-serving-api has them too, and brings all of TensorFlow with
it; a client that sends files needs no more than the few fields of them here.
"""

import struct

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
# Of tensorflow.DataType, and the fields of a TensorProto with the numbers.
FLOAT, STRING, INT64 = 1, 7, 9
VALUES = {FLOAT: 5, STRING: 8, INT64: 10}


def predict_request(model, signature, files, seed=None):
    """Encodes a PredictRequest for the signature `serve_png`.

    Args:
        model: str. Name of the model on the server.
        signature: str. Name of the signature.
        files: list of bytes. The images.
        seed: int, or None for a model that takes none.

    Returns:
        bytes.
    """
    contents = b"".join(_field(VALUES[STRING], each) for each in files)
    inputs = {"low_res_bytes": _tensor(STRING, len(files), contents)}
    if seed is not None:
        numbers = _varint(seed % 2**64) * len(files)
        numbers = _field(VALUES[INT64], numbers)
        inputs["seed"] = _tensor(INT64, len(files), numbers)
    spec = _field(1, model.encode()) + _field(3, signature.encode())
    request = _field(1, spec)
    for name, tensor in inputs.items():
        request += _field(2, _field(1, name.encode()) + _field(2, tensor))
    return request


def predict_response(content):
    """Decodes a PredictResponse.

    Args:
        content: bytes.

    Returns:
        dict. By the name of each output, the list of its values: bytes, floats
        or ints.
    """
    outputs = {}
    for number, entry in fields(content):
        if number == 1:
            entry = dict(fields(entry))
            outputs[entry[1].decode()] = _values(entry[2])
    return outputs


def _tensor(dtype, length, values):
    """Encodes a TensorProto of one axis."""
    shape = _field(2, b"\x08" + _varint(length))  # dim { size: length }
    return b"\x08" + _varint(dtype) + _field(2, shape) + values


def _values(tensor):
    """Returns the values of a TensorProto."""
    found = list(fields(tensor))
    dtype = dict(found)[1]
    if dtype not in VALUES:
        raise ValueError(f"The reply has values of an unknown type, {dtype}.")
    content = [value for number, value in found if number == 4]
    values = [value for number, value in found if number == VALUES[dtype]]
    if dtype == STRING:
        return values
    if content:  # All numbers as they lie in memory.
        kind = "f" if dtype == FLOAT else "q"
        size = struct.calcsize(kind)
        return list(
            struct.unpack(f"<{len(content[0]) // size}{kind}", *content)
        )
    unpack = _unpack_floats if dtype == FLOAT else _unpack_ints
    return [number for value in values for number in unpack(value)]


def _unpack_floats(value):
    return [number for (number,) in struct.iter_unpack("<f", value)]


def _unpack_ints(value):
    if isinstance(value, int):  # One alone may be unpacked.
        return [_signed(value)]
    numbers, start = [], 0
    while start < len(value):
        number, start = _read_varint(value, start)
        numbers.append(_signed(number))
    return numbers


def _signed(number):
    return number - 2**64 if number >= 2**63 else number


def _field(number, content):
    return _varint(number << 3 | BYTES) + _varint(len(content)) + content


def _varint(number):
    encoded = bytearray()
    while number > 127:
        encoded.append(number & 127 | 128)
        number >>= 7
    return bytes([*encoded, number])


def _read_varint(content, start):
    number, shift = 0, 0
    while True:
        byte = content[start]
        number |= (byte & 127) << shift
        start, shift = start + 1, shift + 7
        if byte < 128:
            return number, start


def fields(content):
    """Yields number and value of each field of an encoded message."""
    start = 0
    while start < len(content):
        key, start = _read_varint(content, start)
        number, kind = key >> 3, key & 7
        if kind == VARINT:
            value, start = _read_varint(content, start)
        else:
            length = {FIXED64: 8, FIXED32: 4}.get(kind)
            if kind == BYTES:
                length, start = _read_varint(content, start)
            value, start = content[start : start + length], start + length
        yield number, value
