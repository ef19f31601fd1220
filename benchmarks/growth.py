"""How time and memory grow with the area of images, a batch, and width.

An exponent of 1 says that twice as much takes twice as long; below, that there
is a constant part as well. Those of memory are of what a process has at most
beyond its libraries, of which the part that does not grow is some 100 MiB.
"""

import collections
import math

import contest
from rows.row import Row

# What a series is about, what grows, from where to where, and the exponents.
Growth = collections.namedtuple("Growth", "name, sizes, time, memory")


def series(name, module, function, settings, grown, unit):
    """Returns a row whose contenders differ in one setting.

    Args:
        name: str.
        module: str. Of the contenders.
        function: str.
        settings: Dict, of all.
        grown: Dict of settings by a number that says how large they are.
        unit: str. What the numbers count.
    """
    contenders = [
        contest.Contender(
            f"{size:g} {unit}",
            module,
            function,
            {**settings, **more},
            library="keras_affsr",
        )
        for size, more in grown.items()
    ]
    title = f"{name}, {unit}"
    return Row(title, contenders, repeats=5, sizes=tuple(grown))


def areas(sides, *names):
    """Returns settings of squares, by their pixels."""
    return {side**2: {name: side for name in names} for side in sides}


def batches(sizes):
    return {size: {"batch_size": size} for size in sizes}


def exponents(row, results):
    """Returns the `Growth` of a series, of those that were run."""
    pairs = [
        (size, results[each.label])
        for size, each in zip(row.sizes, row.contenders, strict=True)
        if not results[each.label].error
    ]
    sizes = [size for size, _ in pairs]
    seconds = [contest.median(result) for _, result in pairs]
    memory = [result.peak - result.before for _, result in pairs]
    return Growth(row.name, sizes, fit(sizes, seconds), fit(sizes, memory))


def fit(sizes, values):
    """Returns the exponent by least squares on logarithms."""
    import numpy as np

    if len(sizes) < 2 or not min(values) > 0:
        return math.nan
    return float(np.polyfit(np.log(sizes), np.log(values), 1)[0])


STEP = ("AffGAN step, grass", "gan_keras", "fit")
UPSCALE = ("Upscaling, model", "upscale_keras", "predict")
SERIES = (
    series(
        *(*STEP, {"preset": "grass", "batch_size": 16, "steps": 2}),
        *(areas((32, 64, 128), "size"), "pixels"),
    ),
    series(
        *(*STEP, {"preset": "grass", "steps": 4}),
        *(batches((4, 8, 16, 32)), "images"),
    ),
    series(
        *(*STEP, {"preset": "grass", "batch_size": 16, "steps": 2}),
        *({width: {"width": width} for width in (0.5, 1.0, 2.0)}, "width"),
    ),
    series(
        *("Projection", "projection_keras", "project", {}),
        *(areas((256, 512, 1024, 2048), "size"), "pixels"),
    ),
    series(
        *(*UPSCALE, {}),
        *(areas((64, 128, 256, 512), "height", "width"), "pixels"),
    ),
    series(
        *(*UPSCALE, {"height": 64, "width": 64}),
        *(batches((1, 2, 4, 8, 16)), "images"),
    ),
    series(
        *("PixelCNN log_prob", "prior_keras", "log_prob", {"batch_size": 4}),
        *(areas((32, 64, 128), "size"), "pixels"),
    ),
)
