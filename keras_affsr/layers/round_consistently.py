"""Rounding an image to whole levels without leaving the measurement."""

from keras import ops

from keras_affsr.layers.unmatched import unmatched
from keras_affsr.layers.unmatched import white

ROUNDS = 40
# Of a level of the measurement. A sample counts as reproduced well before the
# half level at which another program might round the other way.
MARGIN = 0.49
# What the rounds aim at.
AIM = 0.4


def round_consistently(downsample, images, low_res, bits, low_res_bits):
    """Rounds images to a file's levels so that they still reproduce `low_res`.

    Rounding moves `A y` by some tenths of a level, and beyond a half where the
    kernel of `A` is narrow. What goes beyond is handed back to the images
    before they were rounded, through `A+`, and they are rounded again.

    Args:
        downsample: Downsample. The operator `A`.
        images: `(batch, scale * h, scale * w, channels)`.
        low_res: `(batch, h, w, channels)`, integers over `2^low_res_bits - 1`.
        bits: int. Of the images.
        low_res_bits: int. Of the measurement.

    Returns:
        Images of the shape of `images`, integers over `2^bits - 1`: of all
        rounds, each channel's with the fewest samples unmatched.
    """
    aim = AIM / white(low_res_bits)

    def rounded(images):
        return ops.round(ops.clip(images, 0.0, 1.0) * white(bits)) / white(bits)

    def wrong(images):
        missed = unmatched(downsample, images, low_res, low_res_bits, MARGIN)
        missed = ops.cast(missed, images.dtype)
        return ops.sum(missed, axis=(1, 2), keepdims=True)

    def go_on(number, images, best, fewest):
        return ops.logical_and(number < ROUNDS, ops.any(fewest > 0))

    def correct(number, images, best, fewest):
        error = low_res - downsample(rounded(images))
        beyond = ops.maximum(ops.abs(error) - aim, 0.0)
        shift = downsample.pseudo_inverse(ops.sign(error) * beyond)
        images = ops.clip(images, 0.0, 1.0) + shift
        missed = wrong(rounded(images))
        fewer = missed < fewest
        best = ops.where(fewer, rounded(images), best)
        return number + 1, images, best, ops.where(fewer, missed, fewest)

    best = rounded(images)
    return ops.while_loop(go_on, correct, (0, images, best, wrong(best)))[2]
