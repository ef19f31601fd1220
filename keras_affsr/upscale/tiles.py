"""Cutting an image in tiles, each with a halo of what its network sees."""

import dataclasses
import itertools
import math

# Low-resolution pixels each way of the tiles that larger images are cut in.
TILE = 256


@dataclasses.dataclass(frozen=True)
class Span:
    """A tile along one axis: what it reads, writes and cuts off.

    Args:
        read: slice of low-resolution pixels, with the halo.
        write: slice of high-resolution pixels, without.
        crop: slice of what the network makes of `read`: that for `write`.
    """

    read: slice
    write: slice
    crop: slice


def spans(size, tile, scale, halo=0, period=1):
    """Cuts an axis in tiles.

    The halo ends where the image does, so that borders are the network's own.

    Args:
        size: int. Low-resolution pixels.
        tile: int or None. Those of a tile, without halo; None for one tile.
        scale: int.
        halo: int. Low-resolution pixels that a tile needs around it.
        period: int. Of which all tiles begin at multiples.

    Returns:
        List of `Span`.
    """
    if tile is None or tile >= size:
        whole = slice(0, scale * size)
        return [Span(slice(0, size), whole, whole)]
    tile = period * math.ceil(tile / period)
    result = []
    for start in range(0, size, tile):
        stop = min(start + tile, size)
        first = max(0, (start - halo) // period * period)
        last = min(size, math.ceil((stop + halo) / period) * period)
        begin = scale * (start - first)
        crop = slice(begin, begin + scale * (stop - start))
        write = slice(scale * start, scale * stop)
        result.append(Span(slice(first, last), write, crop))
    return result


def in_tiles(network, inputs, output, rows, columns):
    """Computes an image tile by tile, into an array that is there already.

    Args:
        network: Function of as many `(1, h, w, c)` arrays as there are inputs.
        inputs: list of arrays, `(1, height, width, c)`.
        output: Array, `(scale * height, scale * width, channels)`, to fill.
        rows: list of `Span`.
        columns: list of `Span`.

    Yields:
        None, after each tile.
    """
    for row, column in itertools.product(rows, columns):
        parts = [each[:, row.read, column.read] for each in inputs]
        result = network(*parts)[0, row.crop, column.crop]
        output[row.write, column.write] = result
        yield
