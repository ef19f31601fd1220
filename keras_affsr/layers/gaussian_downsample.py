"""Downsampling by a Gaussian blur: the paper's `A`."""

import keras

from keras_affsr import checks
from keras_affsr.layers.kernels import gaussian_kernel
from keras_affsr.layers.separable_downsample import SeparableDownsample


@keras.saving.register_keras_serializable(package="keras_affsr")
class GaussianDownsample(SeparableDownsample):
    """Blurs images with a Gaussian and keeps one pixel in `scale` each way.

    This is the operator `A` of the observation model `x = A y`, as in the
    paper: a strided convolution with a normalised Gaussian of 9 x 9 pixels.
    The paper does not give its standard deviation; `scale / 2` is the one that
    `tf.image.resize` uses for its Gaussian.

    An odd kernel cannot be centred on a block of an even number of pixels.
    With 9 taps and scale 4, the Gaussian that makes low-resolution pixel `i`
    peaks at high-resolution pixel `4 i + 2`, half a pixel to the right of the
    centre of the block `4 i .. 4 i + 3`, and the same downwards. An even
    `kernel_size` (8, say) is centred exactly. In general the peak is at
    `scale * i + (kernel_size - 1) / 2 - (kernel_size - scale) // 2`.

    Args:
        scale: int, or pair of ints (rows, columns). Defaults to 4.
        kernel_size: int, or pair of ints. Taps of the Gaussian. Defaults to 9.
        sigma: float, or pair of floats. Standard deviation in high-resolution
            pixels. Defaults to `scale / 2`, for each axis its own.
        padding: str. Border rule; see `SeparableDownsample`. Defaults to
            `"symmetric"`.
        **kwargs: Base layer keyword arguments, such as `name`.

    Call arguments:
        images: `(batch, height, width, channels)` floats, whose height and
            width are multiples of the scale.

    Returns:
        float32 images `(batch, height / scale, width / scale, channels)`, in
        the range of the input: the weights are positive and sum to one.

    Raises:
        ValueError: If an argument or the size of the images will not do.

    Example:

    >>> downsample = keras_affsr.layers.GaussianDownsample(scale=4)
    >>> downsample(keras.random.uniform((1, 32, 48, 3))).shape
    TensorShape([1, 8, 12, 3])

    Reference:
     - [Sonderby et al., 2017](https://arxiv.org/abs/1610.04490), appendix D
    """

    def __init__(
        self, scale=4, kernel_size=9, sigma=None, padding="symmetric", **kwargs
    ):
        owner = kwargs.get("name") or type(self).__name__
        scales = checks.check_pair(scale, "scale", owner)
        sizes = checks.check_pair(kernel_size, "kernel_size", owner)
        if sigma is None:
            sigmas = tuple(number / 2 for number in scales)
        else:
            sigmas = checks.check_pair(
                sigma, "sigma", owner, checks.check_positive
            )
        kernel = [
            gaussian_kernel(size, deviation)
            for size, deviation in zip(sizes, sigmas, strict=True)
        ]
        super().__init__(kernel, scale, padding, **kwargs)
        self.kernel_size = kernel_size
        self.sigma = sigma

    def get_config(self):
        config = super().get_config()
        del config["kernel"]
        config.update({"kernel_size": self.kernel_size, "sigma": self.sigma})
        return config
