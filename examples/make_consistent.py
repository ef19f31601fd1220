"""A plain Keras super-resolution network, made consistent after its training.

    python examples/make_consistent.py --output_dir=runs/make_consistent
    python examples/make_consistent.py --train_steps=20   # A first look.

It trains a small sub-pixel network of plain Keras on scikit-image's
photographs, wraps it by `networks.make_consistent`, and upscales the 8-bit
low-resolution versions of photographs that it has not seen with both. Printed
are the PSNR, the LR-PSNR (of what the result downsamples to, against the input)
and the share of the input that the 8-bit result reproduces exactly. Both models
are saved, and a picture of details. Half a minute on two cores.
"""

import os
import time

import run_data
import run_flags
from absl import app
from absl import flags
from absl import logging

HELD_OUT = run_data.PHOTOGRAPHS["validation"] + run_data.PHOTOGRAPHS["test"]
# Top and left of what the picture shows of each, at high resolution.
DETAILS = {"chelsea": (80, 120), "astronaut": (60, 160)}
DETAIL_SIZE = 96


def define(values=flags.FLAGS):
    """Defines the flags."""
    output = "runs/make_consistent"
    flags.DEFINE_string(
        "output_dir", output, "Where to write.", flag_values=values
    )
    for name, default, text in (
        ("train_steps", 1500, "Of training."),
        ("batch_size", 16, "Patches per step."),
        ("patch_size", 64, "Their side, a multiple of the scale."),
        ("scale", 4, "Ratio of high to low resolution."),
        ("seed", 0, "Of weights and patches."),
    ):
        least = 0 if name == "seed" else 1
        flags.DEFINE_integer(name, default, text, least, flag_values=values)
    flags.DEFINE_float(
        "learning_rate", 2e-3, "At first.", 0.0, flag_values=values
    )


def main(argv):
    run(run_flags.settings(argv))


def run(settings):
    """Trains, wraps, compares and saves."""
    from keras_affsr import networks

    plain = train(settings)
    consistent = networks.make_consistent(plain, run_data.operator(settings))
    results = compare(settings, plain, consistent)
    show(results)
    os.makedirs(settings.output_dir, exist_ok=True)
    for model in (plain, consistent):
        model.save(os.path.join(settings.output_dir, f"{model.name}.keras"))
    draw(results, os.path.join(settings.output_dir, "details.png"))
    logging.info("Wrote models and details to %s", settings.output_dir)


def sub_pixel_network(scale):
    """Returns the network of Shi et al., 2016 (arXiv 1609.05158).

    Of this package it has only the shuffle, which not every Keras has.
    """
    import keras

    from keras_affsr import layers

    low_res = keras.Input((None, None, 3))
    tensor = low_res
    for filters, size in ((64, 5), (64, 3), (32, 3)):
        tensor = keras.layers.Conv2D(
            filters, size, padding="same", activation="tanh"
        )(tensor)
    tensor = keras.layers.Conv2D(3 * scale**2, 3, padding="same")(tensor)
    return keras.Model(low_res, layers.SubPixel(scale)(tensor), name="plain")


def train(settings):
    """Returns a network trained as any in Keras."""
    import keras

    from keras_affsr import data

    keras.utils.set_random_seed(settings.seed)
    model = sub_pixel_network(settings.scale)
    patches = data.texture_patches(
        [data.photograph(name) for name in run_data.PHOTOGRAPHS["train"]],
        settings.patch_size,
        settings.batch_size,
        settings.seed,
    )
    pairs = data.pairs(patches, run_data.operator(settings))
    steps = settings.train_steps
    rate = keras.optimizers.schedules.CosineDecay(settings.learning_rate, steps)
    model.compile(keras.optimizers.Adam(rate), loss="mse")
    start = time.time()
    history = model.fit(
        pairs, steps_per_epoch=steps, shuffle=False, verbose=0
    ).history
    logging.info(
        "%d steps in %.0f s, mean loss %.5f",
        steps,
        time.time() - start,
        history["loss"][0],
    )
    return model


def compare(settings, plain, consistent):
    """Returns, for each photograph, the images and reports of both models."""
    import numpy as np

    from keras_affsr import data
    from keras_affsr import upscale

    downsample = run_data.operator(settings)
    upscalers = {
        "plain": upscale.Upscaler(plain, downsample, project=False),
        "consistent": upscale.Upscaler(consistent),
    }
    results = {}
    for name in HELD_OUT:
        truth = data.crop_to_multiple(data.photograph(name), settings.scale)
        low_res = np.asarray(downsample(truth[None]))[0]
        low_res = np.rint(255 * low_res.clip(0, 1)).astype("uint8")
        results[name] = {"low res": low_res, "truth": truth}
        for label, upscaler in upscalers.items():
            results[name][label] = upscaler(low_res)
    return results


def show(results):
    """Prints the table, one line for each photograph and model."""
    print(f"{'':24}{'PSNR':>8}{'LR-PSNR':>10}{'reproduced':>13}")
    for name, images in results.items():
        for label in ("plain", "consistent"):
            found = images[label]
            quality = psnr(found.images / 255.0, images["truth"])
            share = 100 * found.reproduced
            print(
                f"{name:12}{label:12}{quality:8.2f}{found.low_res_psnr:10.2f}"
                f"{share:11.3f} %"
            )


def psnr(image, truth):
    import numpy as np

    return -10 * np.log10(np.mean((image - truth) ** 2))


def draw(results, path):
    """Draws details of all versions of the photographs, side by side."""
    from keras_affsr import callbacks

    columns = {"low res": [], "plain": [], "consistent": [], "truth": []}
    for name, images in results.items():
        scale = len(images["truth"]) // len(images["low res"])
        window = detail(name, 1)
        columns["truth"].append(images["truth"][window])
        columns["low res"].append(images["low res"][detail(name, scale)] / 255)
        for label in ("plain", "consistent"):
            columns[label].append(images[label].images[window] / 255)
    callbacks.save_png(callbacks.draw_grid(columns, zoom=2), path)


def detail(name, scale):
    """Returns the rows and columns that are shown."""
    return tuple(
        slice(start // scale, (start + DETAIL_SIZE) // scale)
        for start in DETAILS[name]
    )


if __name__ == "__main__":
    define()
    app.run(main)
