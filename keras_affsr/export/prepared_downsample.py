"""An operator for images of one size, in a graph for images of any size."""

from keras import ops

from keras_affsr.layers import Downsample
from keras_affsr.layers import SeparableDownsample
from keras_affsr.layers import axis_matrix
from keras_affsr.layers.exact_matmul import exact_matmul


def prepared(downsample, low_res):
    """Returns an operator for images of the size of `low_res`.

    Args:
        downsample: Downsample. The operator `A`.
        low_res: `(batch, h, w, channels)`, of a size that need not be known.

    Returns:
        A Downsample, a faster one if `A` is separable.
    """
    if isinstance(downsample, SeparableDownsample):
        return PreparedDownsample(downsample, low_res)
    return downsample


class PreparedDownsample(Downsample):
    """A separable operator whose matrices are tensors, made once.

    Where the size of images is unknown, each use of an operator adds to the
    graph all that its matrices are computed by, and computes them again in each
    round of a loop. A projection that applies the operator in loops within
    loops was ten times as large for it, and as slow to export and to load.
    There are no gradients here.

    Args:
        downsample: SeparableDownsample. The operator `A`.
        low_res: `(batch, h, w, channels)`. All images are of this size.
    """

    def __init__(self, downsample, low_res):
        super().__init__(downsample.scale, name=downsample.name)
        self.gram_condition = downsample.gram_condition
        _, height, width, _ = ops.shape(low_res)
        self.rows = _PreparedAxis(downsample.rows, height)
        self.columns = _PreparedAxis(downsample.columns, width)

    def call(self, images):
        return self.apply(images)

    def apply(self, images):
        return self._along_both("downsample", images)

    def adjoint(self, low_res):
        return self._along_both("adjoint", low_res)

    def solve(self, low_res):
        # In float64, as it magnifies rounding errors.
        solved = self._along_both("solve", ops.cast(low_res, "float64"))
        return ops.cast(solved, low_res.dtype)

    def pseudo_inverse(self, low_res):
        return self.adjoint(self.solve(low_res))

    def _along_both(self, kind, images):
        images = self.rows.multiply(kind, images)
        images = ops.transpose(images, (0, 2, 1, 3))
        images = self.columns.multiply(kind, images)
        return ops.transpose(images, (0, 2, 1, 3))


class _PreparedAxis:
    """The matrices of an AxisOperator for one size."""

    def __init__(self, axis, size):
        down_index, down = axis_matrix.downsample_blocks(axis, size, ops)
        up_index, up = axis_matrix.adjoint_blocks(axis, size, ops)
        inverse = ops.inv(axis_matrix.gram(axis, size, ops))
        # An index of None stands for all pixels.
        self.matrices = {
            "downsample": (down_index, ops.cast(down, "float32"), size),
            "adjoint": (up_index, ops.cast(up, "float32"), axis.scale * size),
            "solve": (None, inverse, size),
        }

    def multiply(self, kind, images):
        """Multiplies by one of the matrices along axis 1 of images."""
        index, blocks, length = self.matrices[kind]
        batch, size, width, channels = ops.shape(images)
        flat = ops.reshape(images, (batch, size, width * channels))
        product = axis_matrix.apply_blocks(
            flat, index, blocks, length, ops, exact_matmul
        )
        return ops.reshape(product, (batch, length, width, channels))
