"""One axis of a separable downsampling operator."""

import dataclasses
import functools
import math

import numpy as np
from keras import ops

from keras_affsr.layers import axis_matrix
from keras_affsr.layers.exact_matmul import exact_matmul


@dataclasses.dataclass(frozen=True)
class AxisOperator:
    """The matrix `A` of one axis: a kernel, a stride and a border rule.

    A separable operator is the Kronecker product of one small matrix per axis,
    `A = A_rows (x) A_columns`. So are its transpose and its pseudo-inverse,
    `A+ = A_rows+ (x) A_columns+` with `A_rows+ = A_rows' (A_rows A_rows')^-1`,
    borders included. `A_rows` is banded: applying it or its transpose costs a
    number of operations linear in the pixels. Only the inverse of the normal
    matrix `A_rows A_rows'` is dense, and it acts on low-resolution pixels.

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

    def downsample(self, images, size):
        """Applies `A`: `(batch, scale * size, n)` to `(batch, size, n)`."""
        return self._apply("downsample_blocks", images, size, size)

    def adjoint(self, images, size):
        """Applies `A'`: `(batch, size, n)` to `(batch, scale * size, n)`."""
        return self._apply("adjoint_blocks", images, size, self.scale * size)

    def solve(self, images, size):
        """Applies `(A A')^-1` to `(batch, size, n)`."""
        if isinstance(size, int):
            inverse = _inverse_gram(self, size)[0]
        else:
            inverse = ops.inv(axis_matrix.gram(self, size, ops))
        return exact_matmul(_constant(inverse, images), images)

    def gram_condition(self, size):
        """Returns the condition number of `A A'`, infinite if singular."""
        return _inverse_gram(self, size)[1]

    def _apply(self, kind, images, size, output_size):
        if isinstance(size, int):
            index, blocks = _static_blocks(self, kind, size)
        else:
            index, blocks = getattr(axis_matrix, kind)(self, size, ops)
        blocks = _constant(blocks, images)
        return axis_matrix.apply_blocks(
            images, index, blocks, output_size, ops, exact_matmul
        )


@functools.lru_cache(maxsize=128)
def _static_blocks(axis, kind, size):
    return getattr(axis_matrix, kind)(axis, size, axis_matrix.NumPy)


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
