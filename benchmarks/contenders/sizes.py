"""What the peers have to know of the paper's networks and its operator."""

import numpy as np

GENERATORS = {
    "grass": ((32, 32, 64, 64, 128, 128), 2),
    "celeba": ((128,) * 4 + (256,) * 4 + (512,) * 4, 4),
}
DISCRIMINATORS = {
    "grass": ((32, 64, 128, 256), (2,) * 4),
    "celeba": ((128, 128, 256, 256, 512, 512, 1024, 1024), (1, 2) * 4),
}


def axis_matrix(low_size, scale=4, taps=9):
    """Returns the matrix of the paper's `A` along one axis, in float64."""
    kernel = np.exp(-0.5 * ((np.arange(taps) - taps // 2) / (scale / 2)) ** 2)
    kernel /= kernel.sum()
    size = scale * low_size
    matrix = np.zeros((low_size, size))
    for row in range(low_size):
        for tap, weight in enumerate(kernel):
            pixel = scale * row + tap - (taps - scale) // 2
            # Mirrored at the border, edge pixel included.
            pixel = min(max(pixel, -1 - pixel), 2 * size - 1 - pixel)
            matrix[row, pixel] += weight
    return matrix
