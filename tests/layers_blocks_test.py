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


def gaussian_taps(sigma=2.0):
    taps = np.exp(-0.5 * (np.arange(-4, 5) / sigma) ** 2)
    return taps / taps.sum()


def inverse_gram(size, padding="symmetric", scale=4):
    """Returns the inverse of `A A'` of a Gaussian, by the slow `A`."""
    matrix = np.apply_along_axis(
        reference.downsample_line,
        0,
        np.eye(scale * size),
        gaussian_taps(),
        scale,
        padding,
    )
    return np.linalg.inv(matrix @ matrix.T)


@pytest.mark.parametrize("padding", ["symmetric", "zero", "renormalised"])
@pytest.mark.parametrize("size", [320, 321, 383, 400])
def test_an_inverse_that_decays_is_a_band(size, padding):
    inverse = inverse_gram(size, padding)
    index, blocks = axis_matrix.band_blocks(inverse)
    assert blocks.size < inverse.size / 2 + size * 64
    found = axis_matrix.apply_blocks(
        np.eye(size)[None], index, blocks, size, NumPy, np.matmul
    )[0]
    # What is left out is at most 1e-17 of the largest entry.
    np.testing.assert_allclose(found, inverse, rtol=0, atol=ROUNDING)


@pytest.mark.parametrize(
    "kwargs", [{"size": 400, "padding": "circular"}, {"size": 100}], ids=str
)
def test_an_inverse_is_whole_where_a_band_saves_nothing(kwargs):
    inverse = inverse_gram(**kwargs)
    index, blocks = axis_matrix.band_blocks(inverse)
    assert index is None
    np.testing.assert_array_equal(blocks, inverse[None])


def test_the_operator_solves_by_the_band():
    size = 400
    axis = AxisOperator(tuple(gaussian_taps()), 4, "symmetric")
    images = np.random.default_rng(0).random((1, size, 2, 1))
    solved = axis.along_rows("solve", images, size)
    expected = inverse_gram(size) @ images[0, ..., 0]
    # Sums of 400 products with entries that are known to about 1e-14.
    np.testing.assert_allclose(solved[0, ..., 0], expected, rtol=0, atol=1e-11)
