"""Downsampling with one kernel for the rows and one for the columns."""

import keras
import numpy as np
from keras import ops

from keras_affsr import checks
from keras_affsr.layers.axis_matrix import PADDINGS
from keras_affsr.layers.axis_operator import AxisOperator
from keras_affsr.layers.downsample import Downsample
from keras_affsr.layers.exact_matmul import widest_float

# Of low-resolution axes, in place of a size that is not known yet.
TYPICAL_SIZES = (1, 2, 3, 4, 5, 6, 7, 8, 16, 64)


@keras.saving.register_keras_serializable(package="keras_affsr")
class SeparableDownsample(Downsample):
    """Filters each axis of an image with a kernel and keeps every r-th pixel.

    Low-resolution pixel `i` of an axis is
    `x[i] = sum{ kernel[t] * y[scale * i + t - (size - scale) // 2] }` over the
    `size` taps `t`. So a kernel is centred on the block of `scale` pixels that
    `i` stands for if `size - scale` is even, and half a pixel further to the
    right (or below) if it is odd: a kernel of 9 taps cannot be centred on a
    block of 4, and its peak sits on the third pixel of the block.

    The border rules are those of `numpy.pad`: `"symmetric"` mirrors the image
    with its edge pixel, `"reflect"` without, `"edge"` repeats the edge pixel,
    `"circular"` is numpy's "wrap" and `"zero"` its "constant". `"renormalised"`
    leaves out what lies outside of the image and divides by the sum of the
    weights inside, as image resizing does.

    The channels are filtered alike, each on its own. The layer has no weights.

    Args:
        kernel: sequence of floats, or pair of sequences (rows, columns).
        scale: int, or pair of ints (rows, columns), each at least 1.
        padding: str. Border rule. Defaults to `"symmetric"`.
        **kwargs: Base layer keyword arguments, such as `name`.

    Call arguments:
        images: `(batch, height, width, channels)` floats, whose height and
            width are multiples of the scale.

    Returns:
        float32 images `(batch, height / scale, width / scale, channels)`.

    Raises:
        ValueError: If an argument or the size of the images will not do.

    Example:

    >>> downsample = keras_affsr.layers.SeparableDownsample(
    ...     kernel=[0.25, 0.5, 0.25], scale=(1, 2), padding="circular")
    >>> downsample(keras.ops.ones((1, 8, 8, 3))).shape
    TensorShape([1, 8, 4, 3])
    """

    def __init__(self, kernel, scale, padding="symmetric", **kwargs):
        owner = kwargs.get("name") or type(self).__name__
        scales = checks.check_pair(scale, "scale", owner)
        super().__init__(_single(scales), **kwargs)
        self.padding = checks.check_choice(padding, PADDINGS, "padding", owner)
        kernels = _pair_of_kernels(kernel, owner)
        self.kernel = kernel
        self.rows, self.columns = (
            AxisOperator(taps, number, padding)
            for taps, number in zip(kernels, scales, strict=True)
        )

    def apply(self, images):
        height, width = self._sizes(images, self.rows.scale, self.columns.scale)
        low_res = self.rows.along_rows("downsample", images, height)
        return self.columns.along_columns("downsample", low_res, width)

    def adjoint(self, low_res):
        height, width = self._sizes(low_res, 1, 1)
        images = self.columns.along_columns("adjoint", low_res, width)
        return self.rows.along_rows("adjoint", images, height)

    def solve(self, low_res):
        # The one step that can magnify rounding errors, and a cheap one: few
        # pixels. In float64 it makes the consistency ten times better.
        height, width = self._sizes(low_res, 1, 1)
        solved = ops.cast(low_res, widest_float(low_res.dtype))
        solved = self.columns.along_columns("solve", solved, width)
        solved = self.rows.along_rows("solve", solved, height)
        return ops.cast(solved, low_res.dtype)

    def gram_condition(self, low_res_shape):
        # The condition number of a Kronecker product is the product of its
        # factors'. Where a size is unknown, the worst of short and long axes.
        condition = 1.0
        axes = (self.rows, self.columns)
        for axis, size in zip(axes, low_res_shape[1:3], strict=True):
            sizes = TYPICAL_SIZES if size is None else (size,)
            condition *= max(axis.gram_condition(known) for known in sizes)
        return condition

    def get_config(self):
        config = super().get_config()
        rows, columns = self.rows, self.columns
        taps = list(rows.taps)
        if rows.taps != columns.taps:
            taps = [taps, list(columns.taps)]
        config.update(
            {"kernel": taps, "scale": self.scale, "padding": self.padding}
        )
        return config

    def _sizes(self, images, rows, columns):
        # Ints where the shape is known, so that the matrices are constants.
        dynamic = ops.shape(images)
        return tuple(
            dynamic[axis] // scale for axis, scale in ((1, rows), (2, columns))
        )


def _pair_of_kernels(kernel, owner):
    try:
        pair = kernel if np.ndim(kernel[0]) else (kernel, kernel)
        pair = [np.asarray(taps, "float64") for taps in pair]
    except (TypeError, ValueError, IndexError, KeyError):
        pair = []
    if len(pair) != 2 or any(
        taps.ndim != 1 or not taps.size or not np.all(np.isfinite(taps))
        for taps in pair
    ):
        raise ValueError(
            f"`{owner}` expects kernel as a list of finite numbers, or as a "
            f"pair of such lists (rows, columns). Received: kernel={kernel!r}."
        )
    return [tuple(taps.tolist()) for taps in pair]


def _single(pair):
    return pair[0] if pair[0] == pair[1] else pair
