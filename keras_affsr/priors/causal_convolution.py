"""Convolution over the pixels above and to the left."""

import keras
from keras import ops

from keras_affsr import checks


@keras.saving.register_keras_serializable(package="keras_affsr")
class CausalConvolution(keras.layers.Layer):
    """Convolves each pixel's past, in the order in which one reads.

        out[i, j] = activation(bias + sum over (m, n) of
                               kernel[m, n] in[i + m, j + n])

    over the rows `m` above, and in the pixel's own row over the `n` before it;
    `mask_type="B"` adds the pixel itself. A stack of one layer of type A and
    any number of type B never sees the pixel itself, nor a later one. Beyond
    the border the input counts as zero.

    Only the weights that are used exist: those of the kernel's past, in raster
    order. The rows below would be half of the work.

    Args:
        filters: int. Number of output features.
        kernel_size: int, odd. Side of the square that the kernel is a half of.
        mask_type: `"A"`, without the pixel itself, or `"B"`, with it.
            Defaults to `"B"`.
        activation: Activation. Defaults to none.
        kernel_initializer: Initializer. Defaults to `"glorot_uniform"`.
        **kwargs: Base layer keyword arguments, such as `name` and `dtype`.

    Call arguments:
        images: `(batch, height, width, channels)`.

    Returns:
        `(batch, height, width, filters)`.

    Raises:
        ValueError: If an argument will not do.

    Example:

    >>> from keras_affsr.priors.causal_convolution import CausalConvolution
    >>> layer = CausalConvolution(8, 5, mask_type="A")
    >>> layer(keras.ops.ones((1, 16, 20, 3))).shape
    TensorShape([1, 16, 20, 8])

    Reference:
     - [van den Oord et al., 2016](https://arxiv.org/abs/1601.06759), section
       3.4, for the masks
    """

    def __init__(
        self,
        filters,
        kernel_size,
        mask_type="B",
        activation=None,
        kernel_initializer="glorot_uniform",
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.filters = checks.check_count(filters, "filters", self.name)
        self.kernel_size = checks.check_odd(
            kernel_size, "kernel_size", self.name
        )
        self.mask_type = checks.check_choice(
            mask_type, ("A", "B"), "mask_type", self.name
        )
        if (self.kernel_size, mask_type) == (1, "A"):
            raise ValueError(
                f"`{self.name}` would see no pixel at all. Received: "
                "kernel_size=1 with mask_type='A'. Use a kernel_size of at "
                "least 3, or mask_type='B'."
            )
        self.activation = keras.activations.get(activation)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    @property
    def radius(self):
        """How many rows above, and columns to each side, are seen."""
        return self.kernel_size // 2

    def build(self, input_shape):
        past = self.radius * (self.kernel_size + 1) + (self.mask_type == "B")
        self.kernel = self.add_weight(
            name="kernel",
            shape=(past, input_shape[-1], self.filters),
            initializer=self.kernel_initializer,
        )
        self.bias = self.add_weight(
            name="bias", shape=(self.filters,), initializer="zeros"
        )

    def call(self, images):
        checks.check_image_shape(images.shape, "images", self.name)
        return self.convolve(pad_past(images, self.radius))

    def convolve(self, padded):
        """Convolves images that carry `radius` more pixels above and aside."""
        rows, columns = self.radius + 1, self.kernel_size
        kernel = ops.cast(self.kernel, padded.dtype)  # [past, in, out]
        future = rows * columns - kernel.shape[0]
        kernel = ops.pad(kernel, ((0, future), (0, 0), (0, 0)))
        kernel = ops.reshape(kernel, (rows, columns, -1, self.filters))
        features = ops.conv(padded, kernel, padding="valid")
        return self.activation(features + ops.cast(self.bias, padded.dtype))

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.filters)

    def get_config(self):
        config = super().get_config()
        config.update(
            {
                "filters": self.filters,
                "kernel_size": self.kernel_size,
                "mask_type": self.mask_type,
                "activation": keras.activations.serialize(self.activation),
                "kernel_initializer": keras.initializers.serialize(
                    self.kernel_initializer
                ),
            }
        )
        return config


def pad_past(images, radius):
    """Adds zeros above and to both sides, as wide as `radius`."""
    return ops.pad(images, ((0, 0), (radius, 0), (radius, radius), (0, 0)))


def past_pixels(padded, radius):
    """Gathers what a causal kernel of type A would see, as channels.

    Args:
        padded: `(batch, height + radius, width + 2 * radius, channels)`.
        radius: int.

    Returns:
        `(batch, height, width, 2 * radius * (radius + 1) * channels)`, in
        raster order.
    """
    height = ops.shape(padded)[1] - radius
    width = ops.shape(padded)[2] - 2 * radius
    size = 2 * radius + 1
    past = [divmod(index, size) for index in range(size * radius + radius)]
    return ops.concatenate(
        [padded[:, i : i + height, j : j + width] for i, j in past], axis=-1
    )
