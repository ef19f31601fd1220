"""Upscaling in one call."""

from keras_affsr.upscale.upscaler import Upscaler


def upscale(model, image, **options):
    """Upscales an image by a model, so that the result downsamples to it.

    For several images make an `Upscaler` once: it also tells how well they
    agree.

    Args:
        model: A generator, or one of `keras_affsr.models`.
        image: uint8, uint16, or float array in [0, 1], `(h, w, channels)`, or
            `(h, w)` for a model of one channel.
        **options: Those of `Upscaler`, such as `self_ensemble=True`.

    Returns:
        Array of the dtype of `image`, `(scale * h, scale * w[, channels])`;
        with `samples`, that many of them.

    Raises:
        ValueError: If an argument will not do.

    Example:

    >>> downsample = keras_affsr.layers.GaussianDownsample(scale=4)
    >>> generator = keras_affsr.networks.generator(downsample)
    >>> image = np.full((9, 7, 3), 100, "uint8")
    >>> keras_affsr.upscale.upscale(generator, image).shape
    (36, 28, 3)
    """
    return Upscaler(model, **options)(image).images
