import numpy as np
import pytest
import tensorflow as tf

from keras_affsr.layers import AffineProjection
from keras_affsr.layers import BoxDownsample
from keras_affsr.layers import GaussianDownsample
from keras_affsr.layers import LinearDownsample
from keras_affsr.layers import PseudoInverseUpsample
from keras_affsr.layers import ResizeDownsample
from keras_affsr.layers.axis_matrix import PADDINGS
from tests import reference
from tests.layer_checks import gradient
from tests.layer_checks import low_res_mse
from tests.layer_checks import noise

# What the package promises: seven digits, squared. Rounding one number of
# [0.5, 1) to float32 already costs 3e-16.
CONSISTENT = 1e-14

# Of the nearest point and of gradients: sums of hundreds of float32 products.
TOLERANCE = {"rtol": 0, "atol": 2e-6}

KERNELS = {
    "gaussian": lambda **kwargs: GaussianDownsample(4, **kwargs),
    "wide gaussian": lambda **kwargs: GaussianDownsample(4, 9, 3.0, **kwargs),
    "gaussian of scale 2": lambda **kwargs: GaussianDownsample(2, **kwargs),
    "ill-conditioned": lambda **kwargs: GaussianDownsample(2, 9, 1.8, **kwargs),
    "gaussian of scale (2, 4)": lambda **kwargs: GaussianDownsample(
        (2, 4), **kwargs
    ),
    "gaussian of scale 8": lambda **kwargs: GaussianDownsample(8, 17, **kwargs),
    "box": lambda **kwargs: BoxDownsample(4, **kwargs),
    "box of 9 taps": lambda **kwargs: BoxDownsample(4, 9, **kwargs),
    "bicubic": lambda **kwargs: ResizeDownsample(4, "bicubic", **kwargs),
    "bilinear": lambda **kwargs: ResizeDownsample(4, "bilinear", **kwargs),
    "lanczos3": lambda **kwargs: ResizeDownsample(4, "lanczos3", **kwargs),
    "lanczos3 of scale 3": lambda **kwargs: ResizeDownsample(
        3, "lanczos3", **kwargs
    ),
}
# The number of images makes the mean over the pixels of tiny ones steady.
SIZES = [(60, 1, 1), (30, 1, 3), (20, 2, 2), (4, 5, 7), (1, 65, 20)]

# A white-noise measurement is none of an image in [0, 1]: the images that agree
# with it are the further outside, the worse A A' is conditioned. In the tens,
# float32 holds one digit less; in the hundreds, it cannot hold the seventh.
TAME = 1e3
CONSISTENT_WITH_NOISE = 4e-14


def tolerance(name):
    """How far images may differ that differ by 1e-7 at low resolution."""
    # The norm of A+ is about 1000 if ill-conditioned, otherwise at most 50.
    return {"rtol": 0, "atol": 1e-4 if name == "ill-conditioned" else 5e-6}


def guess_of(downsample, low_shape):
    return noise(*downsample.compute_input_shape(low_shape), seed=7)


def make_pair(downsample, low_shape):
    """Returns a guess, and a measurement of another image."""
    guess = guess_of(downsample, low_shape)
    truth = noise(*guess.shape, seed=8)
    return guess, np.asarray(downsample(truth))


@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize(
    "downsample",
    [
        lambda **kwargs: GaussianDownsample((2, 4), (5, 9), **kwargs),
        lambda **kwargs: ResizeDownsample(3, "lanczos3", **kwargs),
        lambda **kwargs: GaussianDownsample(4, 9, 3.0, **kwargs),  # Two rounds.
    ],
)
def test_the_output_is_the_nearest_consistent_image(downsample, padding):
    downsample = downsample(padding=padding)
    guess, low_res = make_pair(downsample, (2, 3, 5, 2))
    dense = reference.matrix(downsample, (3, 5))
    inverse = np.linalg.pinv(dense)
    error = low_res - reference.multiply(dense, guess, (3, 5))
    expected = guess + reference.multiply(inverse, error, guess.shape[1:3])
    found = AffineProjection(downsample)(guess, low_res)
    np.testing.assert_allclose(found, expected, **TOLERANCE)


@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("scale, sigma", [((2, 4), 1.2), (4, 3.0)])
def test_the_gradients_are_those_of_the_formula(scale, sigma, padding):
    downsample = GaussianDownsample(scale, 9, sigma, padding)
    project = AffineProjection(downsample)
    guess, low_res = make_pair(downsample, (2, 3, 4, 1))
    upstream = noise(*guess.shape, seed=9) - 0.5
    dense = reference.matrix(downsample, (3, 4))
    inverse = np.linalg.pinv(dense)
    for call in (project, tf.function(project)):
        found = gradient(lambda y, call=call: call(y, low_res), guess, upstream)
        expected = upstream - reference.multiply(
            inverse @ dense, upstream, guess.shape[1:3]
        )
        np.testing.assert_allclose(found, expected, **TOLERANCE)
        found = gradient(lambda x, call=call: call(guess, x), low_res, upstream)
        expected = reference.multiply(inverse.T, upstream, (3, 4))
        scale = max(1, np.abs(expected).max())
        np.testing.assert_allclose(found / scale, expected / scale, **TOLERANCE)


