"""Small separable filters, as weighted sums of shifted images.

A convolution would say the same, but on a GPU it may round its inputs to ten
bits (TF32), and a metric must not depend on where it is computed.
"""

import numpy as np
from keras import ops


def gaussian_taps(sigma, radius):
    """Returns the `2 radius + 1` weights of a Gaussian; their sum is one."""
    offsets = np.arange(-radius, radius + 1)
    taps = np.exp(-0.5 * (offsets / sigma) ** 2)
    return taps / taps.sum()


def filter_valid(images, taps):
    """Filters the rows and columns of images, where the filter fits whole.

    Args:
        images: Float tensor, `(batch, height, width, channels)`.
        taps: The weights of the filter along each of the two axes.

    Returns:
        Tensor of shape `(batch, height - len(taps) + 1,
        width - len(taps) + 1, channels)`.
    """
    taps = [float(tap) for tap in taps]
    rows = ops.shape(images)[1] - len(taps) + 1
    columns = ops.shape(images)[2] - len(taps) + 1
    images = sum(  # [batch, rows, width, channels]
        tap * images[:, shift : shift + rows] for shift, tap in enumerate(taps)
    )
    return sum(  # [batch, rows, columns, channels]
        tap * images[:, :, shift : shift + columns]
        for shift, tap in enumerate(taps)
    )


def filter_same(images, taps):
    """Filters images of which the mirror image continues past each border."""
    radius = len(taps) // 2
    margin = ((0, 0), (radius, radius), (radius, radius), (0, 0))
    return filter_valid(ops.pad(images, margin, mode="reflect"), taps)
