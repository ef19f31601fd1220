"""States with NumPy arrays in them, as JSON and bytes."""

import numpy as np

KEY = "array of bytes"


def take_out(state):
    """Returns a state as JSON knows it, and the arrays that it held.

    Args:
        state: Numbers, strings, bools, None and NumPy arrays, in lists and
            dicts.

    Returns:
        The same with a dict in place of each array, and a list of arrays of
        bytes, `(size,)`.
    """
    arrays = []

    def convert(value):
        if isinstance(value, dict):
            return {name: convert(each) for name, each in value.items()}
        if isinstance(value, list | tuple):
            return [convert(each) for each in value]
        if not isinstance(value, np.ndarray):
            # NumPy's numbers as Python's.
            return value.item() if isinstance(value, np.generic) else value
        # Bytes, as HDF5 does not know bfloat16.
        arrays.append(np.frombuffer(value.tobytes(), "uint8"))
        kind = {"dtype": value.dtype.name, "shape": list(value.shape)}
        return {KEY: len(arrays) - 1, **kind}

    return convert(state), arrays


def put_back(state, arrays):
    """Returns a state with its arrays, as it was before `take_out`."""
    if isinstance(state, list):
        return [put_back(each, arrays) for each in state]
    if not isinstance(state, dict):
        return state
    if KEY in state:
        array = arrays[state[KEY]].view(np.dtype(state["dtype"]))
        return array.reshape(state["shape"])
    return {name: put_back(each, arrays) for name, each in state.items()}
