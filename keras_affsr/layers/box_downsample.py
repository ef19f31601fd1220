"""Downsampling by averaging blocks of pixels."""

import keras

from keras_affsr import checks
from keras_affsr.layers.kernels import box_kernel
from keras_affsr.layers.separable_downsample import SeparableDownsample


@keras.saving.register_keras_serializable(package="keras_affsr")
class BoxDownsample(SeparableDownsample):
    """Averages blocks of pixels, as a detector or a coarse model grid does.

    With the default size the blocks do not overlap, no pixel outside of the
    image is read and `A A'` is a multiple of the identity. This is the
    operator of climate downscaling and of binned detectors.

    Args:
        scale: int, or pair of ints (rows, columns). Defaults to 4.
        kernel_size: int, or pair of ints. Pixels averaged along each axis.
            Defaults to `scale`.
        padding: str. Border rule; see `SeparableDownsample`. Defaults to
            `"symmetric"`.
        **kwargs: Base layer keyword arguments, such as `name`.

    Call arguments:
        images: `(batch, height, width, channels)` floats, whose height and
            width are multiples of the scale.

    Returns:
        float32 images `(batch, height / scale, width / scale, channels)`, in
        the range of the input.

    Raises:
        ValueError: If an argument or the size of the images will not do.

    Example:

    >>> downsample = keras_affsr.layers.BoxDownsample(scale=2)
    >>> images = keras.ops.reshape(keras.ops.arange(4.0), (1, 2, 2, 1))
    >>> float(downsample(images)[0, 0, 0, 0])
    1.5
    """

    def __init__(
        self, scale=4, kernel_size=None, padding="symmetric", **kwargs
    ):
        owner = kwargs.get("name") or type(self).__name__
        sizes = scale if kernel_size is None else kernel_size
        sizes = checks.check_pair(sizes, "kernel_size", owner)
        kernel = [box_kernel(size) for size in sizes]
        super().__init__(kernel, scale, padding, **kwargs)
        self.kernel_size = kernel_size

    def get_config(self):
        config = super().get_config()
        del config["kernel"]
        config["kernel_size"] = self.kernel_size
        return config
