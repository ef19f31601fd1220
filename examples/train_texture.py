"""Trains and compares every objective on a texture, on held-out crops.

    python examples/train_texture.py --output_dir=runs/grass
    python examples/train_texture.py --output_dir=runs/all --objective=all

This is the paper's section 5.3: four-fold super-resolution of random crops of
grass. It prints one table and writes comparison.png (Figure 3), the pictures
and records made during training, and the models. If a model climbs a ladder,
figure7.png shows its way. If a density was trained, the table has the code
length of each method's images, and bits.csv too: it shows why the most probable
images are blurred (appendix E).

AffMSE and AffGAN, the default, take four minutes on two CPU cores, and all
objectives less than half an hour. The photograph comes with scikit-image; its
rows 0 to 383 are for training and 384 to 511 for the test.
"""

import os
import time

import texture_figures
import texture_priors
import texture_table
from absl import app
from absl import flags
from absl import logging
from texture_objectives import OBJECTIVES

FLAGS = flags.FLAGS
flags.DEFINE_string("output_dir", "runs/texture", "Where to write.")
flags.DEFINE_list(
    "objective",
    ["mse", "gan"],
    f"What to train: some of {', '.join(OBJECTIVES)}; or all.",
)
flags.DEFINE_enum("texture", "grass", ["grass", "gravel", "brick"], "Of what.")
flags.DEFINE_integer("scale", 4, "Ratio of high to low resolution.", 1)
flags.DEFINE_float("width", 0.5, "Multiplies the generator's filters.", 0.01)
flags.DEFINE_integer("patch_size", 64, "Side of a training crop.", 8)
flags.DEFINE_integer("batch_size", 16, "Crops per step.", 1)
flags.DEFINE_integer("mse_steps", 800, "Steps of AffMSE and AffMAE.", 1)
flags.DEFINE_integer("gan_steps", 2500, "Steps of AffGAN, after AffMSE's.", 1)
flags.DEFINE_integer("epochs", 5, "Parts that each training is split into.", 1)
flags.DEFINE_bool("jit_compile", True, "Compile the steps with XLA.")
flags.DEFINE_integer("seed", 0, "Of weights, crops and noise.")

flags.DEFINE_integer("guided_steps", 800, "Steps of AffDG, AffLL, SoftDG.", 1)
flags.DEFINE_integer("guided_patch_size", 32, "Side of their crops.", 8)
flags.DEFINE_integer("typical_steps", 400, "Steps of the typical set.", 1)
flags.DEFINE_float("typical_width", 1.0, "Multiplies its filters.", 0.01)
flags.DEFINE_string(
    "denoiser_dir", None, "A denoiser that an earlier run has left."
)
flags.DEFINE_integer("denoiser_steps", 3000, "Steps of a new denoiser.", 1)
flags.DEFINE_float("denoiser_width", 0.25, "Multiplies its filters.", 0.01)
flags.DEFINE_string(
    "prior_dir", None, "A density prior that an earlier run has left."
)
flags.DEFINE_integer("prior_steps", 1600, "Steps of a new density prior.", 1)
flags.DEFINE_integer("prior_filters", 32, "Its filters.", 1)
flags.DEFINE_integer("rungs", 8, "Checkpoints on the way to either.", 1)


def main(argv):
    if len(argv) > 1:
        raise app.UsageError(f"Unknown arguments: {' '.join(argv[1:])}")
    names = chosen_objectives()
    trained = given_priors()
    os.makedirs(FLAGS.output_dir, exist_ok=True)
    seconds = {}
    for name in names:
        train(name, trained, seconds)
    models = {OBJECTIVES[name][0]: trained[name] for name in names}
    report(models, trained.get("prior"), seconds)


def chosen_objectives():
    """Returns the names of what to train, in order, or raises."""
    wanted = set(FLAGS.objective)
    unknown = wanted - {"all", *OBJECTIVES}
    if unknown or not wanted:
        raise app.UsageError(
            f"--objective does not know {', '.join(sorted(unknown)) or 'none'}."
            f" Choose some of: {', '.join(OBJECTIVES)}; or all."
        )
    if "all" in wanted:
        return list(OBJECTIVES)
    needed = {OBJECTIVES[name][2] for name in wanted}
    return [name for name in OBJECTIVES if name in wanted | needed]


def given_priors():
    """Returns the folders of priors that were given, or raises."""
    folders = {}
    for name in texture_priors.PRIORS:
        folder = FLAGS[f"{name}_dir"].value
        if folder is None:
            continue
        if not texture_priors.is_complete(folder):
            raise app.UsageError(
                f"--{name}_dir={folder} needs a folder with "
                f"{texture_priors.FILE} and the ladder rung_*.weights.h5, such "
                f"as `{name}` in an earlier run's output_dir."
            )
        folders[name] = folder
    return folders


def train(name, trained, seconds):
    """Trains an objective, and before that the prior that it follows."""
    label, function, before, options = OBJECTIVES[name]
    if before in texture_priors.PRIORS and before not in trained:
        trained[before] = os.path.join(FLAGS.output_dir, before)
        timed(before, seconds, texture_priors.PRIORS[before], trained[before])
    trained[name] = timed(
        label, seconds, function, label.lower(), trained.get(before), **options
    )


def timed(label, seconds, function, *args, **kwargs):
    """Calls a function with the flags, and notes the seconds that it took."""
    logging.info("Training %s", label)
    start = time.perf_counter()
    result = function(FLAGS, *args, **kwargs)
    seconds[label] = time.perf_counter() - start
    return result


def report(models, prior_dir, seconds):
    """Prints the table and draws the figures."""
    density = prior_dir and texture_priors.load(prior_dir)
    images = texture_table.compare(FLAGS, models, density)
    rows = texture_table.scores(FLAGS, images, density)
    texture_table.show(rows, seconds)
    for prior in texture_priors.PRIORS:
        if prior in seconds:
            print(f"The {prior} was trained before, in {seconds[prior]:.0f} s")
    if density is not None:
        texture_table.write_bits(rows, FLAGS.output_dir)
    shown = {
        name: image
        for name, image in images.items()
        if name not in texture_table.CONTROLS
    }
    texture_figures.draw_comparison(FLAGS, shown)
    climbed = {
        name: model.history
        for name, model in models.items()
        if name in ("AffDG", "AffLL")
    }
    if climbed:
        texture_figures.draw_progress(FLAGS, climbed)
    logging.info("Wrote the models and figures to %s", FLAGS.output_dir)


if __name__ == "__main__":
    app.run(main)
