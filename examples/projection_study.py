"""What the projection does for training: the paper's section 5.2, Figure 2.

    python examples/projection_study.py --output_dir=runs/projection
    python examples/projection_study.py --output_dir=runs/smoke \\
        --data=photographs --width=0.05 --steps=40 --epochs=4

The same network is trained by MSE without projection, and with one whose A+ is
a convolution that is fixed or trained, and starts from the pseudo-inverse or at
random; and, beyond the paper, with the exact projection over the whole frame,
which is this package's own. It prints the last scores, and writes the three
curves of Figure 2, of validation images during training, as figure2.csv and
figure2.png. A study that was stopped goes on by the same command.
"""

import csv
import os

import run_data
import run_flags
from absl import app
from absl import flags
from run_models import Objective
from run_models import build_pixels
from run_training import train_all

PANELS = {
    "mse": "a  MSE",
    "ssim": "b  SSIM",
    "low_res_mse": "c  MSE in low resolution",
}


def build_variant(settings, run, _, trainable, start):
    """MSE with A+ as a convolution, as in the paper."""
    import keras

    from keras_affsr import layers

    if start == "random":
        start = keras.initializers.GlorotUniform(seed=settings.seed)
    upsample = layers.PseudoInverseUpsample(
        run_data.operator(settings),
        method="conv",
        trainable=trainable,
        kernel_initializer=start,
    )
    return build_pixels(settings, run, None, "mse", upsample=upsample)


def _variant(label, trainable, start):
    options = {"trainable": trainable, "start": start}
    return Objective(label, build_variant, None, options)


VARIANTS = {
    "none": Objective(
        "no projection", build_pixels, None, {"loss": "mse", "project": False}
    ),
    "fixed": _variant("A+ fixed", False, "pseudo_inverse"),
    "trainable": _variant("A+ trainable", True, "pseudo_inverse"),
    "fixed_random": _variant("random, fixed", False, "random"),
    "trainable_random": _variant("random, trainable", True, "random"),
    "exact": Objective("exact", build_pixels, None, {"loss": "mse"}),
}


def define(values=flags.FLAGS):
    """Defines the flags."""
    run_flags.define(
        VARIANTS,
        ("celeb_a", "photographs"),
        values,
        objective=["all"],
        output_dir="runs/projection",
        network="celeba",
        epochs=50,
        mse_steps=50_000,
        learning_rate=2e-4,
    )
    run_flags.define_photographs(values, image_size=64)


def main(argv):
    run(run_flags.settings(argv))


def run(settings):
    """Trains the variants, and draws their curves."""
    names = run_flags.chosen(settings.objective, VARIANTS)
    runs = train_all(settings, names, VARIANTS, "projection_study")
    curves = {VARIANTS[name].label: read(runs[name]) for name in names}
    steps = (settings.steps or settings.mse_steps) // settings.epochs or 1
    show(curves)
    write_csv(curves, steps, os.path.join(settings.output_dir, "figure2.csv"))
    draw(curves, steps, os.path.join(settings.output_dir, "figure2.png"))


def read(run):
    """Returns the scores of a run after each epoch: dicts of floats."""
    with open(run.path("log.csv"), newline="") as file:
        return [
            {name: float(row[f"val_{name}"]) for name in PANELS}
            for row in csv.DictReader(file)
        ]


def show(curves):
    """Prints the scores of validation images at the end of training."""
    print(f"{'':20}{'MSE':>9}{'SSIM':>8}{'LR MSE':>10}")
    for label, rows in curves.items():
        last = rows[-1]
        print(
            f"{label:20}{last['mse']:9.5f}{last['ssim']:8.3f}"
            f"{last['low_res_mse']:10.1e}"
        )


def write_csv(curves, steps, path):
    with open(f"{path}.part", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("variant", "step", *PANELS))
        for label, rows in curves.items():
            for epoch, row in enumerate(rows, start=1):
                scores = [row[name] for name in PANELS]
                writer.writerow((label, steps * epoch, *scores))
    os.replace(f"{path}.part", path)


def draw(curves, steps, path):
    """Draws the three panels of Figure 2."""
    from matplotlib import figure

    page = figure.Figure((13, 4), layout="constrained", dpi=120)
    panels = page.subplots(1, len(PANELS))
    for axes, (name, title) in zip(panels, PANELS.items(), strict=True):
        for label, rows in curves.items():
            ends = [steps * epoch for epoch in range(1, len(rows) + 1)]
            values = [row[name] for row in rows]
            axes.plot(ends, values, ".-", markersize=4, label=label)
        axes.set(title=title, xlabel="steps")
        axes.set_yscale("linear" if name == "ssim" else "log")
    panels[0].legend(fontsize=8)
    page.savefig(f"{path}.part", format="png")
    os.replace(f"{path}.part", path)


if __name__ == "__main__":
    define()
    app.run(main)
