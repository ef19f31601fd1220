"""What is true of the Swiss roll: its posterior and the best solutions.

In the coordinates `x = (y1 + y2) / 2` and `t = (y1 - y2) / 2` the solutions of
`A y = x` are the line `(x, any t)`, and a grid of both holds each of them as a
row. All that the example compares its models with is computed on such a grid.
"""

import numpy as np

REACH = 9.0  # Of the grid, to both sides; 14 standard deviations beyond r.
LEAST = 1e-300  # Densities below count as this one: their log is finite.
STEP = 0.01  # A fourteenth of the bandwidth, which is 0.2 / sqrt(2) here.


def rotate(points):
    """Returns (x, t) of points (y1, y2), or the points of (x, t)."""
    first, second = np.moveaxis(np.asarray(points, "float64"), -1, 0)
    return np.stack([first + second, first - second], axis=-1) / 2


def unrotate(points):
    """Returns (y1, y2) of points (x, t)."""
    return 2 * rotate(points)


class Truth:
    """The density of the Swiss roll on a grid, and what follows from it.

    Args:
        samples: `(n, 2)` points without noise.
        bandwidth: float. Of the Gaussian around each of them.

    Attributes:
        grid: `(m,)` values of x, and of t.
        density: `(m, m)` p(x, t).
    """

    def __init__(self, samples, bandwidth, step=STEP):
        self.step = step
        self.grid = np.arange(-REACH, REACH + step / 2, step)  # [m]
        edges = np.append(self.grid - step / 2, self.grid[-1] + step / 2)
        x, t = rotate(samples).T  # [n], [n]
        counts, _, _ = np.histogram2d(x, t, bins=(edges, edges))
        kernel = gaussian(self.grid, self.grid, bandwidth)  # [m, m]
        # Sums of positive numbers: the tails are as exact as the peaks.
        density = kernel @ (counts / len(x)) @ kernel.T  # [x, t]
        self.density = np.maximum(density, LEAST)

    def log_prob(self, x, t):
        """Returns log p_Y(y) in nats at any points, arrays of one shape."""
        from scipy import interpolate

        logarithm = interpolate.RegularGridInterpolator(
            (self.grid, self.grid),
            np.log(self.density / 2),  # dy = 2 dx dt.
            bounds_error=False,
            fill_value=np.log(LEAST),
        )
        return logarithm(np.stack([x, t], axis=-1))

    def rows(self, x):
        """Returns the posterior p(t | x) on the grid, `(len(x), m)`."""
        rows = np.stack([self._row(value) for value in x])
        return rows / (rows.sum(axis=1, keepdims=True) * self.step)

    def _row(self, x):
        position = (x + REACH) / self.step
        low = int(np.clip(np.floor(position), 0, len(self.grid) - 2))
        share = position - low
        # Linear in the logarithm, as `log_prob` is.
        low, high = np.log(self.density[low : low + 2])
        return np.exp((1 - share) * low + share * high)

    def solutions(self, x):
        """Returns t of the MAP, the least-squares and the least-absolute one.

        Args:
            x: `(n,)` measurements.

        Returns:
            Dict of `(n,)` arrays.
        """
        rows = self.rows(x)
        cumulated = np.cumsum(rows, axis=1) * self.step
        return {
            "MAP": self.grid[np.argmax(rows, axis=1)],
            "MSE": rows @ self.grid * self.step,
            "MAE": self.grid[np.argmax(cumulated >= 0.5, axis=1)],
        }


def gaussian(points, centres, bandwidth):
    """Returns N(point; centre, bandwidth^2 / 2), `(points, centres)`.

    The half is that of the coordinates: x and t have half the variance of y.
    """
    scaled = (points[:, None] - centres) / (bandwidth / np.sqrt(2))
    return np.exp(-0.5 * scaled**2) / (bandwidth * np.sqrt(np.pi))
