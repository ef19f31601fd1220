"""Downsampling by any matrix."""

import keras
import numpy as np
from keras import ops

from keras_affsr.layers.downsample import Downsample
from keras_affsr.layers.exact_matmul import exact_matmul
from keras_affsr.layers.exact_matmul import widest_float


@keras.saving.register_keras_serializable(package="keras_affsr")
class LinearDownsample(Downsample):
    """Multiplies the last axis by a matrix: `x = A y` for any `A`.

    For vectors rather than images: the paper's toy problem, in which `A` is
    the row `[0.5, 0.5]`, or a measurement operator of your own, given as a
    dense matrix that acts on flattened images.

    Args:
        matrix: array-like of floats, `(n_low, n_high)`, of full row rank.
        **kwargs: Base layer keyword arguments, such as `name`.

    Call arguments:
        images: `(..., n_high)` floats.

    Returns:
        float32 vectors `(..., n_low)`.

    Raises:
        ValueError: If the matrix is not one, is rank-deficient, or does not
            fit the last axis of the input.

    Example:

    >>> downsample = keras_affsr.layers.LinearDownsample([[0.5, 0.5]])
    >>> float(downsample(keras.ops.array([[1.0, 3.0]]))[0, 0])
    2.0

    Reference:
     - [Sonderby et al., 2017](https://arxiv.org/abs/1610.04490), section 5.1
    """

    def __init__(self, matrix, **kwargs):
        owner = kwargs.get("name") or type(self).__name__
        matrix = _check_matrix(matrix, owner)
        ratio = matrix.shape[1] / matrix.shape[0]
        super().__init__(int(ratio) if ratio.is_integer() else ratio, **kwargs)
        self.matrix = matrix
        self.inverse_gram = np.linalg.inv(matrix @ matrix.T)

    def apply(self, images):
        return self._multiply(self.matrix, images)

    def adjoint(self, low_res):
        return self._multiply(self.matrix.T, low_res)

    def solve(self, low_res):
        # In float32 this step would magnify the errors that the projection's
        # second round removes.
        solved = ops.cast(low_res, widest_float(low_res.dtype))
        solved = self._multiply(self.inverse_gram, solved)
        return ops.cast(solved, low_res.dtype)

    def gram_condition(self, low_res_shape):
        return np.linalg.cond(self.matrix) ** 2

    def compute_output_shape(self, input_shape):
        return self._replace_last(input_shape, "images", *self.matrix.shape)

    def compute_input_shape(self, low_res_shape):
        return self._replace_last(
            low_res_shape, "low_res", *self.matrix.shape[::-1]
        )

    def get_config(self):
        config = super().get_config()
        config["matrix"] = self.matrix.tolist()
        return config

    def _multiply(self, matrix, vectors):
        matrix = ops.cast(ops.convert_to_tensor(matrix.T), vectors.dtype)
        return exact_matmul(vectors, matrix)

    def _replace_last(self, shape, argument, new, old):
        if len(shape) < 2 or shape[-1] != old:
            raise ValueError(
                f"`{self.name}` expects `{argument}` of shape (batch, ..., "
                f"{old}), for its matrix of shape {self.matrix.shape}. "
                f"Received: shape {tuple(shape)}."
            )
        return (*shape[:-1], new)


def _check_matrix(matrix, owner):
    try:
        matrix = np.asarray(matrix, "float64")
    except (TypeError, ValueError):
        matrix = np.empty(0)
    if matrix.ndim != 2 or not matrix.size or not np.all(np.isfinite(matrix)):
        raise ValueError(
            f"`{owner}` expects matrix as finite numbers of shape (n_low, "
            f"n_high). Received: shape {matrix.shape}."
        )
    # Singular values below float32's resolution of the largest are lost.
    tolerance = np.linalg.norm(matrix, 2) * 1e-6
    rank = np.linalg.matrix_rank(matrix, tol=tolerance)
    if rank < matrix.shape[0]:
        raise ValueError(
            f"`{owner}` received a rank-deficient matrix: {rank} of its "
            f"{matrix.shape[0]} rows are independent in float32, so that no "
            "image may agree with a measurement. Remove the dependent rows."
        )
    return matrix
