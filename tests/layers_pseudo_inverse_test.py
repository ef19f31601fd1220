import importlib

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_affsr.layers import BoxDownsample
from keras_affsr.layers import GaussianDownsample
from keras_affsr.layers import LinearDownsample
from keras_affsr.layers import PseudoInverseUpsample
from keras_affsr.layers import SeparableDownsample
from keras_affsr.layers import fit_pseudo_inverse
from keras_affsr.layers import local_inverse
from keras_affsr.layers import penrose_report
from keras_affsr.layers.axis_matrix import DENSE_SIZE
from keras_affsr.layers.axis_matrix import PADDINGS
from keras_affsr.layers.fit_pseudo_inverse import penrose_losses
from keras_affsr.layers.local_inverse import apply_local_inverse
from tests import reference
from tests.layer_checks import noise
from tests.layer_checks import with_unknown_sizes

# Layers import functions of the modules' own names.
EXACT_MATMUL = importlib.import_module("keras_affsr.layers.exact_matmul")

# Sums of tens of products of float32 numbers, A+ having entries up to ten.
TOLERANCE = {"rtol": 0, "atol": 5e-6}

# What the paper reaches by gradient descent, and what least squares reaches:
# the square of float32's rounding errors.
FITTED_LOSS = 1e-8
CLOSED_FORM_LOSS = 1e-12


def periodic_losses(downsample, kernel):
    """Returns `l1 + l2` of a local kernel where there are no borders."""
    periodic = SeparableDownsample(
        (downsample.rows.taps, downsample.columns.taps),
        downsample.scale,
        "circular",
    )
    low_res = np.random.default_rng(1).standard_normal((2, 12, 12, 1), "f")
    high_shape = periodic.compute_input_shape(low_res.shape)
    high_res = np.random.default_rng(2).standard_normal(high_shape, "f")

    def upsample(images):
        weights = tf.constant(kernel, "float32")
        return apply_local_inverse(weights, periodic, images)

    return float(sum(penrose_losses(periodic, upsample, low_res, high_res)))


def distance_to_pseudo_inverse(downsample, kernel):
    """Returns `|B - A+|` and `|B|` of a local kernel, of its middle pixel."""
    periodic = GaussianDownsample(downsample.scale, padding="circular")
    impulse = np.zeros((1, 15, 15, 1), "float32")
    impulse[0, 7, 7] = 1.0
    exact = np.asarray(PseudoInverseUpsample(periodic)(impulse))
    local = apply_local_inverse(
        tf.constant(kernel, "float32"), periodic, impulse
    )
    return np.linalg.norm(local - exact), np.linalg.norm(local)


@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize(
    "make",
    [
        lambda padding: GaussianDownsample((2, 4), padding=padding),
        lambda padding: BoxDownsample(4, 9, padding=padding),
    ],
)
def test_exact_is_the_dense_pseudo_inverse(make, padding):
    downsample = make(padding)
    upsample = PseudoInverseUpsample(downsample)
    for size in ((1, 1), (2, 3), (6, 5)):
        low_res = noise(2, *size, 2)
        inverse = np.linalg.pinv(reference.matrix(downsample, size))
        shape = downsample.compute_input_shape((2, *size, 2))
        expected = reference.multiply(inverse, low_res, shape[1:3])
        found = upsample(low_res)
        np.testing.assert_allclose(found, expected, **TOLERANCE)
    np.testing.assert_allclose(
        with_unknown_sizes(upsample, low_res), found, **TOLERANCE
    )


def test_exact_is_the_dense_pseudo_inverse_of_long_axes():
    downsample = GaussianDownsample(2)
    size = (DENSE_SIZE + 2, 1)
    low_res = noise(1, *size, 1)
    inverse = np.linalg.pinv(reference.matrix(downsample, size))
    expected = reference.multiply(inverse, low_res, (2 * size[0], 2))
    np.testing.assert_allclose(
        PseudoInverseUpsample(downsample)(low_res), expected, **TOLERANCE
    )


def test_exact_is_the_pseudo_inverse_of_a_matrix():
    matrix = noise(3, 5)
    low_res = noise(4, 3, seed=1)
    upsample = PseudoInverseUpsample(LinearDownsample(matrix))
    np.testing.assert_allclose(
        upsample(low_res), low_res @ np.linalg.pinv(matrix).T, **TOLERANCE
    )


