"""The matrix of a downsampling operator along one axis, in banded blocks.

Everything here is a function of the size of an axis, and works in either of two
array namespaces `xp`: `NumPy` when the size is known, so that the results are
constants, and `keras.ops` when the size is a tensor, so that one exported graph
serves images of every size.
"""

import numpy as np
from keras import ops

PADDINGS = ("symmetric", "reflect", "edge", "zero", "circular", "renormalised")

# Low-resolution pixels per block of a banded product: 8 to 32 cost the same,
# 64 half as much again (measured). An axis of up to DENSE_SIZE is one block.
BLOCK_SIZE = 16
DENSE_SIZE = 64

# The same of inverses, whose bands are wider.
BAND_BLOCK_SIZE = 64
NEGLIGIBLE = 1e-17


class NumPy:
    """The functions of `keras.ops` that this package needs, in NumPy."""

    arange = np.arange
    clip = np.clip
    matmul = np.matmul
    reshape = np.reshape
    shape = np.shape
    take = np.take
    transpose = np.transpose
    where = np.where

    @staticmethod
    def cast(x, dtype):
        return np.asarray(x).astype(dtype)


def downsample_blocks(axis, size, xp):
    """Returns `A` of one axis as banded blocks.

    Args:
        axis: AxisOperator. Its `taps`, `scale` and `padding` are read.
        size: int or int tensor. Low-resolution pixels, `h`.
        xp: Namespace, `NumPy` or `keras.ops`.

    Returns:
        Pair (index, blocks). Block `k`, `(rows, span)`, times the pixels
        `index[k]`, `(span,)`, gives the k-th group of outputs. An index of
        None stands for all pixels and a single block.
    """
    block, number = _partition(axis, size)
    rows = _ranges(number, block, block, 0, xp)  # [blocks, rows]
    if isinstance(number, int) and number == 1:
        columns = xp.arange(axis.scale * size)[None]
        return None, _entries(axis, rows, columns, size, xp)
    # One pixel more either way: "reflect" reaches back past a kernel's own.
    span = axis.scale * (block - 1) + len(axis.taps) + 2
    columns = _ranges(number, axis.scale * block, span, axis.overhang + 1, xp)
    index, once = _window(columns, axis.scale * size, axis.padding, xp)
    blocks = _entries(axis, rows, index, size, xp)  # [blocks, rows, span]
    return index, blocks * once[:, None, :]


