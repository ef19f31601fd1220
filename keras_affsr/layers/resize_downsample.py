"""Downsampling by antialiased image resizing."""

import keras

from keras_affsr import checks
from keras_affsr.layers.kernels import PROFILES
from keras_affsr.layers.kernels import resize_kernel
from keras_affsr.layers.separable_downsample import SeparableDownsample


@keras.saving.register_keras_serializable(package="keras_affsr")
class ResizeDownsample(SeparableDownsample):
    """Shrinks images as `tf.image.resize(antialias=True)` and Pillow do.

    An interpolation kernel stretched by `scale` and centred on each block of
    pixels; at the borders, the weights that fall on the image are renormalised.
    On float images it equals Pillow's and TensorFlow's result to float32
    precision, but it is also linear, differentiable, compiled by XLA, and has
    an exact pseudo-inverse.

    Args:
        scale: int, or pair of ints (rows, columns). Defaults to 4.
        method: str. `"bicubic"` (the default; Keys' kernel with a = -0.5),
            `"bilinear"`, `"lanczos3"` or `"area"`.
        padding: str. Border rule; see `SeparableDownsample`. Defaults to
            `"renormalised"`, that of both libraries.
        **kwargs: Base layer keyword arguments, such as `name`.

    Call arguments:
        images: `(batch, height, width, channels)` floats, whose height and
            width are multiples of the scale.

    Returns:
        float32 images `(batch, height / scale, width / scale, channels)`.
        Bicubic and lanczos3 weigh some pixels negatively: the result can
        leave the range of the input near edges. It is not clipped, as then it
        would not be linear.

    Raises:
        ValueError: If an argument or the size of the images will not do.

    Example:

    >>> downsample = keras_affsr.layers.ResizeDownsample(4, "lanczos3")
    >>> images = keras.random.uniform((1, 32, 48, 3))
    >>> ours = downsample(images)
    >>> theirs = tf.image.resize(images, (8, 12), "lanczos3", antialias=True)
    >>> bool(keras.ops.max(keras.ops.abs(ours - theirs)) < 1e-6)
    True
    """

    def __init__(
        self, scale=4, method="bicubic", padding="renormalised", **kwargs
    ):
        owner = kwargs.get("name") or type(self).__name__
        checks.check_choice(method, tuple(PROFILES), "method", owner)
        scales = checks.check_pair(scale, "scale", owner)
        kernel = [resize_kernel(method, number) for number in scales]
        super().__init__(kernel, scale, padding, **kwargs)
        self.method = method

    def get_config(self):
        config = super().get_config()
        del config["kernel"]
        config["method"] = self.method
        return config
