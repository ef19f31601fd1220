"""Runs a SavedModel by TensorFlow's C interface, as a server does.

    python -m tests.export_c_api FOLDER REQUESTS REPLIES

Neither tensorflow nor keras is imported: the library out of TensorFlow's wheel
is loaded by itself. REQUESTS is a pickled list of pairs (signature, inputs).
REPLIES will be one of dicts of outputs, and of strings for what failed.
"""

import ctypes
import importlib.util
import os
import pickle
import sys
from ctypes import POINTER
from ctypes import c_char_p
from ctypes import c_int
from ctypes import c_int64
from ctypes import c_size_t
from ctypes import c_void_p

import numpy as np

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "examples", "serving"))
from messages import fields  # noqa: E402

DTYPES = {1: np.float32, 3: np.int32, 4: np.uint8, 9: np.int64}
STRING, STRING_SIZE = 7, 24


class Buffer(ctypes.Structure):
    _fields_ = [("data", c_void_p), ("length", c_size_t), ("free", c_void_p)]


class Output(ctypes.Structure):
    _fields_ = [("operation", c_void_p), ("index", c_int)]


# What each function returns, and takes.
FUNCTIONS = {
    "AllocateTensor": (c_void_p, c_int, POINTER(c_int64), c_int, c_size_t),
    "DeleteTensor": (None, c_void_p),
    "Dim": (c_int64, c_void_p, c_int),
    "GetCode": (c_int, c_void_p),
    "GraphOperationByName": (c_void_p, c_void_p, c_char_p),
    "LoadSessionFromSavedModel": (
        *(c_void_p, c_void_p, c_void_p, c_char_p, POINTER(c_char_p), c_int),
        *(c_void_p, POINTER(Buffer), c_void_p),
    ),
    "Message": (c_char_p, c_void_p),
    "NewBuffer": (POINTER(Buffer),),
    "NewGraph": (c_void_p,),
    "NewSessionOptions": (c_void_p,),
    "NewStatus": (c_void_p,),
    "NumDims": (c_int, c_void_p),
    "SessionRun": (
        *(None, c_void_p, c_void_p),
        *(POINTER(Output), POINTER(c_void_p), c_int),
        *(POINTER(Output), POINTER(c_void_p), c_int),
        *(c_void_p, c_int, c_void_p, c_void_p),
    ),
    "StringCopy": (None, c_void_p, c_char_p, c_size_t),
    "StringGetDataPointer": (c_void_p, c_void_p),
    "StringGetSize": (c_size_t, c_void_p),
    "StringInit": (None, c_void_p),
    "TensorData": (c_void_p, c_void_p),
    "TensorType": (c_int, c_void_p),
}


def load_library():
    """Returns TensorFlow's library, without its Python package."""
    folder = os.path.dirname(importlib.util.find_spec("tensorflow").origin)
    names = ("libtensorflow_framework.so.2", "libtensorflow_cc.so.2")
    for name in names:
        path = os.path.join(folder, name)
        library = ctypes.CDLL(path, mode=ctypes.RTLD_GLOBAL)
    for name, (result, *arguments) in FUNCTIONS.items():
        function = getattr(library, f"TF_{name}")
        function.restype, function.argtypes = result, arguments
        setattr(library, name, function)
    return library