def adjoint_blocks(axis, size, xp):
    """Returns `A'` of one axis as banded blocks; see `downsample_blocks`."""
    block, number = _partition(axis, size)
    columns = _ranges(number, axis.scale * block, axis.scale * block, 0, xp)
    if isinstance(number, int) and number == 1:
        rows = xp.arange(size)[None]
        blocks = _entries(axis, rows, columns, size, xp)
        return None, xp.transpose(blocks, (0, 2, 1))
    halo = -(-len(axis.taps) // axis.scale)
    rows = _ranges(number, block, block + 2 * halo, halo, xp)
    index, once = _window(rows, size, axis.padding, xp)
    blocks = _entries(axis, index, columns, size, xp) * once[..., None]
    return index, xp.transpose(blocks, (0, 2, 1))  # [blocks, columns, span]


def apply_blocks(images, index, blocks, size, xp, matmul):
    """Multiplies `(batch, n, m)` by banded blocks: `(batch, size, m)`."""
    if index is None:
        return matmul(blocks, images)
    batch, _, rest = xp.shape(images)
    number, rows, span = xp.shape(blocks)
    frames = xp.take(images, xp.reshape(index, (-1,)), axis=1)
    frames = xp.reshape(frames, (batch, number, span, rest))
    product = matmul(blocks, frames)  # [batch, number, rows, rest]
    return xp.reshape(product, (batch, number * rows, rest))[:, :size]


def band_blocks(matrix):
    """Returns a NumPy matrix whose entries decay as banded blocks.

    The inverse of a well-conditioned banded matrix decays exponentially away
    from its diagonal (Demko, Moss and Smith, 1984). What is left out here is
    below float64's rounding.

    Args:
        matrix: `(n, n)` array.

    Returns:
        Pair (index, blocks), as of `downsample_blocks`: a single block, if
        the band is so wide that blocks would save less than half.
    """
    size = len(matrix)
    rows, columns = np.nonzero(abs(matrix) > NEGLIGIBLE * abs(matrix).max())
    reach = int(abs(rows - columns).max(initial=0))
    span = BAND_BLOCK_SIZE + 2 * reach
    if 2 * span > size:
        return None, matrix[None]
    number = -(-size // BAND_BLOCK_SIZE)
    rows = _ranges(number, BAND_BLOCK_SIZE, BAND_BLOCK_SIZE, 0, NumPy)
    columns = _ranges(number, BAND_BLOCK_SIZE, span, reach, NumPy)
    index, once = _window(columns, size, "zero", NumPy)
    rows = np.minimum(rows, size - 1)  # Those beyond are cut off again.
    blocks = matrix[rows[:, :, None], index[:, None, :]]
    return index, blocks * once[:, None, :]


def gram(axis, size, xp):
    """Returns the normal matrix `A A'` of one axis, `(size, size)`."""
    pixels = xp.arange(size)
    result = xp.cast(pixels[:, None] == pixels[None, :], "float64")[None]
    steps = (
        (adjoint_blocks, axis.scale * size),
        (downsample_blocks, size),
    )
    for make_blocks, rows in steps:
        index, blocks = make_blocks(axis, size, xp)
        result = apply_blocks(result, index, blocks, rows, xp, xp.matmul)
    return result[0]


def pad_index(size, margin, padding):
    """Returns the pixels that a padded axis reads, and where it reads any.

    Args:
        size: int or int tensor. Pixels of the axis.
        margin: int. Pixels added on either side.
        padding: str. Border rule; "renormalised" pads as "zero" does.
    """
    xp = NumPy if isinstance(size, int) else ops
    pixel, inside = _fold(xp.arange(-margin, size + margin), size, padding, xp)
    return xp.clip(pixel, 0, size - 1), inside


def _partition(axis, size):
    """Returns the low-resolution pixels per block, and how many blocks."""
    # A border rule must not reach past the neighbours of a block.
    block = max(BLOCK_SIZE, -(-len(axis.taps) // axis.scale))
    if isinstance(size, int) and size <= max(DENSE_SIZE, block):
        return size, 1
    return block, -(-size // block)


def _ranges(number, stride, length, halo, xp):
    """Returns `number` ranges, `stride` apart, the first from `-halo` on."""
    starts = xp.arange(number)[:, None] * stride - halo
    return starts + xp.arange(length)[None]  # [number, length]


def _window(index, length, padding, xp):
    """Returns an index within the axis, and 1 where it counts, 0 elsewhere."""
    if padding == "circular":  # Once round, each pixel has been read.
        once = xp.arange(index.shape[1])[None] < length
        return index % length, xp.cast(once, "float64")
    once = (index >= 0) & (index < length)
    return xp.clip(index, 0, length - 1), xp.cast(once, "float64")


def _entries(axis, rows, columns, size, xp):
    """Returns the entries `A[rows, columns]`: `(blocks, m, n)`.

    Args:
        axis: AxisOperator.
        rows: `(blocks, m)` ints; those outside the axis give rows of zeros.
        columns: `(blocks, n)` ints.
        size: int or int tensor. Low-resolution pixels.
        xp: Namespace, `NumPy` or `keras.ops`.
    """
    result, total = 0.0, 0.0
    for t, weight in enumerate(axis.taps):
        pixel = axis.scale * rows - axis.overhang + t
        source, inside = _fold(pixel, axis.scale * size, axis.padding, xp)
        weights = xp.cast(inside, "float64") * weight  # [blocks, m]
        hit = source[..., None] == columns[:, None]  # [blocks, m, n]
        result = result + xp.cast(hit, "float64") * weights[..., None]
        total = total + weights
    valid = (rows >= 0) & (rows < size)
    if axis.padding == "renormalised":
        result = result / xp.where(valid, total, 1.0)[..., None]
    return result * xp.cast(valid, "float64")[..., None]


def _fold(pixel, length, padding, xp):
    """Returns the pixel that a border rule reads, and whether it counts."""
    inside = (pixel >= 0) & (pixel < length)
    if padding in ("zero", "renormalised"):
        return pixel, inside
    everywhere = pixel == pixel
    if padding == "edge":
        return xp.clip(pixel, 0, length - 1), everywhere
    if padding == "circular":
        return pixel % length, everywhere
    if padding == "symmetric":
        pixel = pixel % (2 * length)
        return xp.where(
            pixel < length, pixel, 2 * length - 1 - pixel
        ), everywhere
    period = xp.where(length > 1, 2 * length - 2, 1)
    pixel = pixel % period
    return xp.where(pixel < length, pixel, period - pixel), everywhere
