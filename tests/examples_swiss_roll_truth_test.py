"""What the Swiss roll example holds true, against slower ways to find it."""

import numpy as np
import pytest
from scipy import integrate
from scipy import stats
from swiss_roll_limit import _divergence_gradient
from swiss_roll_limit import kl_optimal_map
from swiss_roll_posterior import divergence
from swiss_roll_posterior import histogram
from swiss_roll_posterior import smooth
from swiss_roll_truth import Truth
from swiss_roll_truth import rotate
from swiss_roll_truth import unrotate

BANDWIDTH = 0.3
STEP = 0.02
# Samples are moved to the middle of their cell of the grid, by up to 0.01 in x
# and t; over the bandwidth's square that is a change of the gradient by 0.3.
BINNING = 0.05


@pytest.fixture(scope="module")
def samples():
    angle = np.random.default_rng(0).normal(10, 3, size=3000)
    spiral = 0.4 * angle * np.stack([np.cos(angle), np.sin(angle)])
    return spiral.T


@pytest.fixture(scope="module")
def truth(samples):
    return Truth(samples, BANDWIDTH, step=STEP)


def log_density(samples, points):
    """Returns the log of the mean of Gaussians, one point at a time."""
    return np.array(
        [
            np.log(stats.norm.pdf(point, samples, BANDWIDTH).prod(1).mean())
            for point in points
        ]
    )


def test_rotation_is_that_of_the_measurement():
    points = np.array([[3.0, 1.0], [-2.0, 5.0]])
    np.testing.assert_array_equal(rotate(points)[:, 0], points.mean(axis=1))
    np.testing.assert_array_equal(unrotate(rotate(points)), points)


def test_density_integrates_to_one(truth):
    np.testing.assert_allclose(truth.density.sum() * STEP**2, 1, rtol=1e-12)


def test_log_prob_is_that_of_the_kernel_density(truth, samples):
    points = np.random.default_rng(1).uniform(-5, 5, size=(200, 2))
    np.testing.assert_allclose(
        truth.log_prob(*rotate(points).T),
        log_density(samples, points),
        atol=BINNING * 3,  # Far from the samples the gradient is greatest.
    )


def test_log_prob_far_away_is_very_low_and_finite(truth):
    assert -1e4 < truth.log_prob([30.0], [0.0])[0] < -600


@pytest.mark.parametrize("x", [-2.0, 0.5, 1.234, 3.0])
def test_solutions_are_those_of_quadrature_along_the_line(truth, samples, x):
    t = np.linspace(-8, 8, 6001)
    line = unrotate(np.stack([np.full_like(t, x), t], axis=-1))
    posterior = np.exp(log_density(samples, line))
    posterior /= integrate.trapezoid(posterior, t)
    found = {name: value[0] for name, value in truth.solutions([x]).items()}
    np.testing.assert_allclose(
        found["MSE"], integrate.trapezoid(posterior * t, t), atol=BINNING
    )
    below = integrate.cumulative_trapezoid(posterior, t, initial=0)
    # The median may lie between two arms, where its place is not sharp: what
    # is sharp is the mass below it.
    mass = np.interp(found["MAE"], t, below)
    np.testing.assert_allclose(mass, 0.5, atol=BINNING)
    best = np.interp(found["MAP"], t, posterior)
    np.testing.assert_allclose(best, posterior.max(), rtol=BINNING)


def test_gradient_of_the_divergence_is_that_of_differences(samples, truth):
    blurred = Truth(samples, 0.6, step=0.2)
    grid = blurred.grid
    marginal = np.interp(grid, truth.grid, truth.density.sum(axis=1))
    marginal /= marginal.sum()
    solution = 2 * np.sin(grid)

    def divergence_of(values):
        # N(u; x, s^2) N(t; t(x), s^2), with s of the rotated coordinates.
        scale = 0.5 / np.sqrt(2)
        across = stats.norm.pdf(grid[:, None], grid, scale)  # [u, x]
        along = stats.norm.pdf(grid[:, None], values, scale)  # [t, x]
        q = np.maximum((across * marginal) @ along.T, 1e-300)  # [u, t]
        return np.sum(q * np.log(q / blurred.density)) * 0.2**2

    gradient = _divergence_gradient(blurred, marginal, 0.5)(solution)
    for index in (30, 41, 45, 60):
        change = np.zeros_like(grid)
        change[index] = 1e-4
        difference = (
            divergence_of(solution + change) - divergence_of(solution - change)
        ) / 2e-4
        np.testing.assert_allclose(gradient[index], difference, rtol=1e-4)


def test_the_map_of_least_divergence_trades_density_for_entropy(samples, truth):
    x = np.random.default_rng(2).choice(rotate(samples)[:, 0], 500)
    best = kl_optimal_map(truth, samples, BANDWIDTH, 0.5, steps=50)(x)
    mode = truth.solutions(x)["MAP"]
    entropy = {
        name: -truth.log_prob(x, t).mean()
        for name, t in (("best", best), ("mode", mode))
    }
    assert entropy["mode"] < entropy["best"] < entropy["mode"] + 2


def test_divergence_of_gaussians_is_the_known_one(truth):
    grid = truth.grid
    posterior = stats.norm.pdf(grid, 0.5, 1.0)[None]
    density = stats.norm.pdf(grid, 0.0, 0.8)[None]
    variance = 0.8**2 + 0.1**2  # With the noise.
    expected = 0.5 * (variance + 0.5**2 - 1 - np.log(variance))
    found = divergence(truth, density, posterior)
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_histogram_holds_every_draw_at_its_place(truth):
    draws = np.array([[0.0, 0.0, 1.0, 50.0]])
    density = histogram(truth, draws)[0] * truth.step
    np.testing.assert_allclose(density.sum(), 1)
    nearest = [np.argmin(np.abs(truth.grid - place)) for place in (0.0, 1.0)]
    np.testing.assert_allclose(density[nearest], [0.5, 0.25])
    assert density[-1] == 0.25  # What is beyond the grid is at its end.


def test_smoothing_keeps_the_mass_and_adds_the_variance(truth):
    density = histogram(truth, np.array([[0.0]]))
    smoothed = smooth(truth, density)[0]
    np.testing.assert_allclose(smoothed.sum() * truth.step, 1)
    variance = np.sum(smoothed * truth.grid**2) * truth.step
    np.testing.assert_allclose(variance, 0.1**2, rtol=1e-3)
