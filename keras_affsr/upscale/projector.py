"""From a guess to an image that keeps the promise in its file."""

import dataclasses
import logging

import numpy as np

from keras_affsr import checks
from keras_affsr.layers import AffineProjection
from keras_affsr.layers import Downsample
from keras_affsr.layers import PseudoInverseUpsample
from keras_affsr.layers import SeparableDownsample
from keras_affsr.upscale import pixels
from keras_affsr.upscale.into_range import into_range
from keras_affsr.upscale.levels import measure


class Projector:
    """Makes an enlarged image agree with the one that it enlarges, as saved.

    First the affine projection, then the nearest image in [0, 1], on the grid
    of integers if the low-resolution image is of integers, that still agrees:
    `A` of the result, rounded, is the low-resolution image, bit for bit.

    A noisy image need not be reproduced with its noise. With `strength` `s`,

        y = f + s A+ (x - A f),    so that    A y - x = (1 - s) (A f - x),

    from the guess `f` alone (0) to agreement (1). With `noise_stddev`, `s =
    max(0, 1 - noise_stddev / rms(x - A f))`: what remains has the size of the
    noise, which is Morozov's discrepancy principle. Below 1 nothing is
    promised, and what is reproduced is only reported.

    An operator that filters each channel on its own is applied channel by
    channel, which bounds the memory.

    Args:
        downsample: Downsample. The operator `A`. Only without `project` it may
            be None, and nothing is measured then.
        projection: AffineProjection. Defaults to the exact one of `A`.
        strength: float in [0, 1]. Defaults to 1.
        noise_stddev: float. Standard deviation of the noise of the
            low-resolution image, in [0, 1] units, instead of `strength`.
        project: bool. If False, the guess, or what `projection` makes of it,
            is clipped and rounded, no more. Defaults to True.
        owner: str. Who refuses what will not do. Defaults to `"Projector"`.

    Call arguments:
        guess: float array, `(scale * h, scale * w, channels)`.
        image: uint8, uint16 or float array, `(h, w, channels)` or `(h, w)`.

    Returns:
        `Upscaled`, with an image of the dtype of `image`.

    Raises:
        ValueError: If an argument will not do.

    Example:

    >>> downsample = keras_affsr.layers.GaussianDownsample(scale=4)
    >>> projector = keras_affsr.upscale.Projector(downsample)
    >>> image = np.full((8, 8), 100, "uint8")
    >>> guess = np.random.default_rng(0).random((32, 32, 1), "float32")
    >>> projector(guess, image).reproduced
    1.0
    """

    def __init__(
        self,
        downsample,
        projection=None,
        strength=1.0,
        noise_stddev=None,
        project=True,
        owner="Projector",
    ):
        self.owner, self.project = owner, bool(project)
        self.downsample, self.projection = downsample, projection
        self.strength = checks.check_not_negative(strength, "strength", owner)
        self.noise_stddev = noise_stddev
        if noise_stddev is not None:
            self.noise_stddev = checks.check_not_negative(
                noise_stddev, "noise_stddev", owner
            )
        self._check_strength()
        if self.project:
            checks.check_instance(downsample, Downsample, "downsample", owner)
            self.projection = projection or AffineProjection(downsample)

    def __call__(self, guess, image):
        low_res, bits = pixels.to_floats(image, self.owner)
        self._check_shapes(guess.shape, low_res.shape)
        strength = self._strength(guess, low_res)
        images = np.empty(guess.shape, f"uint{bits}" if bits else "float32")
        for part in self._parts(low_res.shape[-1]):
            made = self._solve(
                guess[None, ..., part], low_res[None, ..., part], strength, bits
            )
            images[..., part] = pixels.from_floats(np.asarray(made)[0], bits)
        report = measure(
            self.downsample, images, np.reshape(image, low_res.shape)
        )
        if self.project and strength == 1 and report.unmatched:
            self._warn(report.unmatched, low_res.size)
        if np.ndim(image) == 2:
            report = dataclasses.replace(report, images=images[..., 0])
        return report

    def _solve(self, guess, low_res, strength, bits):
        """Returns the image of some channels, float32 in [0, 1] or nearly."""
        if self.projection is None:
            return guess
        made = self.projection(guess, low_res)
        if not self.project:
            return made
        if strength < 1:
            made = guess + strength * (made - guess)
            low_res, bits = self.downsample(made), None
        return into_range(self.downsample, made, low_res, bits)

    def _strength(self, guess, low_res):
        if self.noise_stddev is None or not self.project:
            return self.strength
        squares = 0.0
        for part in self._parts(low_res.shape[-1]):
            shrunk = np.asarray(self.downsample(guess[None, ..., part]))[0]
            error = low_res[..., part] - shrunk
            squares += float(np.sum(error**2, dtype="float64"))
        rms = (squares / low_res.size) ** 0.5
        return 1 - self.noise_stddev / max(rms, self.noise_stddev, 1e-12)

    def _parts(self, channels):
        """Returns slices of channels that do not depend on each other."""
        upsample = getattr(self.projection, "upsample", None)
        apart = isinstance(self.downsample, SeparableDownsample) and isinstance(
            upsample, PseudoInverseUpsample | None
        )
        if not apart:
            return [slice(0, channels)]
        return [slice(number, number + 1) for number in range(channels)]

    def _check_strength(self):
        if self.strength > 1:
            raise ValueError(
                f"`{self.owner}` needs a strength from 0, no agreement, to 1, "
                f"all of it. Received: strength={self.strength}."
            )
        relaxed = self.strength != 1 or self.noise_stddev is not None
        if relaxed and not self.project:
            raise ValueError(
                f"`{self.owner}` relaxes the projection that project=False "
                f"leaves out. Received: strength={self.strength} and "
                f"noise_stddev={self.noise_stddev}. Leave one of them out."
            )
        if self.strength != 1 and self.noise_stddev is not None:
            raise ValueError(
                f"`{self.owner}` takes strength or noise_stddev, which sets "
                f"the strength itself. Received: strength={self.strength} and "
                f"noise_stddev={self.noise_stddev}."
            )

    def _check_shapes(self, guess_shape, low_res_shape):
        if self.downsample is None:
            return
        shrunk = self.downsample.compute_output_shape((1, *guess_shape))
        if tuple(shrunk[1:]) != tuple(low_res_shape):
            raise ValueError(
                f"`{self.owner}` received a guess and an image that do not fit "
                f"each other. Received: guess of shape {tuple(guess_shape)}, "
                f"which `{self.downsample.name}` shrinks to {shrunk[1:]}, and "
                f"image of shape {tuple(low_res_shape)}. Expected: the same."
            )

    def _warn(self, missed, size):
        logging.getLogger(__name__).warning(
            "`%s` could not reproduce %d of %d low-resolution samples (pixels "
            "of each channel): no image in [0, 1] near by downsamples to them "
            "by `%s`. Most likely the low-resolution image was not made by "
            "this operator, or was sharpened until its edges overshot. The "
            "nearest image is returned.",
            self.owner,
            missed,
            size,
            self.downsample.name,
        )