def test_vectors_are_projected_too():
    downsample = LinearDownsample([[0.5, 0.5]])
    project = AffineProjection(downsample)
    found = project(np.float32([[0.0, 0.0], [3.0, 1.0]]), np.ones((2, 1), "f"))
    np.testing.assert_array_equal(found, [[1.0, 1.0], [2.0, 0.0]])


@pytest.mark.parametrize("condition", [1.0, 1e3, 1e6, 1e8])
def test_any_matrix_of_full_rank_is_agreed_with(condition):
    generator = np.random.default_rng(3)
    left, _ = np.linalg.qr(generator.normal(size=(20, 20)))
    right, _ = np.linalg.qr(generator.normal(size=(40, 20)))
    scales = np.geomspace(1, condition**-0.5, 20)
    downsample = LinearDownsample(left * scales @ right.T)
    guess, truth = noise(2, 100, 40) / 4  # So that |x| is mostly below one.
    low_res = np.asarray(downsample(truth))
    projected = AffineProjection(downsample)(guess, low_res)
    assert low_res_mse(downsample, projected, low_res) <= CONSISTENT


@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("name", KERNELS)
def test_the_output_downsamples_to_the_measurement(name, padding):
    downsample = KERNELS[name](padding=padding)
    project = AffineProjection(downsample)
    for size in SIZES:
        guess, low_res = make_pair(downsample, (*size, 1))
        projected = project(guess, low_res)
        assert low_res_mse(downsample, projected, low_res) <= CONSISTENT
        if downsample.gram_condition((*size, 1)) < TAME:
            low_res = noise(*size, 1, seed=9)
            error = low_res_mse(downsample, project(guess, low_res), low_res)
            tiny = min(size[1:]) < 5
            assert error <= (CONSISTENT_WITH_NOISE if tiny else CONSISTENT)


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("name", ["gaussian", "ill-conditioned", "lanczos3"])
def test_sizes_may_be_unknown_until_the_graph_runs(name, jit_compile):
    downsample = KERNELS[name]()
    project = AffineProjection(downsample)
    signature = [tf.TensorSpec((None, None, None, 1))] * 2
    graph = tf.function(project, signature, jit_compile=jit_compile)
    for size in ((2, 1, 3), (1, 65, 20))[jit_compile:]:  # XLA takes seconds.
        guess, low_res = make_pair(downsample, (*size, 1))
        found = graph(guess, low_res)
        assert low_res_mse(downsample, found, low_res) <= CONSISTENT
        np.testing.assert_allclose(
            found, project(guess, low_res), **tolerance(name)
        )


def test_ill_conditioned_operators_get_a_second_round():
    downsample = KERNELS["ill-conditioned"]()
    guess, low_res = make_pair(downsample, (1, 16, 16, 3))
    once = guess + PseudoInverseUpsample(downsample)(
        low_res - downsample(guess)
    )
    assert low_res_mse(downsample, once, low_res) > CONSISTENT
    twice = AffineProjection(downsample)(guess, low_res)
    assert low_res_mse(downsample, twice, low_res) <= CONSISTENT


@pytest.mark.parametrize("name", KERNELS)
def test_projecting_again_changes_nothing(name):
    downsample = KERNELS[name]()
    project = AffineProjection(downsample)
    guess, low_res = make_pair(downsample, (2, 5, 7, 2))
    once = project(guess, low_res)
    np.testing.assert_allclose(project(once, low_res), once, **tolerance(name))


@pytest.mark.parametrize("padding", PADDINGS)
def test_no_other_consistent_image_is_nearer(padding):
    downsample = GaussianDownsample((2, 4), padding=padding)
    guess, low_res = make_pair(downsample, (1, 3, 4, 1))
    projected = AffineProjection(downsample)(guess, low_res)
    # Any other: the projection of any other guess.
    other = AffineProjection(downsample)(noise(*guess.shape, seed=5), low_res)
    correction, difference = projected - guess, other - projected
    np.testing.assert_allclose(
        np.sum(correction * difference),
        0.0,
        atol=1e-5,  # A sum of 192 products of float32 numbers below one.
    )
    assert np.sum((other - guess) ** 2) > np.sum(np.square(correction))


@pytest.mark.parametrize("upsample", [None, "conv"])
def test_the_part_that_the_measurement_settles_gets_no_gradient(upsample):
    downsample = BoxDownsample(2)
    if upsample == "conv":  # Of a box, the local kernel is A+ itself.
        upsample = PseudoInverseUpsample(downsample, "conv", 3)
    project = AffineProjection(downsample, upsample)
    guess, low_res = make_pair(downsample, (1, 4, 4, 1))
    upstream = np.repeat(np.repeat(noise(1, 4, 4, 1), 2, 1), 2, 2)
    found = gradient(lambda y: project(y, low_res), guess, upstream)
    np.testing.assert_allclose(found, np.zeros_like(found), **TOLERANCE)
