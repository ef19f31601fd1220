"""Local right inverses of a downsampling operator: small kernels, one a phase.

A kernel here is an array `(kernel_size, kernel_size, phases)`: phase
`p * columns + q` makes the high-resolution pixel in row `p` and column `q` of
each block from the low-resolution pixels around that block.
"""

import numpy as np
from keras import ops

from keras_affsr import checks
from keras_affsr.layers.axis_matrix import pad_index
from keras_affsr.layers.separable_downsample import SeparableDownsample


def local_inverse(downsample, kernel_size=5):
    """Computes the local `B` with `A B = I` that is closest to `A+`.

    As nearly so as the size allows: too small a kernel has no solution, and
    then gets the one of least squares.

    Of all right inverses of `A`, the pseudo-inverse is the one of least
    Frobenius norm, and the others are further from it the larger they are:
    `|B|^2 = |A+|^2 + |B - A+|^2`. So the least-norm solution of the linear
    equations `A B = I` among local kernels is the best local approximation.
    It is found for each axis on its own, by least squares.

    Args:
        downsample: SeparableDownsample. The operator `A`.
        kernel_size: int. Low-resolution taps each way, odd. Defaults to 5.

    Returns:
        float64 array `(kernel_size, kernel_size, rows * columns)`.

    Raises:
        ValueError: If `kernel_size` is not odd.

    Example:

    >>> downsample = keras_affsr.layers.GaussianDownsample(scale=4)
    >>> keras_affsr.layers.local_inverse(downsample, 5).shape
    (5, 5, 16)
    """
    owner = "local_inverse"
    checks.check_odd(kernel_size, "kernel_size", owner)
    checks.check_instance(downsample, SeparableDownsample, "downsample", owner)
    rows = _local_inverse_1d(downsample.rows, kernel_size)  # [k, rows]
    columns = _local_inverse_1d(downsample.columns, kernel_size)
    kernel = np.einsum("ap,bq->abpq", rows, columns)
    return kernel.reshape(kernel_size, kernel_size, -1)


def _local_inverse_1d(axis, kernel_size):
    """Solves `(A B)[lag] = (lag == 0)` for the taps of B, `(k, scale)`."""
    radius = kernel_size // 2
    taps = np.arange(len(axis.taps)) - axis.overhang
    block, phase = np.divmod(taps, axis.scale)  # Of each pixel that A reads.
    lags = block[:, None] + np.arange(kernel_size) - radius  # [taps, k]
    equations = np.zeros((np.ptp(lags) + 1, kernel_size, axis.scale))
    for weight, lag, offset in zip(axis.taps, lags, phase, strict=True):
        equations[lag - lags.min(), np.arange(kernel_size), offset] += weight
    identity = np.arange(lags.min(), lags.max() + 1) == 0
    equations = equations.reshape(len(identity), -1)
    solution, *_ = np.linalg.lstsq(equations, identity * 1.0, rcond=None)
    return solution.reshape(kernel_size, axis.scale)


def apply_local_inverse(kernel, downsample, low_res):
    """Convolves `low_res` with each phase's kernel and shuffles the phases.

    Args:
        kernel: Tensor, `(kernel_size, kernel_size, rows * columns)`.
        downsample: SeparableDownsample. Its scale and border rule are used.
        low_res: Tensor, `(batch, height, width, channels)`.

    Returns:
        Tensor, `(batch, rows * height, columns * width, channels)`.
    """
    rows, columns = downsample.rows.scale, downsample.columns.scale
    batch, height, width, channels = ops.shape(low_res)
    for axis in (1, 2):
        margin = kernel.shape[0] // 2
        low_res = _pad(low_res, margin, downsample.padding, axis)
    planes = ops.transpose(low_res, (0, 3, 1, 2))
    planes = ops.reshape(planes, (batch * channels, *ops.shape(planes)[2:], 1))
    phases = ops.conv(planes, kernel[:, :, None])  # [b * c, h, w, phases]
    pixels = ops.reshape(
        phases, (batch, channels, height, width, rows, columns)
    )
    pixels = ops.transpose(pixels, (0, 2, 4, 3, 5, 1))
    return ops.reshape(
        pixels, (batch, height * rows, width * columns, channels)
    )


def _pad(images, margin, padding, axis):
    index, inside = pad_index(ops.shape(images)[axis], margin, padding)
    shape = [1, 1, 1, 1]
    shape[axis] = -1
    inside = ops.reshape(ops.cast(inside, images.dtype), shape)
    return ops.take(images, index, axis=axis) * inside
