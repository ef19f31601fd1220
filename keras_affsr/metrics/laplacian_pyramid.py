"""The Laplacian pyramid: an image as details of ever coarser scale."""

from keras import ops

from keras_affsr.metrics.filters import filter_same

# The binomial filter of Burt and Adelson.
TAPS = (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16)


def laplacian_pyramid(images, num_levels):
    """Splits images into details of ever coarser scale, and a remainder.

    With `down` a blur that keeps every second pixel and `up` its
    interpolation, level `i` is `g[i] - up(g[i + 1])` where `g[0]` is the image
    and `g[i + 1] = down(g[i])`; the last level is `g` itself. Nothing is
    normalised, so that the levels say how strong each scale is, and adding
    them up again gives the image.

    Args:
        images: Float tensor, `(batch, height, width, channels)`.
        num_levels: int. Number of levels, at least one.

    Returns:
        List of tensors, the finest first, each half as high and wide as the
        one before, rounded up.
    """
    levels = []
    for _ in range(num_levels - 1):
        coarse = filter_same(images, TAPS)[:, ::2, ::2]
        levels.append(images - enlarge(coarse, ops.shape(images)))
        images = coarse
    return [*levels, images]


def enlarge(images, shape):
    """Interpolates images to twice their size, cropped to that of `shape`."""
    batch, height, width, channels = ops.shape(images)
    holes = ops.zeros_like(images)
    images = ops.stack([images, holes], axis=2)  # [batch, h, 2, w, channels]
    images = ops.reshape(images, (batch, 2 * height, width, channels))
    holes = ops.zeros_like(images)
    images = ops.stack([images, holes], axis=3)  # [batch, 2h, w, 2, channels]
    images = ops.reshape(images, (batch, 2 * height, 2 * width, channels))
    # Three of four pixels are holes; the weights make up for it, twice two.
    images = filter_same(images, [2 * tap for tap in TAPS])
    return images[:, : shape[1], : shape[2]]
