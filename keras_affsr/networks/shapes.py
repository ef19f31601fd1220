"""The shapes of what a network takes and makes."""

import keras
from keras import ops

PROBE = 64  # Pixels each way: a multiple of what networks shrink by inside.


def input_shapes(model):
    """Returns the shapes of a model's inputs, as far as it tells them.

    Args:
        model: Model of any kind. A Sequential or subclassed one takes images
            of other sizes than it was built with: the shape is that of its
            first call, without the sizes; none if it has not been called.

    Returns:
        List of tuples, `(batch, height, width, channels)` for images.
    """
    inputs = getattr(model, "inputs", None)
    if inputs and not isinstance(model, keras.Sequential):
        return [tuple(tensor.shape) for tensor in inputs]
    if inputs:
        shape = inputs[0].shape
    else:
        shape = (model.get_build_config() or {}).get("input_shape")
    try:
        return [(None,) * (len(shape) - 1) + (int(shape[-1]),)]
    except TypeError:  # None, or the shapes of several inputs.
        return []


def probe(model, shapes):
    """Returns the shapes of one image, of known size, and of what it becomes.

    Args:
        model: Model of images.
        shapes: list of tuples. Those of its inputs.

    Returns:
        Pair of tuples, the latter empty if the model makes no single tensor.
    """
    known = [
        (1, *(size or PROBE for size in shape[1:3]), shape[3])
        for shape in shapes
    ]
    try:  # Without values, and so without computing anything.
        made = _call(model, [keras.KerasTensor(shape) for shape in known])
    except ValueError:
        # That is all that a Sequential model built at another size refuses.
        made = _call(model, [ops.zeros(shape) for shape in known])
    return known[0], tuple(getattr(made, "shape", ()))


def _call(model, inputs):
    return model(inputs[0] if len(inputs) == 1 else inputs)
