"""How far a network sees, read from its config."""

import dataclasses
import math
from fractions import Fraction

import keras

from keras_affsr.upscale import reaches

KNOWN_MODULES = ("keras", "keras_affsr")
MODELS = ("Functional", "Model", "Sequential")


@dataclasses.dataclass(frozen=True)
class ReceptiveField:
    """The input pixels that a pixel of a tensor depends on, along one axis.

    Pixel `i` depends on the input pixels from `i * pitch - before` to
    `i * pitch + after`. For a convolution of stride `s`, dilation `d` and `k`
    taps whose first is `p` pixels to the left, the next tensor's are

        pitch' = s pitch,  before' = before + p pitch,
        after' = after + (d (k - 1) - p) pitch,

    and for what enlarges by `r`, `s` is `1 / r`; `reaches.py` has the others.

    Args:
        pitch: Fraction. Input pixels from one pixel to the next.
        before: Fraction. Reach to the left, or up.
        after: Fraction. Reach to the right, or down.
        period: int. An image cut at multiples of it has its pixels, in every
            tensor so far, where they were in the whole image.
    """

    pitch: Fraction = Fraction(1)
    before: Fraction = Fraction(0)
    after: Fraction = Fraction(0)
    period: int = 1

    @property
    def halo(self):
        """Input pixels around a tile that it needs, the same on both sides.

        A tile begins at the first of the pixels that an input pixel becomes,
        and ends with the last. The same on both sides, as a border that
        mirrors makes a reach to the left one to the right.
        """
        after = self.after + 1 - self.pitch
        return max(0, math.floor(self.before), math.floor(after))

    def through(self, reach):
        """Returns the field of a tensor made of this one."""
        pitch = self.pitch * reach.ratio
        return ReceptiveField(
            pitch,
            self.before + self.pitch * reach.before,
            self.after + self.pitch * reach.after,
            math.lcm(self.period, pitch.numerator),
        )


def receptive_field(model):
    """Computes the receptive fields of an image network, from its config.

    It follows convolutions (transposed ones, too), pooling, padding, sub-pixel
    shuffles, enlargement, merges, and all that acts on a pixel alone, such as
    activations and batch norm in inference. Attention, means over the frame and
    layers of one's own are unknown to it.

    Args:
        model: Model, functional or Sequential, also a nested one.

    Returns:
        Pair of `ReceptiveField`, of rows and columns, of the model's output.

    Raises:
        ValueError: If a layer is unknown, with its name.

    Example:

    >>> downsample = keras_affsr.layers.GaussianDownsample(scale=4)
    >>> generator = keras_affsr.networks.generator(downsample, project=False)
    >>> receptive_field(generator)[0].halo  # Seven convolutions of 3 x 3.
    7
    """
    try:
        config = model.get_config()
    except (NotImplementedError, TypeError, ValueError):
        config = {}
    if not (isinstance(model, keras.Sequential) or "output_layers" in config):
        raise ValueError(
            f"The receptive field of `{model.name}` cannot be computed: it is "
            "not a functional or Sequential model whose config can be read."
        )
    start = (ReceptiveField(), ReceptiveField())
    (output,) = _through_model(config, None, start)
    return output


def _through_model(config, fields, default=None):
    """Returns the fields of a model's outputs, given those of its inputs."""
    if "output_layers" not in config:  # Sequential.
        (current,) = fields or [default]
        for layer in config["layers"]:
            (current,) = _through_layer(layer, [current], [])
        return [current]
    inputs = [name for name, _, _ in _histories(config["input_layers"])]
    known = dict(zip(inputs, fields or [default] * len(inputs)))
    made = {(name, 0, 0): field for name, field in known.items()}
    waiting = [
        (layer, number, node)
        for layer in config["layers"]
        for number, node in enumerate(layer["inbound_nodes"])
    ]
    while waiting:  # Layers shared by several nodes are not in order.
        left = [each for each in waiting if not _run_node(*each, made)]
        if len(left) == len(waiting):
            raise _unknown(left[0][0], "its inputs are not tensors of images")
        waiting = left
    # Keras numbers the calls of nested functional models from 1 here alone.
    nested = {
        layer["name"]
        for layer in config["layers"]
        if layer["class_name"] in ("Functional", "Model")
    }
    return [
        made[(name, call - (name in nested), index)]
        for name, call, index in _histories(config["output_layers"])
    ]


def _run_node(layer, number, node, made):
    """Adds the outputs of a node to `made`; False if it has to wait."""
    keys, constants = _arguments([node["args"], node["kwargs"]])
    if not keys or any(key not in made for key in keys):
        return False
    outputs = _through_layer(layer, [made[key] for key in keys], constants)
    for index, output in enumerate(outputs):
        made[(layer["name"], number, index)] = output
    return True


def _through_layer(layer, fields, constants):
    """Returns the fields of a layer's outputs, one pair for each."""
    config, name = layer["config"], layer["class_name"]
    if (layer.get("module") or "").split(".")[0] not in KNOWN_MODULES:
        raise _unknown(layer, "it is not a layer of Keras or of this package")
    if name in MODELS:
        return _through_model(config, fields)
    if any(isinstance(value, dict) for value in constants):
        raise _unknown(layer, "one of its arguments is no number")
    if len({tuple(axis.pitch for axis in field) for field in fields}) > 1:
        raise _unknown(layer, "it merges tensors of different sizes")
    try:
        steps = reaches.of_layer(name, config)
    except (KeyError, TypeError):
        steps = None
    if steps is None:
        raise _unknown(layer, "what it does with pixels is not known")
    merged = [_merge([field[axis] for field in fields]) for axis in (0, 1)]
    return [tuple(axis.through(step) for axis, step in zip(merged, steps))]


def _merge(fields):
    return ReceptiveField(
        fields[0].pitch,
        max(field.before for field in fields),
        max(field.after for field in fields),
        math.lcm(*(field.period for field in fields)),
    )


def _arguments(value):
    """Returns the tensors of a node, as keys, and its other arguments."""
    if isinstance(value, dict) and value.get("class_name") == (
        "__keras_tensor__"
    ):
        return [tuple(value["config"]["keras_history"])], []
    if isinstance(value, dict) and "class_name" in value:
        return [], [value]
    if isinstance(value, dict):
        value = list(value.values())
    if not isinstance(value, tuple | list):
        return [], [value]
    keys, constants = [], []
    for each in value:
        more = _arguments(each)
        keys += more[0]
        constants += more[1]
    return keys, constants


def _histories(value):
    """Returns the (layer, node, tensor) triples of a config's lists."""
    if isinstance(value, dict):
        value = list(value.values())
    if value and isinstance(value[0], str):
        return [tuple(value)]
    return [triple for each in value for triple in _histories(each)]


def _unknown(layer, reason):
    name = layer["config"].get("name", layer.get("name"))
    return ValueError(
        f"The receptive field cannot be computed past `{name}` "
        f"({layer['class_name']}): {reason}."
    )
