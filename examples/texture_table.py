"""The results of the texture example: one table, over all held-out crops."""

import csv
import os

import run_data

BLUR = 1.0  # Standard deviation, in pixels, of the blurred truth.
CONTROLS = ("grey", "blurred")  # Likely under a density, and no grass.
HEADER = ("", "PSNR", "SSIM", "LR MSE", "SWD", "bits/dim", "s")
NOTE = """\
SWD: sliced Wasserstein distance to patches of other held-out crops"""
BITS_NOTE = """\
bits/dim: code length of the images, not clipped nor rounded, under the density
prior; of the truth, with its 8-bit levels spread evenly. Blurred: the truth,
by a Gaussian of one pixel. Grey: the mean of each crop in all of its pixels."""


def compare(settings, models, density=None):
    """Returns the images of each method, with those that they compare with.

    Args:
        settings: The flags.
        models: dict of trained models.
        density: PixelCNN or None. If there is one, so are two images that it
            finds likely and that are no grass.

    Returns:
        dict of arrays `(128, height, width, 1)`; the last one is the truth.
    """
    import numpy as np

    from keras_affsr import layers

    low_res, high_res = run_data.arrays(run_data.held_out_pairs(settings))
    upsample = layers.PseudoInverseUpsample(run_data.operator(settings))
    images = {
        "bicubic": run_data.bicubic(low_res, settings.scale),
        "Affinit": np.asarray(upsample(low_res)),
    }
    for name, model in models.items():
        if model.is_stochastic:
            (images[name],) = model.sample(low_res, seed=settings.seed)
        else:
            images[name] = model.predict(low_res, verbose=0)
    if density is not None:
        images["grey"] = np.zeros_like(high_res) + high_res.mean(
            axis=(1, 2), keepdims=True
        )
        images["blurred"] = blur(high_res)
    return {**images, "truth": high_res}


def blur(images):
    from skimage import filters

    return filters.gaussian(images, sigma=(0, BLUR, BLUR, 0))


def scores(settings, images, density=None):
    """Returns the scores of each method: a dict of lists of floats.

    They are those of the header, up to the code length, which is None without
    a density.
    """
    import numpy as np

    import keras_affsr

    downsample = run_data.operator(settings)
    truth = images["truth"]
    others = run_data.references(settings).take(
        len(truth) // run_data.HELD_OUT_BATCH
    )
    # Texture is judged against crops that are not those behind the low-res
    # images. So the true images too have a distance: that of sampling.
    references = (
        (keras_affsr.metrics.PSNR, truth),
        (keras_affsr.metrics.SSIM, truth),
        (lambda: keras_affsr.metrics.LowResMSE(downsample), truth),
        (
            keras_affsr.metrics.SlicedWasserstein,
            np.concatenate(list(others)),
        ),
    )
    rows = {}
    for name, generated in images.items():
        rows[name] = [
            _score(metric(), reference, generated)
            for metric, reference in references
        ]
        if name == "truth":
            generated = keras_affsr.priors.dequantize(generated, 0, 0, 0)
        bits = None if density is None else _code_length(density, generated)
        rows[name].append(bits)
    return rows


def _score(metric, reference, generated):
    metric.update_state(reference, generated)
    return float(metric.result())


def _code_length(density, images):
    """Returns the mean of bits per dimension of images of any values."""
    import numpy as np
    import tensorflow as tf

    # Called directly, a prior refuses values too far from those of images.
    bits_per_dim = tf.function(density.bits_per_dim)
    batches = np.split(np.asarray(images, "float32"), 8)
    return float(np.mean([bits_per_dim(batch) for batch in batches]))


def show(rows, seconds):
    """Prints the scores, and the seconds of each training."""
    formats = ("8.2f", "8.3f", "10.1e", "8.3f", "10.3f")
    print("\n{:10}{:>8}{:>8}{:>10}{:>8}{:>10}{:>7}".format(*HEADER))
    for name, row in rows.items():
        cells = [
            format("-", ">10") if value is None else format(value, form)
            for value, form in zip(row, formats, strict=True)
        ]
        took = f"{seconds[name]:.0f}" if name in seconds else "-"
        print(f"{name:10}{''.join(cells)}{took:>7}")
    print(NOTE)
    if rows["truth"][-1] is not None:
        print(BITS_NOTE)


def write_bits(rows, folder):
    """Writes bits.csv: the code length of each method's images."""
    path = os.path.join(folder, "bits.csv")
    with open(f"{path}.part", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("images", "bits_per_dim"))
        writer.writerows((name, row[-1]) for name, row in rows.items())
    os.replace(f"{path}.part", path)
