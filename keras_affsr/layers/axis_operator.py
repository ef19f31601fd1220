"""One axis of a separable downsampling operator."""

import dataclasses
import functools
import math

import numpy as np
from keras import ops

from keras_affsr.layers import axis_matrix
from keras_affsr.layers.exact_matmul import exact_matmul

MAX_INTERLEAVED = 4  # Channels up to which `along_columns` does not transpose.


@dataclasses.dataclass(frozen=True)
class AxisOperator:
    """The matrix `A` of one axis: a kernel, a stride and a border rule.

    A separable operator is the Kronecker product of one small matrix per axis,
    `A = A_rows (x) A_columns`. So are its transpose and its pseudo-inverse,
    `A+ = A_rows+ (x) A_columns+` with `A_rows+ = A_rows' (A_rows A_rows')^-1`,
    borders included. `A_rows` is banded: applying it or its transpose costs a
    number of operations linear in the pixels. The inverse of the normal matrix
    `A_rows A_rows'` acts on low-resolution pixels; away from its diagonal it
    decays, and on long axes it is applied as the band that float64 can tell
    from zero. It is whole where the axis is short, does not decay (a circular
    border), or has a size that is not known beforehand.

    This is a value and not a layer. It can be hashed, so whatever depends on
    the size of an axis is computed once for all layers that share it.

    Args:
        taps: tuple of floats. The kernel; `kernels.py` says where it sits.
        scale: int. Ratio of high to low resolution.
        padding: str. Border rule, one of `axis_matrix.PADDINGS`.
    """

    taps: tuple
    scale: int
    padding: str

    @property
    def overhang(self):
        """Pixels by which the first kernel sticks out before the image."""
        return (len(self.taps) - self.scale) // 2

    def along_rows(self, kind, images, size):
        """Applies one of the operators along axis 1 of images.

        Args:
            kind: str. `"downsample"` for `A`, `"adjoint"` for `A'`, `"solve"`
                for `(A A')^-1`.
            images: `(batch, n, width, channels)`.
            size: int or int tensor. Low-resolution pixels of this axis.

        Returns:
            Images with as many rows as the result has.
        """
        batch, length, width, channels = ops.shape(images)
        flat = ops.reshape(images, (batch, length, width * channels))
        result = self._multiply(kind, flat, size)
        length = self._output_length(kind, size)
        return ops.reshape(result, (batch, length, width, channels))

    def along_columns(self, kind, images, size):
        """Applies one of the operators along axis 2; see `along_rows`."""
        batch, height, length, channels = ops.shape(images)
        short = isinstance(size, int) and size <= axis_matrix.DENSE_SIZE
        few = isinstance(channels, int) and channels <= MAX_INTERLEAVED
        if short and few:
            # On a short axis two transpositions cost more than a product with
            # the channels' zeros in it.
            matrix = _interleaved(self, kind, size, channels)
            flat = ops.reshape(images, (batch * height, length * channels))
            result = exact_matmul(flat, _constant(matrix, images))
            length = self._output_length(kind, size)
            return ops.reshape(result, (batch, height, length, channels))
        images = ops.transpose(images, (0, 2, 1, 3))
        result = self.along_rows(kind, images, size)
        return ops.transpose(result, (0, 2, 1, 3))

    def gram_condition(self, size):
        """Returns the condition number of `A A'`, infinite if singular."""
        return _inverse_gram(self, size)[1]

    def _multiply(self, kind, images, size):
        static = isinstance(size, int)
        if kind == "solve" and not static:
            inverse = ops.inv(axis_matrix.gram(self, size, ops))
            return exact_matmul(_constant(inverse, images), images)
        blocks = _static_blocks if static else _blocks
        index, matrices = blocks(self, kind, size)
        return axis_matrix.apply_blocks(
            images,
            index,
            _constant(matrices, images),
            self._output_length(kind, size),
            ops,
            exact_matmul,
        )

    def _output_length(self, kind, size):
        return self.scale * size if kind == "adjoint" else size


def _blocks(axis, kind, size, xp=ops):
    make = {
        "downsample": axis_matrix.downsample_blocks,
        "adjoint": axis_matrix.adjoint_blocks,
    }
    return make[kind](axis, size, xp)


@functools.lru_cache(maxsize=128)
def _static_blocks(axis, kind, size):
    if kind == "solve":
        return axis_matrix.band_blocks(_inverse_gram(axis, size)[0])
    return _blocks(axis, kind, size, axis_matrix.NumPy)


@functools.lru_cache(maxsize=128)
def _interleaved(axis, kind, size, channels):
    """Returns the transposed matrix for columns with channels in between."""
    matrix = _static_blocks(axis, kind, size)[1][0]
    return np.kron(matrix.T, np.eye(channels))


@functools.lru_cache(maxsize=64)
def _inverse_gram(axis, size):
    """Returns `(A A')^-1` and the condition number of `A A'` (one-norm)."""
    gram = axis_matrix.gram(axis, size, axis_matrix.NumPy)
    try:
        inverse = np.linalg.inv(gram)
    except np.linalg.LinAlgError:
        return np.full_like(gram, math.nan), math.inf
    return inverse, np.linalg.norm(gram, 1) * np.linalg.norm(inverse, 1)


def _constant(matrix, images):
    return ops.cast(ops.convert_to_tensor(matrix), images.dtype)
