"""The causal network of a PixelCNN: what is known before each pixel."""

import keras
from keras import ops

from keras_affsr import checks
from keras_affsr.priors.causal_convolution import CausalConvolution
from keras_affsr.priors.causal_convolution import pad_past
from keras_affsr.priors.causal_convolution import past_pixels


@keras.saving.register_keras_serializable(package="keras_affsr")
class PixelFeatures(keras.layers.Layer):
    """Features of the pixels before each pixel, and the nearest of these.

    A `CausalConvolution` of type A and others of type B, with ReLUs and last a
    tanh. The result is float32, whatever the policy of the convolutions.

    Args:
        channels: int. Channels of the images.
        filters: int. Features of every convolution.
        kernel_sizes: sequence of odd ints, one for each convolution.
        neighbours: int. How many rows above, and columns to each side, are
            given as they are beside the features; 0 for none.
        **kwargs: Base layer keyword arguments, such as `name` and `dtype`.

    Call arguments:
        images: `(batch, height, width, channels)`, standardised.

    Returns:
        float32 `(batch, height, width, size)`, where `size` is an attribute.

    Raises:
        ValueError: If an argument will not do.
    """

    def __init__(self, channels, filters, kernel_sizes, neighbours, **kwargs):
        # Each convolution casts for itself; the neighbours stay as they are.
        super().__init__(autocast=False, **kwargs)
        self.channels = channels
        self.filters = checks.check_count(filters, "filters", self.name)
        self.kernel_sizes = _check_sizes(kernel_sizes, self.name)
        self.neighbours = checks.check_count(
            neighbours, "neighbours", self.name, least=0
        )
        self.convolutions = [
            self._convolution(number, size)
            for number, size in enumerate(self.kernel_sizes)
        ]

    def _convolution(self, number, size):
        is_last = number == len(self.kernel_sizes) - 1
        # Policies other than float32 and the mixed ones would give the
        # optimizer weights of two kinds, as the head's are float32.
        policy = self.dtype_policy
        is_float32 = policy.variable_dtype == "float32"
        return CausalConvolution(
            self.filters,
            size,
            mask_type="B" if number else "A",
            # With bounded features, no gate can be arbitrarily sure of an
            # expert far from all images seen.
            activation="tanh" if is_last else "relu",
            kernel_initializer="he_normal",
            dtype=policy if is_float32 else "float32",
            name=f"convolution{number + 1}",
        )

    @property
    def size(self):
        """How many numbers are known of each pixel."""
        past = 2 * self.neighbours * (self.neighbours + 1)
        return self.filters + past * self.channels

    @property
    def radii(self):
        """How far the pixels, and each layer's features, are looked back at."""
        first, *others = [layer.radius for layer in self.convolutions]
        return [max(first, self.neighbours), *others]

    def build(self, input_shape=None):
        channels = self.channels
        for layer in self.convolutions:
            layer.build((None, None, None, channels))
            channels = self.filters
        self.built = True

    def call(self, images):
        features = images
        for layer in self.convolutions:
            features = layer(features)
        return self.with_neighbours(features, pad_past(images, self.radii[0]))

    def with_neighbours(self, features, padded):
        """Appends the nearest pixels, of images padded by `radii[0]`."""
        features = ops.cast(features, "float32")  # [b, h, w, filters]
        if not self.neighbours:
            return features
        more = self.radii[0] - self.neighbours
        columns = ops.shape(padded)[2] - more
        near = padded[:, more:, more:columns]
        past = past_pixels(near, self.neighbours)
        return ops.concatenate([features, past], axis=-1)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.size)

    def get_config(self):
        config = super().get_config()
        config.update(
            {
                "channels": self.channels,
                "filters": self.filters,
                "kernel_sizes": self.kernel_sizes,
                "neighbours": self.neighbours,
            }
        )
        return config


def _check_sizes(kernel_sizes, owner):
    sizes = kernel_sizes if isinstance(kernel_sizes, list | tuple) else ()
    if not sizes:
        raise ValueError(
            f"`{owner}` needs kernel_sizes as a sequence of odd numbers, one "
            f"for each convolution. Received: kernel_sizes={kernel_sizes!r}."
        )
    return [checks.check_odd(size, "kernel_sizes", owner) for size in sizes]
