"""Image files through an `Upscaler`: channels, bits and opacity."""

import copy

import numpy as np

from keras_affsr.layers import PseudoInverseUpsample
from keras_affsr.upscale import pixels
from keras_affsr.upscale.image_error import ImageError
from keras_affsr.upscale.levels import project_to_levels
from keras_affsr.upscale.upscaled import Upscaled

COLOURS = 3


def enlarge(upscaler, low_res, bits):
    """Enlarges the channels of an image, whatever those of the model.

    Through a grey model each channel goes on its own. Through a colour model
    a grey image goes as three equal channels; the mean of the three results
    agrees with it, as `A` is linear, and once rounded is projected again.

    Args:
        upscaler: Upscaler.
        low_res: uint8 or uint16 array, `(h, w, 1)` or `(h, w, 3)`.
        bits: int. 8 or 16, of the results.

    Returns:
        uint8 or uint16 array `(samples, scale * h, scale * w, channels)`; of
        one sample, unless the upscaler draws several.
    """
    channels = low_res.shape[-1]
    if upscaler.channels not in (1, COLOURS):
        raise ImageError(
            f"The model takes images of {upscaler.channels} channels. "
            "Expected: 1 or 3, as image files have. Use another model."
        )
    if upscaler.channels == 1 and channels > 1:
        parts = np.split(low_res, channels, axis=-1)
        made = [enlarge(upscaler, part, bits) for part in parts]
        return np.concatenate(made, axis=-1)
    if upscaler.channels == channels and low_res.dtype == f"uint{bits}":
        return _with_samples(upscaler, upscaler(low_res).images)
    return _by_floats(upscaler, low_res, bits)


def enlarge_alpha(downsample, alpha, bits):
    """Enlarges opacity: `A+ alpha`, and then the nearest integers that agree.

    Colours and opacity do not touch each other: opacity in files is straight,
    and the promise is about each channel of the file.

    Args:
        downsample: Downsample. The operator `A`.
        alpha: uint8 or uint16 array, `(h, w)`.
        bits: int. 8 or 16, of the result.

    Returns:
        uint8 or uint16 array, `(scale * h, scale * w)`.
    """
    if downsample is None:
        raise ImageError(
            "The image has an opacity channel, which is enlarged by the "
            "operator's pseudo-inverse, and the operator is not known. Give "
            "the upscaler its downsample, or remove the channel."
        )
    x, _ = pixels.to_floats(alpha, "enlarge_alpha")  # [h, w, 1]
    guess = np.asarray(PseudoInverseUpsample(downsample)(x[None]))[0]
    return project_to_levels(downsample, guess, alpha[..., None], bits)[..., 0]


def _by_floats(upscaler, low_res, bits):
    """Enlarges an image whose channels or bits are not those of the result."""
    floats, _ = pixels.to_floats(low_res, "enlarge")
    channels = floats.shape[-1]
    floats = np.broadcast_to(floats, (*floats.shape[:2], upscaler.channels))
    projector = upscaler.projector
    exact = projector.project and _strength(projector) == 1
    # The projection is done below, where what it agrees with is known.
    enlarger = _without_projection(upscaler) if exact else upscaler
    images = _with_samples(upscaler, enlarger(floats).images)
    if channels == 1:
        images = np.mean(images, axis=-1, keepdims=True)
    if not exact:
        return pixels.from_floats(images, bits)
    return np.stack(
        [
            project_to_levels(
                upscaler.downsample, image, low_res, bits, projector.projection
            )
            for image in images
        ]
    )


def _strength(projector):
    return projector.strength if projector.noise_stddev is None else None


def _without_projection(upscaler):
    """Returns an upscaler like this one, that returns its guesses."""
    bare = copy.copy(upscaler)
    bare.projector = lambda guess, image: Upscaled(guess.copy())
    return bare


def _with_samples(upscaler, images):
    return images[None] if upscaler.samples is None else images
