"""The figures of one enlarged image."""

import math
import sys

import numpy as np

from keras_affsr import metrics
from keras_affsr.metrics.ssim import WINDOW
from keras_affsr.upscale import ImageError
from keras_affsr.upscale import read_image
from keras_affsr.upscale.levels import measure
from keras_affsr.upscale.project_file import fit
from keras_affsr_cli import figures
from keras_affsr_cli.matching import partner_of

# BT.601 as in MATLAB's rgb2ycbcr: black is at 16 and white at 235, of 255.
BLACK = 16 / 255
LUMA = np.array([65.481, 128.553, 24.966]) / 255
TRUE_COLUMNS = ("psnr", "ssim", "psnr_y", "ssim_y", "wasserstein")
LOW_COLUMNS = ("low_res_psnr", "reproduced")
# Of LR's samples; rounding alone leaves all of them.
EXPECTED_SHARE = 0.99


class Scorer:
    """Measures images, each against its truth and its input.

    Args:
        downsample: Downsample, or None.
        border: int. Pixels left out at each border.
        low_res: dict from the path of an image to that of its input, or None.
        high_res: dict from the path of an image to its truth's, or None.
        max_pixels: int or None. See `read_image`.

    Call arguments:
        place: `Place` of the enlarged image.

    Returns:
        dict of floats, by the names in `columns`.

    Raises:
        ImageError: If a file is missing or cannot be read, or they do not fit.
    """

    def __init__(self, downsample, border, low_res, high_res, max_pixels):
        self.downsample, self.border = downsample, border
        self.low_res, self.high_res = low_res, high_res
        self.max_pixels = max_pixels
        self.columns = (TRUE_COLUMNS if high_res is not None else ()) + (
            LOW_COLUMNS if low_res is not None else ()
        )
        self.of_truth = []  # `Upscaled` of each true image against its input.

    def __call__(self, place):
        image = read_image(place.source, self.max_pixels)
        scores = {}
        truth = self._partner(place, self.high_res, "--hr")
        if truth:
            high_res = read_image(truth, self.max_pixels)
            scores |= self._compare(image, high_res, place.source, truth)
        source = self._partner(place, self.low_res, "--lr")
        if source:
            low_res = read_image(source, self.max_pixels)
            found = self._agreement(image, low_res, place.source, source)
            scores["low_res_psnr"] = found.low_res_psnr
            scores["reproduced"] = found.reproduced
        if truth and source:
            found = self._agreement(high_res, low_res, truth, source)
            self.of_truth.append(found)
        return scores

    def warn_of_other_operator(self):
        """Says so on stderr if not even the true images give their inputs."""
        if not self.of_truth:
            return
        share = np.mean([each.reproduced for each in self.of_truth])
        psnr = np.mean([each.low_res_psnr for each in self.of_truth])
        if share < EXPECTED_SHARE:
            print(
                "warning: the inputs were not made of the true images by this "
                f"operator: A(HR) against LR has {figures.decibels(psnr)}, and "
                f"{figures.percent(share)} of the samples are equal once "
                "rounded. Describe the operator that made them.",
                file=sys.stderr,
            )

    def _partner(self, place, found, flag):
        return None if found is None else partner_of(place, found, flag)

    def _agreement(self, image, low_res, name, low_name):
        low_res = fit(low_res, image, self.downsample, name, low_name)
        return measure(self.downsample, image.pixels, low_res.pixels)

    def _compare(self, image, high_res, name, truth):
        shapes = [each.pixels.shape for each in (image, high_res)]
        if shapes[0][:2] != shapes[1][:2]:
            raise ImageError(
                f"{name} of {shapes[0][0]} x {shapes[0][1]} pixels (height x "
                f"width) does not fit {truth} of {shapes[1][0]} x "
                f"{shapes[1][1]}. Expected: the same size. Crop the larger one."
            )
        if min(shapes[0][:2]) < WINDOW + 2 * self.border:
            raise ImageError(
                f"{name} of {shapes[0][0]} x {shapes[0][1]} pixels is too "
                f"small: without a border of {self.border}, SSIM needs "
                f"{WINDOW}. Use a smaller --crop-border."
            )
        channels = max(shape[-1] for shape in shapes)
        y_pred, y_true = (
            self._crop(each, channels) for each in (image, high_res)
        )
        return compare(y_true, y_pred)

    def _crop(self, image, channels):
        floats = to_floats(image, channels)
        rows, columns = (
            slice(self.border, size - self.border) for size in floats.shape[:2]
        )
        return floats[rows, columns]


def compare(y_true, y_pred):
    """Returns the figures of an image against its truth.

    Args:
        y_true: float32 array in [0, 1], `(h, w, 1)` or `(h, w, 3)`.
        y_pred: Array of the same shape.

    Returns:
        dict of floats by the names of `TRUE_COLUMNS`.
    """
    lumas = [luma(each)[None] for each in (y_true, y_pred)]
    images = [each[None] for each in (y_true, y_pred)]  # [1, h, w, channels]
    try:
        distance = float(metrics.SlicedWasserstein()(*images))
    except ValueError:  # Too small for its coarsest level.
        distance = math.nan
    return {
        "psnr": float(metrics.PSNR()(*images)),
        "ssim": float(metrics.SSIM()(*images)),
        "psnr_y": float(metrics.PSNR()(*lumas)),
        "ssim_y": float(metrics.SSIM()(*lumas)),
        "wasserstein": distance,
    }


def luma(image):
    """Returns the luma of an image as `(h, w, 1)`; grey images are their own.

    `Y = (16 + 65.481 R + 128.553 G + 24.966 B) / 255`.
    """
    if image.shape[-1] == 1:
        return image
    weighted = np.sum(image * LUMA, axis=-1, keepdims=True)
    return (BLACK + weighted).astype("float32")


def to_floats(image, channels):
    """Returns the pixels of an `ImageFile` as float32 of so many channels."""
    floats = image.pixels.astype("float32") / np.float32(image.white)
    return np.broadcast_to(floats, (*floats.shape[:2], channels))