@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("scale", [2, (1, 3), (2, 4)])
def test_conv_weighs_the_pixels_around(scale, padding):
    downsample = GaussianDownsample(scale, padding=padding)
    upsample = PseudoInverseUpsample(
        downsample, "conv", 3, kernel_initializer="glorot_uniform"
    )
    scales = (downsample.rows.scale, downsample.columns.scale)
    for size in ((1, 1), (2, 5)):
        low_res = noise(2, *size, 2)
        found = upsample(low_res)
        expected = reference.local_inverse(
            np.asarray(upsample.kernel), low_res, scales,
            padding,
        )  # fmt: skip
        np.testing.assert_allclose(found, expected, **TOLERANCE)
        for jit_compile in (False, True):
            np.testing.assert_allclose(
                with_unknown_sizes(upsample, low_res, jit_compile=jit_compile),
                found,
                **TOLERANCE,
            )


@pytest.mark.parametrize("padding", PADDINGS)
def test_exact_satisfies_the_four_penrose_conditions(padding):
    downsample = GaussianDownsample((2, 4), padding=padding)
    upsample = PseudoInverseUpsample(downsample)
    report = penrose_report(downsample, upsample, (6, 5))
    assert max(report.aba, report.ab_symmetry, report.ba_symmetry) <= 2e-6
    assert report.bab <= 1e-5  # Entries of B are the larger.
    assert max(report.border_error, report.inside_error) <= 2e-6
    dense = reference.matrix(downsample, (6, 5))
    np.testing.assert_allclose(
        report.condition, np.linalg.cond(dense), rtol=1e-4
    )


@pytest.mark.parametrize("scale", [2, 4, (2, 4)])
def test_a_local_kernel_inverts_away_from_the_borders(scale):
    downsample = GaussianDownsample(scale)
    kernel = local_inverse(downsample, 5)
    assert periodic_losses(downsample, kernel) <= CLOSED_FORM_LOSS
    upsample = PseudoInverseUpsample(downsample, "conv")
    report = penrose_report(downsample, upsample, 12)
    assert report.inside_error <= 1e-6
    assert report.border_error > 1e-3


def test_a_local_kernel_is_shown_not_to_be_the_pseudo_inverse():
    downsample = GaussianDownsample(scale=2, padding="circular")
    upsample = PseudoInverseUpsample(downsample, "conv")
    report = penrose_report(downsample, upsample, 9)
    assert max(report.aba, report.bab, report.ab_symmetry) <= 1e-5
    assert report.ba_symmetry > 1e-3


def test_of_local_right_inverses_the_widest_is_the_nearest():
    downsample = GaussianDownsample(scale=4)
    exact = distance_to_pseudo_inverse(downsample, np.zeros((1, 1, 16)))[0]
    distances = []
    for size in (3, 5, 7):
        kernel = local_inverse(downsample, size)
        distance, norm = distance_to_pseudo_inverse(downsample, kernel)
        # Every right inverse is A+ and something orthogonal to it.
        np.testing.assert_allclose(norm**2, exact**2 + distance**2, rtol=1e-5)
        distances.append(distance)
    assert distances[0] > 1.5 * distances[1] > 2 * distances[2] > 0


def test_the_kernel_of_least_norm_is_found():
    downsample = GaussianDownsample(scale=4)
    best = local_inverse(downsample, 5)
    # A narrower right inverse is one among the wider: no better.
    other = np.pad(local_inverse(downsample, 3), ((1, 1), (1, 1), (0, 0)))
    for weight in (0.1, 1.0, -0.5):
        mixed = (1 - weight) * best + weight * other
        assert periodic_losses(downsample, mixed) <= CLOSED_FORM_LOSS * 10
        assert np.linalg.norm(mixed) > np.linalg.norm(best)


@pytest.mark.slow
def test_gradient_descent_fits_a_pseudo_inverse():
    downsample = GaussianDownsample(scale=4)
    kernel, loss = fit_pseudo_inverse(downsample, verbose=0)
    assert kernel.shape == (5, 5, 16)
    assert loss <= FITTED_LOSS
    assert periodic_losses(downsample, kernel) <= FITTED_LOSS
    closed = local_inverse(downsample, 5)
    assert np.linalg.norm(kernel) > np.linalg.norm(closed)


def test_products_keep_their_digits_where_the_device_rounds(monkeypatch):
    images = noise(1, 8, 80 * 2, 3)
    downsample = GaussianDownsample(2)
    upsample = PseudoInverseUpsample(downsample)
    low_res = downsample(images)
    high_res = upsample(low_res)
    monkeypatch.setattr(EXACT_MATMUL, "uses_tf32", lambda: True)
    for found, expected in (
        (downsample(images), low_res),
        (upsample(low_res), high_res),
    ):
        assert found.dtype == "float32"
        np.testing.assert_allclose(found, expected, **TOLERANCE)
    left, right = noise(2, 30, 30)
    found = EXACT_MATMUL.exact_matmul(
        keras.ops.convert_to_tensor(left), keras.ops.convert_to_tensor(right)
    )
    exact = left.astype("float64") @ right
    # Rounded once, from float64, and not at every step.
    np.testing.assert_array_equal(found, exact.astype("float32"))
