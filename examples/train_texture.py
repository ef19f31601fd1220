"""Trains and compares every objective on a texture, on held-out crops.

    python examples/train_texture.py --output_dir=runs/grass
    python examples/train_texture.py --output_dir=runs/all --objective=all

This is the paper's section 5.3: four-fold super-resolution of random crops of
grass. It prints one table and writes comparison.png (Figure 3), and for each
objective a folder: the model, its pictures and records, and what is needed to
go on if the training is stopped. If a model climbs a ladder, figure7.png shows
its way. If a density was trained, the table has the code length of each
method's images, and bits.csv too: it shows why the most probable images are
blurred (appendix E).

AffMSE and AffGAN, the default, take four minutes on two CPU cores. The
photograph comes with scikit-image; its rows 0 to 383 are for training and 384
to 511 for the test.
"""

import run_data
import run_flags
import texture_figures
import texture_guided
import texture_priors
import texture_table
from absl import app
from absl import flags
from absl import logging
from run_models import OBJECTIVES as SHARED
from run_training import train_all

OBJECTIVES = {**texture_priors.PRIORS, **SHARED, **texture_guided.GUIDED}


def define(values=flags.FLAGS):
    """Defines the flags."""
    run_flags.define(
        OBJECTIVES,
        run_data.TEXTURES,
        values,
        output_dir="runs/texture",
        network="grass",
        width=0.5,
        test_images=128,
        instance_noise=["0.02", "0"],
    )

    def whole(name, default, text, least=1):
        flags.DEFINE_integer(name, default, text, least, flag_values=values)

    def real(name, default, text):
        flags.DEFINE_float(name, default, text, 0.01, flag_values=values)

    def folder(name, text):
        flags.DEFINE_string(name, None, text, flag_values=values)

    whole("patch_size", 64, "Side of a training crop.", 8)
    whole("guided_steps", 800, "Steps of AffDG, AffLL, SoftDG.")
    whole("guided_patch_size", 32, "Side of their crops.", 8)
    whole("typical_steps", 400, "Steps of the typical set.")
    real("typical_width", 1.0, "Multiplies its filters.")
    folder("denoiser_dir", "A denoiser that an earlier run has left.")
    whole("denoiser_steps", 3000, "Steps of a new denoiser.")
    real("denoiser_width", 0.25, "Multiplies its filters.")
    folder("prior_dir", "A density prior that an earlier run has left.")
    whole("prior_steps", 1600, "Steps of a new density prior.")
    whole("prior_filters", 32, "Its filters.")
    whole("rungs", 8, "Checkpoints on the way to either.")


def main(argv):
    run(run_flags.settings(argv))


def run(settings):
    """Trains what the flags say, and compares all of it."""
    names = run_flags.chosen(settings.objective, OBJECTIVES)
    given = given_priors(settings)
    priors = [name for name in names if name in texture_priors.PRIORS]
    missing = [name for name in priors if name not in given]
    if missing and settings.strategy == "multi_worker":
        raise app.UsageError(
            f"A {missing[0]} is trained on one machine. Do that first, with "
            f"--strategy=none --objective={missing[0]}, and give its folder as "
            f"--{missing[0]}_dir."
        )
    runs = train_all(settings, names, OBJECTIVES, "train_texture", given)
    report(settings, {name: runs[name] for name in names}, runs.get("prior"))


def given_priors(settings):
    """Returns the `RunDirectory` of each prior that was given, or raises."""
    given = {}
    for name in texture_priors.PRIORS:
        folder = getattr(settings, f"{name}_dir")
        if folder is None:
            continue
        if not texture_priors.is_complete(folder):
            raise app.UsageError(
                f"--{name}_dir={folder} needs a folder with "
                f"{texture_priors.FILE} and the ladder rung_*.weights.h5, such "
                f"as `{name}` in an earlier run's output_dir."
            )
        from keras_affsr.training import RunDirectory

        given[name] = RunDirectory(folder, {})
    return given


def report(settings, runs, prior):
    """Prints the table and draws the figures."""
    density = prior and texture_priors.load(prior)
    trained = {
        OBJECTIVES[name].label: run
        for name, run in runs.items()
        if name not in texture_priors.PRIORS
    }
    models = {label: run.load() for label, run in trained.items()}
    images = texture_table.compare(settings, models, density)
    rows = texture_table.scores(settings, images, density)
    seconds = {
        label: run.summary()["seconds"] for label, run in trained.items()
    }
    texture_table.show(rows, seconds)
    if density is not None:
        texture_table.write_bits(rows, settings.output_dir)
    shown = {
        label: image
        for label, image in images.items()
        if label not in texture_table.CONTROLS
    }
    texture_figures.draw_comparison(settings, shown)
    climbed = {
        label: run
        for label, run in trained.items()
        if label in ("AffDG", "AffLL")
    }
    if climbed:
        texture_figures.draw_progress(settings, climbed)
    logging.info("Wrote models and figures to %s", settings.output_dir)


if __name__ == "__main__":
    define()
    app.run(main)
