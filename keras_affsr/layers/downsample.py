"""The base of all downsampling operators `A`."""

import keras
from keras import ops

from keras_affsr import checks


class Downsample(keras.layers.Layer):
    """A linear operator `x = A y` from high to low resolution.

    A subclass implements three linear maps, none with weights, and a number:

    - `apply(images)`: `A y`, from high to low resolution;
    - `adjoint(low_res)`: `A' x`, from low to high resolution;
    - `solve(low_res)`: `(A A')^-1 x`, at low resolution;
    - `gram_condition(low_res_shape)`: the condition number of `A A'`.

    They are enough for the pseudo-inverse `A+ = A' (A A')^-1` and for the exact
    gradient of all three, so that `PseudoInverseUpsample`, `AffineProjection`
    and the models work with any subclass.

    The layer computes in float32 whatever the dtype policy: this operator *is*
    the measurement, and half precision would change it.

    Args:
        scale: int, or pair of ints (rows, columns). Ratio of high to low
            resolution.
        **kwargs: Base layer keyword arguments, such as `name`. A `dtype` of
            "float64" is kept, any other becomes "float32".

    Call arguments:
        images: High-resolution images, `(batch, height, width, channels)`.

    Returns:
        Low-resolution images.
    """

    def __init__(self, scale, **kwargs):
        kwargs["dtype"] = checks.full_precision(kwargs.get("dtype"))
        super().__init__(**kwargs)
        self.scale = scale

    def call(self, images):
        checks.check_floats(images, "images", self.name)
        self.compute_output_shape(images.shape)  # Refuses sizes that won't do.
        return linear_map(self.apply, self.adjoint)(images)

    def apply(self, images):
        """Computes `A y` for images of a valid size."""
        raise _missing(self, "apply")

    def adjoint(self, low_res):
        """Computes `A' x`."""
        raise _missing(self, "adjoint")

    def solve(self, low_res):
        """Computes `(A A')^-1 x`."""
        raise _missing(self, "solve")

    def gram_condition(self, low_res_shape):
        """Returns the condition number of `A A'`, infinite if singular."""
        raise _missing(self, "gram_condition")

    def pseudo_inverse(self, low_res):
        """Computes `A+ x = A' (A A')^-1 x`, differentiable."""
        solved = linear_map(self.solve, self.solve)(low_res)
        return linear_map(self.adjoint, self.apply)(solved)

    def compute_output_shape(self, input_shape):
        batch, height, width, channels = checks.check_image_shape(
            input_shape, "images", self.name
        )
        rows, columns = checks.check_pair(self.scale, "scale", self.name)
        height = checks.check_divisible(height, rows, "height", self.name)
        width = checks.check_divisible(width, columns, "width", self.name)
        return (batch, height, width, channels)

    def compute_input_shape(self, low_res_shape):
        """Returns the shape of the images whose `A y` has this shape."""
        batch, height, width, channels = checks.check_image_shape(
            low_res_shape, "low_res", self.name
        )
        rows, columns = checks.check_pair(self.scale, "scale", self.name)
        return (
            batch,
            None if height is None else height * rows,
            None if width is None else width * columns,
            channels,
        )


def linear_map(forward, backward):
    """Makes a function of a linear map whose gradient is its transpose.

    The transpose of a banded product written with gathers would be a scatter,
    which is slow; the operators know their transposes.

    Args:
        forward: Function of a tensor, linear.
        backward: Function of a tensor: the transpose of `forward`.

    Returns:
        A function equal to `forward`, any number of times differentiable.
    """

    @ops.custom_gradient
    def function(x):
        def gradient(*args, upstream=None):
            upstream = args[0] if upstream is None else upstream
            return linear_map(backward, forward)(upstream)

        return forward(x), gradient

    return function


def _missing(layer, method):
    return NotImplementedError(
        f"`{type(layer).__name__}` is a Downsample without a method "
        f"`{method}`. Implement `apply`, `adjoint`, `solve` and "
        "`gram_condition`."
    )