class CModel:
    """A SavedModel in a session of the C interface."""

    def __init__(self, folder):
        self.tf = load_library()
        status, self.graph = self.tf.NewStatus(), self.tf.NewGraph()
        meta, tags = self.tf.NewBuffer(), (c_char_p * 1)(b"serve")
        options = self.tf.NewSessionOptions()
        self.session = self.tf.LoadSessionFromSavedModel(
            *(options, None, folder.encode(), tags, 1),
            *(self.graph, meta, status),
        )
        self._check(status)
        content = ctypes.string_at(meta.contents.data, meta.contents.length)
        self.signatures = read_signatures(content)

    def run(self, signature, inputs):
        """Returns the outputs of a signature by name, or raises."""
        places, outputs = self.signatures[signature]
        assert places.keys() == inputs.keys(), (places, inputs.keys())
        given = [self._tensor(inputs[name]) for name in places]
        found = (c_void_p * len(outputs))()
        status = self.tf.NewStatus()
        self.tf.SessionRun(
            *(self.session, None, self._outputs(places)),
            *((c_void_p * len(given))(*given), len(given)),
            *(self._outputs(outputs), found, len(outputs)),
            *(None, 0, None, status),
        )
        for tensor in given:
            self.tf.DeleteTensor(tensor)
        self._check(status)
        return dict(zip(outputs, map(self._value, found)))

    def _outputs(self, names):
        found = []
        for name in names.values():
            operation, _, index = name.partition(":")
            place = self.tf.GraphOperationByName(self.graph, operation.encode())
            found.append(Output(place, int(index)))
        return (Output * len(found))(*found)

    def _tensor(self, value):
        if isinstance(value, list):  # Of bytes.
            tensor = self._new(STRING, [len(value)], STRING_SIZE * len(value))
            for place, each in zip(self._strings(tensor), value):
                self.tf.StringInit(place)
                self.tf.StringCopy(place, each, len(each))
            return tensor
        dtype = next(key for key in DTYPES if DTYPES[key] == value.dtype)
        value = np.ascontiguousarray(value)
        tensor = self._new(dtype, value.shape, value.nbytes)
        data = self.tf.TensorData(tensor)
        ctypes.memmove(data, value.ctypes.data, value.nbytes)
        return tensor

    def _new(self, dtype, shape, size):
        sizes = (c_int64 * len(shape))(*shape)
        return self.tf.AllocateTensor(dtype, sizes, len(shape), size)

    def _strings(self, tensor):
        start = self.tf.TensorData(tensor)
        for number in range(self.tf.Dim(tensor, 0)):
            yield c_void_p(start + number * STRING_SIZE)

    def _value(self, tensor):
        dtype = self.tf.TensorType(tensor)
        if dtype == STRING:
            text, size = self.tf.StringGetDataPointer, self.tf.StringGetSize
            return [
                ctypes.string_at(text(place), size(place))
                for place in self._strings(tensor)
            ]
        axes = range(self.tf.NumDims(tensor))
        array = np.empty([self.tf.Dim(tensor, n) for n in axes], DTYPES[dtype])
        data = self.tf.TensorData(tensor)
        ctypes.memmove(array.ctypes.data, data, array.nbytes)
        return array

    def _check(self, status):
        code = self.tf.GetCode(status)
        if code:
            message = self.tf.Message(status).decode(errors="replace")
            raise RuntimeError(f"[{code}] {message}")


def read_signatures(meta_graph):
    """Returns the names of inputs and outputs of each signature."""
    signatures = {}
    for name, definition in read_map(meta_graph, 5).items():
        signatures[name] = tuple(
            {
                key: dict(fields(info))[1].decode()
                for key, info in read_map(definition, number).items()
            }
            for number in (1, 2)
        )
    del signatures["__saved_model_init_op"]
    return signatures


def read_map(message, wanted):
    """Returns a field of the type map<string, message>."""
    entries = [dict(fields(v)) for n, v in fields(message) if n == wanted]
    return {entry[1].decode(): entry[2] for entry in entries}


def main(folder, requests, replies):
    model, found = CModel(folder), []
    with open(requests, "rb") as file:
        for signature, inputs in pickle.load(file):
            try:
                found.append(model.run(signature, inputs))
            except RuntimeError as error:
                found.append(str(error))
    assert not {"tensorflow", "keras", "keras_affsr"} & sys.modules.keys()
    with open(replies, "wb") as file:
        pickle.dump(found, file)


if __name__ == "__main__":
    main(*sys.argv[1:])
