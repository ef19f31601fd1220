"""From the levels of 8-bit images to a continuum, for densities."""

from keras import ops

from keras_affsr import stateless

NUM_LEVELS = 255.0  # Between black and white.


def dequantize(images, seed, step, stream):
    """Spreads each 8-bit level evenly over the interval that rounds to it.

        y = (round(255 y) + u - 1/2) / 255,    u ~ U[0, 1)

    A density could be made infinite on the levels themselves. Of images spread
    so, the expected code length bounds that of the levels from above.

    Args:
        images: `(batch, height, width, channels)` in [0, 1].
        seed: int. Of `u`; see `stateless.key`, also for the others.
        step: int or int tensor.
        stream: int or int tensor.

    Returns:
        float32 tensor of the images' shape, in [-1/510, 1 + 1/510].

    Example:

    >>> images = np.full((1, 2, 2, 3), 0.5, "float32")
    >>> keras_affsr.priors.dequantize(images, seed=0, step=0, stream=0).shape
    TensorShape([1, 2, 2, 3])

    Reference:
     - [Theis et al., 2016](https://arxiv.org/abs/1511.01844), section 3.1
    """
    levels = ops.round(NUM_LEVELS * ops.cast(images, "float32"))
    offsets = stateless.uniform(ops.shape(images), seed, step, stream) - 0.5
    return (levels + offsets) / NUM_LEVELS
