"""Trains on natural images: the paper's section 5.5, Figures 5 and 8.

    python examples/train_imagenet.py --output_dir=runs/imagenet \\
        --manual_dir=archives
    python examples/train_imagenet.py --output_dir=runs/mine \\
        --image_dir=my_photographs --held_out=100 --min_bytes=0
    python examples/train_imagenet.py --output_dir=runs/smoke \\
        --data=photographs --width=0.05 --discriminator_width=0.05 --steps=20 \\
        --epochs=2 --test_images=32

From 32 x 32 to 128 x 128 pixels. ImageNet comes from its two archives, through
TensorFlow Datasets, or from --image_dir, any folder of photographs; the last
command needs no data but what comes with scikit-image.

What it writes, and how a training goes on, is as in train_celeba.py;
`python examples/evaluate.py runs/imagenet` draws the figure. Instance noise
falls from 0.1 to 0, as in the paper. Rates and steps are ours, and were not
tried on ImageNet.
"""

import run_flags
from absl import app
from absl import flags
from run_models import OBJECTIVES
from run_training import show
from run_training import train_all


def define(values=flags.FLAGS):
    """Defines the flags."""
    run_flags.define(
        OBJECTIVES,
        ("imagenet", "photographs"),
        values,
        output_dir="runs/imagenet",
        network="imagenet",
        epochs=100,
        mse_steps=100_000,
        gan_steps=300_000,
        learning_rate=2e-4,
        discriminator_learning_rate=2e-4,
    )
    run_flags.define_photographs(values, image_size=128)
    flags.DEFINE_integer(
        "min_bytes", 20_000, "Smaller files are left out.", flag_values=values
    )
    flags.DEFINE_integer(
        "held_out", 10_000, "For validation and test each.", flag_values=values
    )


def main(argv):
    run(run_flags.settings(argv))


def run(settings):
    """Trains what the flags say, and prints the scores."""
    names = run_flags.chosen(settings.objective, OBJECTIVES)
    show(train_all(settings, names, OBJECTIVES, "train_imagenet"))


if __name__ == "__main__":
    define()
    app.run(main)
