"""Trains on faces: the paper's section 5.4, Table 2 and Figure 4.

    python examples/train_celeba.py --output_dir=runs/celeba
    python examples/train_celeba.py --output_dir=runs/faces --image_dir=my_faces
    python examples/train_celeba.py --output_dir=runs/smoke \\
        --data=photographs --width=0.05 --discriminator_width=0.05 --steps=20 \\
        --epochs=2 --test_images=32

CelebA comes through TensorFlow Datasets, or from --image_dir: a folder of its
pictures, or of any other photographs. The last command needs no data but what
comes with scikit-image.

For each objective there is a folder: its flags, log.csv, pictures, checkpoints,
the model at its best and at its end, and summary.json with its scores on the
test split. A training that was stopped goes on by the same command. For Table 2
train --objective=plain_mse,mse,softgan,gan; then
`python examples/evaluate.py runs/celeba` prints and draws it.

The paper tells the networks and the data, not how they were trained: rates,
steps, and the levels of noise are ours, and were not tried on CelebA.
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
        ("celeb_a", "photographs"),
        values,
        output_dir="runs/celeba",
        network="celeba",
        epochs=50,
        mse_steps=50_000,
        gan_steps=100_000,
        learning_rate=2e-4,
        discriminator_learning_rate=2e-4,
    )
    run_flags.define_photographs(values, image_size=64)


def main(argv):
    run(run_flags.settings(argv))


def run(settings):
    """Trains what the flags say, and prints the scores."""
    names = run_flags.chosen(settings.objective, OBJECTIVES)
    show(train_all(settings, names, OBJECTIVES, "train_celeba"))


if __name__ == "__main__":
    define()
    app.run(main)
