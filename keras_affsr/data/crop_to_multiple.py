"""Cropping images to a size that a downsampling layer accepts."""

from keras_affsr import checks


def crop_to_multiple(images, scale):
    """Crops images in their centre to the next smaller multiple of `scale`.

    Of an odd number of pixels too many, the lower right side loses one more.

    Args:
        images: Array or tensor of any dtype, `(height, width, channels)` or
            `(batch, height, width, channels)`.
        scale: int, or pair of ints (rows, columns).

    Returns:
        What was given, cropped: `(..., height - height % scale,
        width - width % scale, channels)`.

    Raises:
        ValueError: If the rank is another, or an image is smaller than `scale`.

    Example:

    >>> import numpy as np
    >>> import keras_affsr.data
    >>> keras_affsr.data.crop_to_multiple(np.zeros((451, 300, 3)), 4).shape
    (448, 300, 3)
    """
    owner = "crop_to_multiple"
    scales = checks.check_pair(scale, "scale", owner)
    shape = tuple(images.shape)
    if len(shape) not in (3, 4):
        raise ValueError(
            f"`{owner}` expects `images` of shape (height, width, channels) "
            f"or (batch, height, width, channels). Received: shape {shape}. "
            "Give a grey image its channel with `image[..., None]`."
        )
    rows, columns = (
        _inside(size, number, axis, owner)
        for size, number, axis in zip(shape[-3:], scales, ("height", "width"))
    )
    return images[..., rows, columns, :]


def _inside(size, scale, axis, owner):
    if size is None or size < scale:
        raise ValueError(
            f"`{owner}` cannot crop an image {axis} of {size} pixels to a "
            f"multiple of scale={scale}. Pass images of a known size of at "
            f"least {scale} pixels."
        )
    start = size % scale // 2
    return slice(start, start + size - size % scale)
