"""Whether saved files give back the low-resolution files they were made of.

    python benchmarks/consistency.py
    python benchmarks/consistency.py --bits=16 --operator=bicubic --scale=3

Each picture in scikit-image's wheel, cut to at most 512 x 512 pixels, is
downsampled and rounded to the levels of a file; the guess is its bicubic
enlargement. A sample (a pixel of a channel) of the low-resolution image is
missed if `A` of the enlarged image as it is saved, rounded, is another integer.

    clipped    the affine projection, clipped and rounded: samples missed
    missed     those that `upscale.Projector` misses
    LR-PSNR    of its result, in dB
    PSNR       of its result; "lost" is how much more the clipped one has
    s          what it takes, and the same per 512 x 512 x 3 samples of output

Times are medians, the tracing of the graph for a new size left out. Half a
minute on two cores.
"""

import logging
import os
import statistics
import time

from absl import app
from absl import flags

OPERATORS = ("gaussian", "box", "bicubic", "bilinear", "lanczos3")
# Drawings and text: of black and white, or of few colours.
DRAWN = (
    *("chessboard_GRAY", "chessboard_RGB", "clock_motion", "color", "horse"),
    *("logo", "page", "phantom", "text"),
)
MOST_PIXELS = 512

BITS = flags.DEFINE_enum("bits", "8", ["8", "16", "float"], "Of both files.")
OPERATOR = flags.DEFINE_enum("operator", "gaussian", OPERATORS, "A.")
SIGMA = flags.DEFINE_float("sigma", None, "Of gaussian; scale / 2 if None.", 0)
SCALE = flags.DEFINE_integer("scale", 4, "Ratio of resolutions.", 1)
REPEATS = flags.DEFINE_integer("repeats", 3, "Timed runs of each.", 1)


def main(argv):
    if len(argv) > 1:
        raise app.UsageError(f"Unknown arguments: {' '.join(argv[1:])}")
    from keras_affsr.upscale import Projector

    # The table tells what cannot be reproduced.
    logging.getLogger("keras_affsr").setLevel(logging.ERROR)
    projector = Projector(make_downsample())
    print(
        "| picture | size | samples | clipped | missed | LR-PSNR | PSNR | lost "
        "| s | s per 512 x 512 x 3 |\n|---|---|---|---|---|---|---|---|---|---|"
    )
    for kind in ("photograph", "drawing"):
        for name, image in pictures(kind):
            print(row(name, image, projector), flush=True)


def make_downsample():
    """Returns the operator of the flags."""
    from keras_affsr import layers

    if OPERATOR.value == "gaussian":
        return layers.GaussianDownsample(SCALE.value, sigma=SIGMA.value)
    if OPERATOR.value == "box":
        return layers.BoxDownsample(SCALE.value)
    return layers.ResizeDownsample(SCALE.value, OPERATOR.value)


def pictures(kind):
    """Yields names and images, float32 `(h, w, channels)` in [0, 1]."""
    import skimage

    from keras_affsr.upscale import read_image

    folder = os.path.join(os.path.dirname(skimage.__file__), "data")
    for file in sorted(os.listdir(folder)):
        name, ending = os.path.splitext(file)
        wanted = ending in (".png", ".jpg")
        if wanted and (name in DRAWN) == (kind == "drawing"):
            image = read_image(os.path.join(folder, file))
            yield name, image.pixels.astype("float32") / image.white


def row(name, image, projector):
    """Returns a row of the table."""
    import numpy as np

    scale = SCALE.value
    sizes = (min(size, MOST_PIXELS) // scale for size in image.shape)
    rows, columns, _ = sizes
    image = image[: scale * rows, : scale * columns]
    low_res = quantise(np.asarray(projector.downsample(image[None]))[0])
    guess = affine(projector, image.shape[:2], low_res)
    clipped = quantise(guess)
    upscaled = projector(guess, low_res)
    seconds = median_time(lambda: projector(guess, low_res))
    psnr = decibels(image, upscaled.images)
    area = np.prod(image.shape) / (MOST_PIXELS**2 * 3)
    return (
        f"| {name} | {' x '.join(map(str, image.shape))} | {low_res.size} "
        f"| {missed(projector.downsample, clipped, low_res)} "
        f"| {upscaled.unmatched} | {upscaled.low_res_psnr:.1f} | {psnr:.2f} "
        f"| {decibels(image, clipped) - psnr:.3f} | {seconds:.2f} "
        f"| {seconds / area:.2f} |"
    )


def affine(projector, size, low_res):
    """Returns the affine projection of the bicubic enlargement."""
    import numpy as np

    from keras_affsr.callbacks import bicubic

    floats = to_floats(low_res)
    guess = bicubic(floats, size).astype("float32")
    return np.asarray(projector.projection(guess[None], floats[None]))[0]


def quantise(image):
    """Returns an image as a file would hold it."""
    import numpy as np

    image = np.clip(image, 0.0, 1.0)
    if BITS.value == "float":
        return image
    white = 2 ** int(BITS.value) - 1
    return np.rint(image * white).astype(f"uint{BITS.value}")


def to_floats(image):
    import numpy as np

    if BITS.value == "float":
        return image
    return image / np.float32(2 ** int(BITS.value) - 1)


def missed(downsample, images, low_res):
    from keras_affsr.upscale.levels import measure

    return measure(downsample, images, low_res).unmatched


def decibels(image, other):
    """Returns the PSNR of an image as a file holds it."""
    import numpy as np

    return -10 * np.log10(np.mean((image - to_floats(other)) ** 2))


def median_time(function):
    seconds = []
    for _ in range(REPEATS.value):
        start = time.perf_counter()
        function()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


if __name__ == "__main__":
    app.run(main)
