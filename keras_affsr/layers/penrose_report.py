"""A diagnosis of how well an upsampling layer inverts a downsampling one."""

import dataclasses

import numpy as np
from keras import ops

from keras_affsr import checks

# The report makes dense matrices: this many entries are 0.5 GB in float64.
MAX_ENTRIES = 2**26


@dataclasses.dataclass(frozen=True)
class PenroseReport:
    """What `penrose_report` found; `print` it.

    Attributes:
        size: Pair of ints. Height and width of the low-resolution images.
        aba: float. Largest entry of `|A B A - A|`.
        bab: float. Largest entry of `|B A B - B|`.
        ab_symmetry: float. Largest entry of `|(A B)' - A B|`.
        ba_symmetry: float. Largest entry of `|(B A)' - B A|`.
        condition: float. Condition number of `A`.
        inside_error: float. Largest entry of `|A B - I|` in the rows of inner
            pixels; nan if there are none.
        border_error: float. Largest entry of `|A B - I|` in the rows of pixels
            within `margin` of the border.
        margin: int. Low-resolution pixels that count as border.
    """

    size: tuple
    aba: float
    bab: float
    ab_symmetry: float
    ba_symmetry: float
    condition: float
    inside_error: float
    border_error: float
    margin: int

    def __str__(self):
        height, width = self.size
        return "\n".join(
            [
                f"Penrose report for low-resolution images of {height} x "
                f"{width} pixels (largest entries)",
                f"  |A B A - A|        {self.aba:.1e}",
                f"  |B A B - B|        {self.bab:.1e}",
                f"  |(A B)' - A B|     {self.ab_symmetry:.1e}",
                f"  |(B A)' - B A|     {self.ba_symmetry:.1e}",
                f"  cond(A)            {self.condition:.3g}",
                f"  |A B - I| inside   {self.inside_error:.1e}",
                f"  |A B - I| border   {self.border_error:.1e}   (within "
                f"{self.margin} pixels)",
            ]
        )


def penrose_report(downsample, upsample, size=(12, 12)):
    """Measures the four Penrose conditions of a pair of layers.

    `B` is the Moore-Penrose inverse of `A` if and only if `A B A = A`,
    `B A B = B`, and `A B` and `B A` are symmetric. The first makes a
    projection consistent; the last makes it the nearest point, and its
    gradient symmetric. A local kernel can have the first without the last.

    Both layers are applied to every unit image, so this is a measurement of
    the layers as they run, in float32, not of their formulas.

    Args:
        downsample: Downsample. The operator `A`, for images.
        upsample: Layer. `B`.
        size: int or pair of ints. Height and width of the low-resolution
            images. Defaults to (12, 12).

    Returns:
        A `PenroseReport`.

    Raises:
        ValueError: If the matrices would not fit into memory.

    Example:

    >>> downsample = keras_affsr.layers.GaussianDownsample(scale=4)
    >>> upsample = keras_affsr.layers.PseudoInverseUpsample(downsample)
    >>> report = keras_affsr.layers.penrose_report(downsample, upsample, 8)
    >>> report.aba < 1e-6 and report.ba_symmetry < 1e-6
    True
    """
    height, width = checks.check_pair(size, "size", "penrose_report")
    low_shape = (1, height, width, 1)
    high_shape = downsample.compute_input_shape(low_shape)
    entries = np.prod(high_shape) ** 2
    if entries > MAX_ENTRIES:
        raise ValueError(
            f"`penrose_report` would need dense matrices of {entries:.1e} "
            f"entries for size={size!r}. Expected: at most {MAX_ENTRIES:.1e}. "
            "Ask for a smaller size: the residuals do not depend on it much."
        )
    a = as_matrix(downsample, high_shape)  # [h w, H W]
    b = as_matrix(upsample, low_shape)  # [H W, h w]
    ab, ba = a @ b, b @ a
    error = np.max(np.abs(ab - np.eye(len(ab))), axis=1).reshape(height, width)
    margin = min(5, -(-min(height, width) // 2))
    inside = error[margin:-margin, margin:-margin]
    border = np.ones((height, width), bool)
    border[margin:-margin, margin:-margin] = False
    return PenroseReport(
        size=(height, width),
        aba=_largest(ab @ a - a),
        bab=_largest(ba @ b - b),
        ab_symmetry=_largest(ab.T - ab),
        ba_symmetry=_largest(ba.T - ba),
        condition=float(np.linalg.cond(a)),
        inside_error=_largest(inside) if inside.size else float("nan"),
        border_error=_largest(error[border]),
        margin=margin,
    )


def as_matrix(layer, input_shape):
    """Returns the matrix of a linear layer on images of one channel."""
    pixels = int(np.prod(input_shape[1:]))
    unit = np.eye(pixels, dtype="float32")
    columns = layer(unit.reshape((pixels, *input_shape[1:])))
    columns = ops.convert_to_numpy(columns).astype("float64")
    return columns.reshape(pixels, -1).T


def _largest(array):
    return float(np.max(np.abs(array)))
