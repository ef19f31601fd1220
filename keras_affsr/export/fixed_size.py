"""Generators for images of one size, which the other formats can express."""

import keras
import tensorflow as tf
from keras import ops

from keras_affsr import checks
from keras_affsr.export import exportable
from keras_affsr.layers import AffineProjection
from keras_affsr.layers import Downsample
from keras_affsr.layers import PseudoInverseUpsample
from keras_affsr.layers import SeparableDownsample

OPERATORS = (AffineProjection, Downsample, PseudoInverseUpsample)


class FixedSizeUpsample(keras.layers.Layer):
    """The exact `A+` for images of one size, as two dense matrices.

    `A+ x = P_rows x P_columns'`. `PseudoInverseUpsample` solves in float64, and
    inverts a matrix where the size is not known: LiteRT has neither.

    Args:
        downsample: SeparableDownsample. The operator `A`.
        size: Pair of ints. Rows and columns at low resolution.
    """

    method = "exact"  # So that AffineProjection takes as many rounds.

    def __init__(self, downsample, size):
        super().__init__(dtype="float32")
        axes = (downsample.rows, downsample.columns)
        self.matrices = [
            _pseudo_inverse(axis, number) for axis, number in zip(axes, size)
        ]

    def call(self, low_res):
        rows, columns = self.matrices
        return ops.einsum("Hh,bhwc,Ww->bHWc", rows, low_res, columns)

    def compute_output_shape(self, input_shape):
        height, width = (len(matrix) for matrix in self.matrices)
        return (input_shape[0], height, width, input_shape[-1])


def concrete_function(model, size, batch_size, owner):
    """Returns the generator of a model as a function of float32 tensors.

    Args:
        model: Model. One of `keras_affsr.models`, or a generator.
        size: int, pair (rows, columns), or None for images of any size.
        batch_size: int, or None for any.
        owner: str. Who asks.

    Returns:
        A tf.function from `low_res`, and `noise` if the generator takes some,
        to a dict with `high_res`.

    Raises:
        ValueError: If the generator has operators, and no size is given.
    """
    generator = exportable.generator_of(model, owner)
    if size is None:
        _check_any_size(generator, owner)
    else:
        size = checks.check_pair(size, "size", owner)
        generator = _with_fixed_size(generator, size)
    shapes = [
        [batch_size, *(size or each.shape[1:3]), each.shape[-1]]
        for each in generator.inputs
    ]
    specs = [
        tf.TensorSpec(shape, "float32", name)
        for shape, name in zip(shapes, ("low_res", "noise"))
    ]

    def serve(*inputs):
        inputs = list(inputs) if len(inputs) > 1 else inputs[0]
        return {"high_res": generator(inputs, training=False)}

    return tf.function(serve, input_signature=specs, autograph=False)


def _with_fixed_size(generator, size):
    def clone(layer):
        is_exact = (
            isinstance(layer, AffineProjection)
            and getattr(layer.upsample, "method", None) == "exact"
            and isinstance(layer.downsample, SeparableDownsample)
        )
        if is_exact:
            upsample = FixedSizeUpsample(layer.downsample, size)
            return AffineProjection(layer.downsample, upsample, name=layer.name)
        return type(layer).from_config(layer.get_config())

    copy = keras.models.clone_model(
        generator, clone_function=clone, recursive=True
    )
    copy.set_weights(generator.get_weights())
    return copy


def _check_any_size(generator, owner):
    layers = exportable.layers_of(generator)
    found = [each for each in layers if isinstance(each, OPERATORS)]
    if found:
        raise ValueError(
            f"`{owner}` cannot write `{found[0].name}` for images of any size: "
            "it inverts a matrix, which the format cannot. Received: "
            "size=None. Give the size of the low-resolution images, such as "
            "size=(64, 64), and export once for each."
        )


def _pseudo_inverse(axis, size):
    """Returns `A+` of one axis, a float32 array `(scale * size, size)`."""
    unit = ops.eye(size, dtype="float64")[None, :, :, None]
    solved = axis.along_rows("solve", unit, size)
    matrix = axis.along_rows("adjoint", solved, size)[0, :, :, 0]
    # A tensor would become an input of the exported function.
    return ops.convert_to_numpy(matrix).astype("float32")
