"""What came of upscaling an image."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True, eq=False)
class Upscaled:
    """An upscaled image, and how well it agrees with the one it was made of.

    The figures are of `images` as they are, rounded if they are integers, and
    None if there is no operator to measure with.

    Args:
        images: Array of the dtype of the image given, float32 for floats;
            `(scale * h, scale * w[, channels])`, and for several samples
            `(samples, scale * h, scale * w[, channels])`.
        low_res_psnr: float. `10 log10(1 / mean{ (A y - x)^2 })` in [0, 1]
            units, at most 200 dB.
        reproduced: float. Share of the samples of `x`, pixels of each channel,
            that `A y` reproduces: for integers exactly, once rounded; for
            floats to 1e-4. 1 is the promise.
        unmatched: int. Number of those it does not reproduce.
    """

    images: np.ndarray
    low_res_psnr: float | None = None
    reproduced: float | None = None
    unmatched: int | None = None
