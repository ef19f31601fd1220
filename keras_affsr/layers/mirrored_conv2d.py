"""A convolution that mirrors the image at its border."""

import keras
import numpy as np
from keras import ops

from keras_affsr import checks
from keras_affsr.layers.axis_matrix import pad_index
from keras_affsr.layers.on_cpu import on_tensorflow_cpu

# Where so few output pixels meet kernels of so many channels, TensorFlow's
# convolution was measured at a third of the rate of a matrix product.
FEW_PIXELS = 16
MANY_CHANNELS = 256

# Arguments of Keras's layer that are settled here, and what else says the same.
FIXED = {
    "padding": ("same",),
    "groups": (1,),
    "dilation_rate": ((1, 1), 1),
    "data_format": ("channels_last", None),
}


@keras.saving.register_keras_serializable(package="keras_affsr")
class MirroredConv2D(keras.layers.Conv2D):
    """Convolution that extends the image by its mirror image.

    `(k - 1) / 2` pixels are added on each side, the edge pixel included
    ("symmetric"), and every `strides`-th pixel of the result is kept, the first
    one included. Padding with zeros instead shows as a frame of dots in
    generated images: the measurement is extended by mirroring too, and black is
    not neutral.

    The weights are those of `keras.layers.Conv2D`. On a machine without GPU
    mirroring is one gather, and a convolution to few pixels a matrix product:
    the same result, up to rounding, sooner.

    Args:
        filters: int. Channels of the output.
        kernel_size: int, or pair of ints (rows, columns), odd. Defaults to 3.
        **kwargs: Of `keras.layers.Conv2D`, such as `strides` and `use_bias`;
            not `padding` (which is the point of this layer), `groups`,
            `dilation_rate` and `data_format`.

    Call arguments:
        images: `(batch, height, width, channels)`.

    Returns:
        `(batch, ceil(height / strides), ceil(width / strides), filters)`.

    Raises:
        ValueError: If an argument will not do.

    Example:

    >>> convolve = keras_affsr.layers.MirroredConv2D(8, strides=2)
    >>> convolve(keras.ops.ones((1, 16, 20, 3))).shape
    TensorShape([1, 8, 10, 8])
    """

    def __init__(self, filters, kernel_size=3, **kwargs):
        owner = kwargs.get("name") or type(self).__name__
        pair = checks.check_pair(kernel_size, "kernel_size", owner)
        for size in pair:
            checks.check_odd(size, "kernel_size", owner)
        for name, (value, *others) in FIXED.items():
            given = kwargs.pop(name, value)
            given = tuple(given) if isinstance(given, list) else given
            if given not in (value, *others):
                raise ValueError(
                    f"`{owner}` mirrors the image at its border, for which "
                    f"{name} is always {value!r}. Received: {name}={given!r}. "
                    "Leave it out, or use `keras.layers.Conv2D`."
                )
            kwargs[name] = value
        super().__init__(filters, kernel_size, **kwargs)

    def convolution_op(self, inputs, kernel):
        if not self._has_fast_way(inputs.shape):
            rows, columns = (2 * (size // 2,) for size in self.kernel_size)
            margin = ((0, 0), rows, columns, (0, 0))
            mirrored = ops.pad(inputs, margin, "symmetric")
        elif self._is_product(inputs.shape):
            return _convolve_as_product(inputs, kernel, self.strides)
        else:
            mirrored = _mirror(inputs)
        return ops.conv(mirrored, kernel, strides=list(self.strides))

    def _has_fast_way(self, shape):
        _, height, width, _ = shape
        return (
            on_tensorflow_cpu()
            and self.kernel_size == (3, 3)
            and None not in (height, width)
            and min(height, width) > 1
        )

    def _is_product(self, shape):
        _, height, width, _ = self.compute_output_shape(shape)
        return height * width <= FEW_PIXELS and shape[-1] >= MANY_CHANNELS


def _mirror(images):
    """Adds the mirror image of one pixel on each side."""
    _, height, width, channels = images.shape
    rows, columns = (
        pad_index(size, 1, "symmetric")[0] for size in (height, width)
    )
    index = rows[:, None] * width + columns  # [height + 2, width + 2]

    @ops.custom_gradient
    def mirror(images):
        pixels = ops.reshape(images, (-1, height * width, channels))
        mirrored = ops.take(pixels, index.reshape(-1), axis=1)
        shape = (-1, height + 2, width + 2, channels)

        def grad(upstream):
            # The transpose: what the margin is given goes to where it is from.
            return _fold(_fold(upstream, 1), 2)

        return ops.reshape(mirrored, shape), grad

    return mirror(images)


def _fold(gradient, axis):
    """Adds the first and the last slice along an axis to their neighbours."""

    def part(start, stop):
        index = [slice(None)] * 4
        index[axis] = slice(start, stop)
        return gradient[tuple(index)]

    if gradient.shape[axis] == 4:  # Two pixels, and no others between them.
        ends = [part(0, 1) + part(1, 2), part(2, 3) + part(3, 4)]
        return ops.concatenate(ends, axis)
    first, last = part(0, 1) + part(1, 2), part(-2, -1) + part(-1, None)
    return ops.concatenate([first, part(2, -2), last], axis)


def _convolve_as_product(images, kernel, strides):
    """Convolves mirrored images with 3 x 3 taps by one matrix product."""
    _, height, width, channels = images.shape
    windows = [
        _windows(size, stride)
        for size, stride in zip((height, width), strides, strict=True)
    ]
    rows, columns = windows[0][:, None, :, None], windows[1][None, :, None, :]
    index = rows * width + columns  # [out rows, out columns, 3, 3]
    gathered = _gather(images, index.reshape(-1))
    taps = ops.reshape(kernel, (9 * channels, -1))
    products = ops.matmul(ops.reshape(gathered, (-1, 9 * channels)), taps)
    return ops.reshape(products, (-1, *index.shape[:2], kernel.shape[-1]))


def _windows(size, stride):
    """Returns the three pixels that each output pixel of an axis reads."""
    mirrored = pad_index(size, 1, "symmetric")[0]
    starts = np.arange(0, size, stride)
    return mirrored[starts[:, None] + np.arange(3)]  # [outputs, 3]


def _gather(images, index):
    """Returns the pixels of an index, with a gradient that is a product."""
    _, height, width, channels = images.shape
    # Adding up by a matrix of zeros and ones beats scattering to few pixels.
    ones = np.arange(height * width)[:, None] == index  # [pixels, gathered]

    @ops.custom_gradient
    def gather(images):
        pixels = ops.reshape(images, (-1, height * width, channels))

        def grad(upstream):
            gradient = ops.reshape(upstream, (-1, len(index), channels))
            pixels = ops.matmul(ops.cast(ones, gradient.dtype), gradient)
            return ops.reshape(pixels, (-1, height, width, channels))

        return ops.take(pixels, index, axis=1), grad

    return gather(images)
