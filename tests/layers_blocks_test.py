"""The banded blocks against the dense matrix, at every way they can end."""

import itertools

import numpy as np
import pytest

from keras_affsr.layers import axis_matrix
from keras_affsr.layers.axis_matrix import NumPy
from keras_affsr.layers.axis_operator import AxisOperator
from tests import reference

ROUNDING = 1e-12  # Float64 sums of at most 24 products of numbers below one.
SIZES = (1, 2, 15, 16, 17, 31, 32, 33, 48, 49)


def as_dense(make_blocks, axis, size, rows, columns):
    index, blocks = make_blocks(axis, size, NumPy)
    unit = np.eye(columns)[None]
    return axis_matrix.apply_blocks(
        unit, index, blocks, rows, NumPy, np.matmul
    )[0]


@pytest.mark.parametrize("padding", axis_matrix.PADDINGS)
@pytest.mark.parametrize("scale", [1, 2, 3, 4])
def test_blocks_make_up_the_matrix_and_its_transpose(
    padding, scale, monkeypatch
):
    monkeypatch.setattr(axis_matrix, "DENSE_SIZE", 0)
    for width, size in itertools.product((1, 2, 3, 4, 9, 24), SIZES):
        taps = np.random.default_rng(width).uniform(0.1, 1.0, width)
        axis = AxisOperator(tuple(taps), scale, padding)
        length = scale * size
        expected = np.apply_along_axis(
            reference.downsample_line, 0, np.eye(length), taps, scale, padding
        )
        found = as_dense(
            axis_matrix.downsample_blocks, axis, size, size, length
        )
        np.testing.assert_allclose(found, expected, rtol=0, atol=ROUNDING)
        found = as_dense(axis_matrix.adjoint_blocks, axis, size, length, size)
        np.testing.assert_allclose(found, expected.T, rtol=0, atol=ROUNDING)
