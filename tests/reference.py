"""Slow and obvious versions, in NumPy, of what the layers compute."""

import numpy as np

# The border rules in `numpy.pad`'s words.
MODES = {
    "symmetric": "symmetric",
    "reflect": "reflect",
    "edge": "edge",
    "zero": "constant",
    "circular": "wrap",
    "renormalised": "constant",
}


def downsample_line(line, taps, scale, padding):
    """Filters and subsamples a vector with explicit sums."""
    size = len(taps)
    first = (size - scale) // 2  # Pixels that the first kernel sticks out.
    padded = np.pad(line, size, MODES[padding])
    weight = np.pad(np.ones(len(line)), size, "constant")
    low = []
    for i in range(len(line) // scale):
        total, weights = 0.0, 0.0
        for t in range(size):
            pixel = size + scale * i - first + t
            total += taps[t] * padded[pixel]
            weights += taps[t] * weight[pixel]
        low.append(total / weights if padding == "renormalised" else total)
    return np.array(low)


def downsample(images, taps, scale, padding):
    """Downsamples each row and column of each channel of each image.

    Args:
        images: Array, `(batch, height, width, channels)`.
        taps: Pair of kernels (rows, columns).
        scale: Pair of ints (rows, columns).
        padding: str. Border rule.
    """
    images = np.asarray(images, "float64")
    for axis in (1, 2):
        images = np.apply_along_axis(
            downsample_line, axis, images, taps[axis - 1], scale[axis - 1],
            padding,
        )  # fmt: skip
    return images


def matrix(layer, size):
    """Returns the dense `A` of a separable layer at a low resolution."""
    axes = (layer.rows, layer.columns)
    return np.kron(
        *(
            np.apply_along_axis(
                downsample_line, 0, np.eye(axis.scale * number), axis.taps,
                axis.scale, axis.padding,
            )
            for axis, number in zip(axes, size)
        )
    )  # fmt: skip


def multiply(dense, images, shape):
    """Multiplies each channel of each image by a dense matrix."""
    batch, channels = images.shape[0], images.shape[-1]
    flat = np.asarray(images, "float64").reshape(batch, -1, channels)
    return np.einsum("ij,bjc->bic", dense, flat).reshape(
        batch, *shape, channels
    )


def local_inverse(kernel, low_res, scale, padding):
    """Makes each high-resolution pixel from the low-resolution ones around.

    Args:
        kernel: Array, `(size, size, rows * columns)`.
        low_res: Array, `(batch, height, width, channels)`.
        scale: Pair of ints (rows, columns).
        padding: str. Border rule.
    """
    rows, columns = scale
    size = len(kernel)
    half = size // 2
    batch, height, width, channels = low_res.shape
    margins = ((0, 0), (half, half), (half, half), (0, 0))
    padded = np.pad(low_res, margins, MODES[padding])
    result = np.zeros((batch, height * rows, width * columns, channels))
    for y in range(height * rows):
        for x in range(width * columns):
            weights = kernel[:, :, y % rows * columns + x % columns]
            i, j = y // rows, x // columns
            window = padded[:, i : i + size, j : j + size]
            result[:, y, x] = np.einsum("ab,nabc->nc", weights, window)
    return result
