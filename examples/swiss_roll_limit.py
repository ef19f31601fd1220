"""The best that AffGAN's objective can do: its minimum over all maps.

AffGAN minimises KL[q || p], of images blurred by instance noise, and not the
cross-entropy H[q, p]. Here the same divergence is minimised over every
deterministic map t(x) from a grid of x, without networks, discriminator or
samples. The map's H, set against that of MAP, is what remains when all of these
are perfect.
"""

import numpy as np
from swiss_roll_truth import LEAST
from swiss_roll_truth import REACH
from swiss_roll_truth import Truth
from swiss_roll_truth import gaussian

STEP = 0.05  # Of the grid: a third of the narrowest Gaussian's deviation.
RATE = 0.05  # Largest change of t in a step of the descent.


def kl_optimal_map(truth, samples, bandwidth, noise_stddev, steps):
    """Finds the map of least KL[q_sigma || p_sigma], from MAP on.

    Args:
        truth: Truth, at the bandwidth of p.
        samples: `(n, 2)` points without noise.
        bandwidth: float. Of p.
        noise_stddev: float. Sigma of the instance noise.
        steps: int. Of gradient descent with Adam.

    Returns:
        Function from `(n,)` measurements to `(n,)` values of t.
    """
    blurred = Truth(samples, np.hypot(bandwidth, noise_stddev), step=STEP)
    grid = blurred.grid  # [m]
    marginal = np.interp(grid, truth.grid, truth.density.sum(axis=1))  # [m]
    gradient = _divergence_gradient(blurred, marginal, noise_stddev)
    solution = truth.solutions(grid)["MAP"]
    mean, square = np.zeros_like(grid), np.zeros_like(grid)
    for number in range(1, steps + 1):
        slope = gradient(solution)
        mean = 0.9 * mean + 0.1 * slope
        square = 0.99 * square + 0.01 * slope**2
        rate = RATE * 0.5 * (1 + np.cos(np.pi * number / steps))
        size = np.sqrt(square / (1 - 0.99**number)) + 1e-12
        solution = solution - rate * mean / (1 - 0.9**number) / size

    def nearest(x):
        # Not interpolated: the map jumps from arm to arm.
        return solution[np.round((x + REACH) / STEP).astype(int)]

    return nearest


def _divergence_gradient(blurred, marginal, noise_stddev):
    """Returns the gradient of KL[q || p] with respect to t(x), a function."""
    grid = blurred.grid
    log_p = np.log(blurred.density)  # [u, t]
    weights = marginal / marginal.sum()  # [x]
    spread = gaussian(grid, grid, noise_stddev) * weights  # [u, x]

    def gradient(solution):
        offsets = grid[:, None] - solution  # [t, x]
        kernel = gaussian(grid, solution, noise_stddev)  # [t, x]
        density = spread @ kernel.T  # [u, t], q
        # d KL / dq = log q - log p + 1, and the 1 has no effect on t(x).
        ratio = np.log(np.maximum(density, LEAST)) - log_p  # [u, t]
        slope = (kernel * offsets) * (ratio.T @ spread)  # [t, x]
        return slope.sum(axis=0) * 2 / noise_stddev**2 * blurred.step**2

    return gradient
