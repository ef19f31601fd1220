"""Images of integers that agree with one another."""

import numpy as np

from keras_affsr.layers import AffineProjection
from keras_affsr.layers import SeparableDownsample
from keras_affsr.layers import unmatched
from keras_affsr.upscale import pixels
from keras_affsr.upscale.into_range import into_range
from keras_affsr.upscale.upscaled import Upscaled

SMALLEST_ERROR = 1e-20  # Of the LR-PSNR: 200 dB, as in `metrics.LowResPSNR`.


def project_to_levels(downsample, guess, low_res, bits, projection=None):
    """Returns the integers nearest to a guess that agree with `low_res`.

    The numbers of bits may differ: `round(white A y)` with the white of
    `low_res` is `low_res`, while `y` has its own levels.

    Args:
        downsample: Downsample. The operator `A`.
        guess: float array, `(scale * h, scale * w, channels)`.
        low_res: uint8 or uint16 array, `(h, w, channels)`.
        bits: int. 8 or 16, of the result.
        projection: AffineProjection. Defaults to the exact one of `A`.

    Returns:
        uint8 or uint16 array of the shape of `guess`.
    """
    x, low_res_bits = pixels.to_floats(low_res, "project_to_levels")
    project = projection or AffineProjection(downsample)
    result = np.empty(guess.shape, f"uint{bits}")
    for part in _parts(downsample, x.shape[-1]):
        measured = x[None, ..., part]  # [1, h, w, part]
        made = project(guess[None, ..., part], measured)
        made = into_range(downsample, made, measured, bits, low_res_bits)
        result[..., part] = pixels.from_floats(np.asarray(made)[0], bits)
    return result


def measure(downsample, images, low_res):
    """Returns `Upscaled`: integer images, and how well they agree.

    Args:
        downsample: Downsample, or None if it is not known.
        images: uint8 or uint16 array, `(scale * h, scale * w, channels)`.
        low_res: uint8 or uint16 array, `(h, w, channels)`.
    """
    if downsample is None:
        return Upscaled(images)
    squares, missed = 0.0, 0
    for _, y, x, bits in _each_part(downsample, images, low_res):
        error = np.asarray(downsample(y)) - x
        squares += float(np.sum(error**2, dtype="float64"))
        missed += int(np.sum(np.asarray(unmatched(downsample, y, x, bits))))
    psnr = -10 * np.log10(max(squares / low_res.size, SMALLEST_ERROR))
    return Upscaled(images, float(psnr), 1 - missed / low_res.size, missed)


def together(parts, images):
    """Returns `Upscaled` of images, with the means of those of each.

    Args:
        parts: list of `Upscaled`.
        images: Array, the images of all.
    """
    if any(each.unmatched is None for each in parts):
        return Upscaled(images)
    error = np.mean([10 ** (-each.low_res_psnr / 10) for each in parts])
    return Upscaled(
        images,
        float(-10 * np.log10(error)),
        float(np.mean([each.reproduced for each in parts])),
        sum(each.unmatched for each in parts),
    )


def consistency_map(downsample, images, low_res):
    """Draws `|A y - x|`: black is none, white one level of `x` or more.

    Half a level, above which a pixel is not reproduced, is mid-grey.

    Returns:
        uint8 array of the shape of `low_res`.
    """
    drawn = np.empty(low_res.shape, "uint8")
    for part, y, x, bits in _each_part(downsample, images, low_res):
        error = np.abs(np.asarray(downsample(y)) - x)[0] * pixels.white(bits)
        drawn[..., part] = np.rint(255 * np.minimum(error, 1.0))
    return drawn


def _each_part(downsample, images, low_res):
    """Yields channels, and both images of them as floats with a batch axis."""
    for part in _parts(downsample, low_res.shape[-1]):
        y, _ = pixels.to_floats(images[..., part], "measure")
        x, bits = pixels.to_floats(low_res[..., part], "measure")
        yield part, y[None], x[None], bits


def _parts(downsample, channels):
    """Returns slices of channels that the operator keeps apart.

    One at a time, they need less memory.
    """
    if not isinstance(downsample, SeparableDownsample):
        return [slice(0, channels)]
    return [slice(number, number + 1) for number in range(channels)]
