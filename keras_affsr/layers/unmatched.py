"""Which samples of a measurement an image does not reproduce."""

from keras import ops

# How far off a sample counts as reproduced where nothing is rounded.
TOLERANCE = 1e-4


def unmatched(downsample, images, low_res, bits=None, margin=0.5):
    """Tells which samples of a measurement images do not reproduce.

    With `bits`, those for which `|A y - x|` is half a level or more, so that
    `A y` is rounded to another integer than `x`; else above 1e-4.

    Args:
        downsample: Downsample. The operator `A`.
        images: `(batch, scale * h, scale * w, channels)`, in [0, 1].
        low_res: `(batch, h, w, channels)`, in [0, 1].
        bits: int or None. Those of the measurement, if it is integers divided
            by `2^bits - 1`. Defaults to None.
        margin: float. In levels. Defaults to 0.5.

    Returns:
        bool tensor of the shape of `low_res`.

    Example:

    >>> downsample = keras_affsr.layers.BoxDownsample(scale=2)
    >>> low_res = keras.ops.full((1, 1, 1, 1), 100 / 255)
    >>> image = keras.ops.full((1, 2, 2, 1), 101 / 255)
    >>> bool(keras_affsr.layers.unmatched(downsample, image, low_res, 8)[0])
    True
    """
    error = ops.abs(downsample(images) - low_res)
    return error > TOLERANCE if bits is None else error * white(bits) >= margin


def white(bits):
    """Returns the largest integer of so many bits."""
    return float(2**bits - 1)
