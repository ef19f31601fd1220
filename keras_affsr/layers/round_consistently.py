"""Rounding an image to whole levels without leaving the measurement."""

from keras import ops

ROUNDS = 40
# Of a level of the measurement. A sample counts as reproduced well before the
# half level at which another program might round the other way.
MARGIN = 0.49
# What the rounds aim at.
AIM = 0.4


def unmatched(downsample, images, low_res, levels=None, margin=0.5):
    """Tells which samples of a measurement images do not reproduce.

    Args:
        downsample: Downsample. The operator `A`.
        images: `(batch, scale * h, scale * w, channels)` in [0, 1].
        low_res: `(batch, h, w, channels)` in [0, 1].
        levels: int. White, if the measurement is whole numbers divided by it,
            such as 255. Without it, a sample is reproduced to 1e-4.
        margin: float. In levels. Defaults to 0.5.

    Returns:
        bool tensor of the shape of `low_res`.
    """
    error = ops.abs(downsample(images) - low_res)
    return error > 1e-4 if levels is None else error * levels >= margin


def round_consistently(downsample, images, low_res, levels, low_res_levels):
    """Rounds images to `k / levels` so that they still reproduce `low_res`.

    Rounding moves `A y` by some tenths of a level, and beyond a half where the
    kernel of `A` is narrow. What goes beyond is handed back to the images
    before they were rounded, through `A+`, and they are rounded again.

    Args:
        downsample: Downsample. The operator `A`.
        images: `(batch, scale * h, scale * w, channels)`.
        low_res: `(batch, h, w, channels)`: integers over `low_res_levels`.
        levels: int. White of the images: 255 or 65535.
        low_res_levels: int. White of the measurement.

    Returns:
        Images of the shape of `images`, on the grid: of all rounds, each
        channel's with the fewest samples unmatched.
    """

    def rounded(images):
        return ops.round(ops.clip(images, 0.0, 1.0) * levels) / levels

    def wrong(images):
        missed = unmatched(downsample, images, low_res, low_res_levels, MARGIN)
        missed = ops.cast(missed, images.dtype)
        return ops.sum(missed, axis=(1, 2), keepdims=True)

    def go_on(number, images, best, fewest):
        return ops.logical_and(number < ROUNDS, ops.any(fewest > 0))

    def correct(number, images, best, fewest):
        error = low_res - downsample(rounded(images))
        beyond = ops.maximum(ops.abs(error) - AIM / low_res_levels, 0.0)
        shift = downsample.pseudo_inverse(ops.sign(error) * beyond)
        images = ops.clip(images, 0.0, 1.0) + shift
        missed = wrong(rounded(images))
        fewer = missed < fewest
        best = ops.where(fewer, rounded(images), best)
        return number + 1, images, best, ops.where(fewer, missed, fewest)

    best = rounded(images)
    return ops.while_loop(go_on, correct, (0, images, best, wrong(best)))[2]
