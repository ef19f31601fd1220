"""project_file: any program's image, made to agree with its input."""

import dataclasses
import logging
import os

import numpy as np

from keras_affsr import checks
from keras_affsr.layers import Downsample
from keras_affsr.upscale import pixels
from keras_affsr.upscale.encode_image import check_format
from keras_affsr.upscale.encode_image import format_of
from keras_affsr.upscale.image_error import ImageError
from keras_affsr.upscale.levels import measure
from keras_affsr.upscale.levels import project_to_levels
from keras_affsr.upscale.read_image import read_image
from keras_affsr.upscale.upscale_file import encode_and_measure
from keras_affsr.upscale.upscale_file import with_bits
from keras_affsr.upscale.write_image import check_target
from keras_affsr.upscale.write_image import write_bytes

LOGGER = logging.getLogger(__name__)


def project_file(
    downsample,
    source,
    low_res,
    target,
    overwrite=False,
    bits=None,
    max_pixels=None,
):
    """Writes the image nearest to another that agrees with its input.

    Any program may have made `source` of `low_res`. Of the file written, `A y`
    rounded is `low_res`, bit for bit. Grey `low_res` stands for three equal
    channels if `source` has three. Opacity is projected too if both have it,
    and otherwise stays as it is.

    Args:
        downsample: Downsample. The operator `A` that made `low_res`.
        source: string, path, or bytes. The enlarged image.
        low_res: string, path, or bytes. The image that it was made of.
        target: string or path. Its ending says the format.
        overwrite: bool. Whether to replace a file. Defaults to False.
        bits: int. 8 or 16, of the result. Defaults to the larger of the two
            images'; what has more is rounded first.
        max_pixels: int. See `read_image`. Defaults to None.

    Returns:
        `Upscaled` of the image before, and `UpscaledFile` of the one after.

    Raises:
        ImageError: If a file cannot be read or written, or they do not fit.

    Example:

    ```python
    downsample = keras_affsr.layers.ResizeDownsample(4, "bicubic")
    before, after = keras_affsr.upscale.project_file(
        downsample, "theirs.png", "input.png", "ours.png")
    before.reproduced, after.reproduced
    ```
    """
    checks.check_instance(downsample, Downsample, "downsample", "project_file")
    format = format_of(target)
    check_target(target, overwrite)
    guess = read_image(source, max_pixels)
    measured = read_image(low_res, max_pixels)
    bits = bits or max(guess.bits, measured.bits)
    measured, bits = with_bits(measured, bits, "project_file")
    measured = fit(measured, guess, downsample, _name(source), _name(low_res))
    before = measure(downsample, guess.pixels, measured.pixels)
    made = _project(downsample, guess, measured, bits)
    check_format(made, format)
    contents, after = encode_and_measure(made, format, downsample, measured)
    write_bytes(target, contents, overwrite)
    if after.unmatched:
        LOGGER.warning(
            "%d samples of %s cannot be reproduced by `%s`, most likely as it "
            "was not made by this operator. The nearest image is written.",
            after.unmatched,
            _name(low_res),
            downsample.name,
        )
    return before, after


def fit(low_res, high_res, downsample, high_name, low_name):
    """Returns `low_res` with the channels of `high_res`, or raises.

    Args:
        low_res: ImageFile.
        high_res: ImageFile.
        downsample: Downsample.
        high_name: string, for messages.
        low_name: string, for messages.
    """
    shape, other = high_res.pixels.shape, low_res.pixels.shape
    rows, columns = checks.check_pair(downsample.scale, "scale", "fit")
    expected = (rows * other[0], columns * other[1])
    if shape[:2] != expected:
        raise ImageError(
            f"{high_name} of {shape[0]} x {shape[1]} pixels (height x width) "
            f"does not fit {low_name} of {other[0]} x {other[1]}. Expected: "
            f"{expected[0]} x {expected[1]}, as scale={downsample.scale}. "
            "Check the scale, or crop the images."
        )
    if shape[-1] < other[-1]:
        raise ImageError(
            f"{high_name} is grey, and {low_name} is in colour. Expected: "
            "both alike. Enlarge each channel, or make the second one grey."
        )
    pixels = np.broadcast_to(low_res.pixels, (*other[:2], shape[-1]))
    return dataclasses.replace(low_res, pixels=pixels)


def _project(downsample, guess, low_res, bits):
    def project(samples, measured):
        floats, _ = pixels.to_floats(samples, "project_file")
        return project_to_levels(downsample, floats, measured, bits)

    alpha = guess.alpha
    if alpha is not None and low_res.alpha is not None:
        alpha = project(alpha, low_res.alpha[..., None])[..., 0]
    elif alpha is not None:
        floats, _ = pixels.to_floats(alpha, "project_file")
        alpha = pixels.from_floats(floats, bits)[..., 0]
    return dataclasses.replace(
        guess, pixels=project(guess.pixels, low_res.pixels), alpha=alpha
    )


def _name(source):
    if isinstance(source, bytes):
        return "The image in memory"
    return os.fspath(source)
