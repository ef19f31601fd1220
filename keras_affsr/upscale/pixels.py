"""Images as files hold them, and as networks want them."""

import numpy as np

from keras_affsr import checks

BITS = {"uint8": 8, "uint16": 16}


def to_floats(image, owner):
    """Returns an image as float32 in [0, 1] with channels, and its bits.

    Args:
        image: uint8, uint16 or float array, `(h, w)` or `(h, w, channels)`.
        owner: str. Who refuses an image that will not do.

    Returns:
        float32 array `(h, w, channels)`, and 8, 16, or None for floats.
    """
    image = np.asarray(image)
    if image.ndim not in (2, 3) or not image.size:
        hint = " Take one image of the batch." if image.ndim == 4 else ""
        raise ValueError(
            f"`{owner}` expects one image of shape (height, width) or (height, "
            f"width, channels). Received: shape {image.shape}.{hint}"
        )
    bits = BITS.get(image.dtype.name)
    if bits is None and not np.issubdtype(image.dtype, np.floating):
        raise ValueError(
            f"`{owner}` expects an image of dtype uint8 or uint16, or of "
            f"floats in [0, 1]. Received: dtype {image.dtype}."
        )
    if bits is None:
        floats = checks.check_unit_range(image, "image", owner)
    else:
        floats = image.astype("float32") / white(bits)
    return (floats[..., None] if image.ndim == 2 else floats), bits


def from_floats(images, bits):
    """Returns images in [0, 1] as integers of so many bits; None: floats."""
    images = np.clip(images, 0.0, 1.0)
    if bits is None:
        return images.astype("float32", copy=False)
    return np.rint(images * white(bits)).astype(f"uint{bits}")


def white(bits):
    """Returns the largest integer of so many bits, as float32."""
    return np.float32(2**bits - 1)
