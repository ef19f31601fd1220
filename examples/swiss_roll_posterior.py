"""How far what is sampled for a measurement is from the true posterior.

A sampler's q(t | x) has no density that could be computed, and that of a
deterministic model is a spike. So all are given one by a little Gaussian noise
on t. The true posterior with the same noise shows what it costs.
"""

import numpy as np
import swiss_roll_worker as worker
from swiss_roll_truth import LEAST
from swiss_roll_truth import rotate

SMOOTHING = 0.1  # Standard deviation of the noise on t.


def divergences(truth, results):
    """Returns E_x KL[q(y|x) || p(y|x)] in nats, a list by name."""
    x = worker.posterior_measurements()[:, 0]
    posterior = truth.rows(x)  # [x, t]
    found = {
        "true posterior": [divergence(truth, posterior, posterior)],
        "exact MAP": [
            _of_draws(truth, truth.solutions(x)["MAP"][:, None], posterior)
        ],
    }
    for name in ("AffMSE", "AffGAN", "stochastic AffGAN"):
        for result in results.get(name, ()):
            only = result["generated"][: len(x), None]  # [x, 1, 2]
            draws = rotate(result.get("draws", only))[..., 1]  # [x, draws]
            found.setdefault(name, []).append(
                _of_draws(truth, draws, posterior)
            )
    return found


def _of_draws(truth, draws, posterior):
    return divergence(truth, histogram(truth, draws), posterior)


def histogram(truth, draws):
    """Returns the density of samples `(x, draws)` on the grid, `(x, m)`."""
    middles = (truth.grid[1:] + truth.grid[:-1]) / 2
    edges = np.concatenate(([-np.inf], middles, [np.inf]))
    counts = np.stack([np.histogram(row, edges)[0] for row in draws])
    return counts / (draws.shape[1] * truth.step)


def smooth(truth, density):
    """Returns a density on the grid with the noise added, `(x, m)`."""
    offsets = (truth.grid[:, None] - truth.grid) / SMOOTHING  # [m, m]
    kernel = np.exp(-0.5 * offsets**2)
    return density @ (kernel / kernel.sum(axis=1))


def divergence(truth, density, posterior):
    """Returns the mean over x of KL[density + noise || posterior]."""
    density = smooth(truth, density)
    log_ratio = np.log(np.maximum(density, LEAST)) - np.log(
        np.maximum(posterior, LEAST)
    )
    return np.mean(np.sum(density * log_ratio, axis=1) * truth.step)
