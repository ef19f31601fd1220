"""The two priors of the texture example, and their ladders.

A trained prior is a folder: `prior.keras`, and the ladder that was kept on the
way there, `rung_0001.weights.h5` and so on.
"""

import contextlib
import glob
import itertools
import os
import sys

import texture_data

FILE = "prior.keras"
PATCH_SIZE = 32  # A quarter of the work of 64, and more than they see at once.
DENOISER_NOISE = (0.5, 0.01)  # The paper's first and last level.


def load(folder):
    """Returns a prior as it was at the end of its training."""
    import keras

    return keras.saving.load_model(os.path.join(folder, FILE))


def is_complete(folder):
    """Returns whether a folder holds a prior and its ladder."""
    return os.path.exists(os.path.join(folder, FILE)) and bool(rungs(folder))


def rungs(folder):
    """Returns the paths of a ladder's rungs."""
    return glob.glob(os.path.join(folder, "rung_*.weights.h5"))


def train_denoiser(settings, folder):
    """Trains a denoiser at ever less noise; leaves it in the folder."""
    import keras

    import keras_affsr

    steps = settings.denoiser_steps
    first, last = DENOISER_NOISE
    keras.utils.set_random_seed(settings.seed)
    denoiser = keras_affsr.priors.Denoiser(
        keras_affsr.networks.denoiser(
            "grass", channels=1, width=settings.denoiser_width
        ),
        noise_stddev=keras.optimizers.schedules.ExponentialDecay(
            first, steps, last / first
        ),
        seed=settings.seed,
    )
    # Not down to zero: up to the end each level is new to it.
    schedule = keras.optimizers.schedules.CosineDecay(2e-3, steps, alpha=0.1)
    denoiser.compile(
        keras.optimizers.Adam(schedule), jit_compile=settings.jit_compile
    )
    shares = (number / settings.rungs for number in range(settings.rungs + 1))
    _fit(settings, denoiser, [int(steps * share) for share in shares], folder)


def train_density(settings, folder):
    """Trains a small PixelCNN; leaves it in the folder."""
    import keras

    import keras_affsr

    steps = settings.prior_steps
    keras.utils.set_random_seed(settings.seed)
    density = keras_affsr.priors.PixelCNN(
        channels=1,
        filters=settings.prior_filters,
        components=8,
        features=24,
        seed=settings.seed,
    )
    schedule = keras.optimizers.schedules.CosineDecay(3e-3, steps)
    density.compile(
        keras.optimizers.Adam(schedule, global_clipnorm=1.0),
        jit_compile="auto",  # On CPUs XLA makes this one slower.
    )
    # It learns fast at first: each rung has twice the training of the last.
    halves = [steps // 2**power for power in range(settings.rungs)]
    _fit(settings, density, [0, *reversed(halves)], folder)


def _fit(settings, prior, steps, folder):
    """Trains a prior from step to step, each of which leaves a rung."""
    from keras_affsr import callbacks

    for rung in rungs(folder):
        os.remove(rung)  # Of an earlier run.
    crops = texture_data.crops(settings, PATCH_SIZE)
    with contextlib.redirect_stdout(sys.stderr):  # The table is the output.
        for done, step in itertools.pairwise(steps):
            if step > done:
                prior.fit(
                    crops.skip(done),
                    steps_per_epoch=step - done,
                    shuffle=False,  # The crops are random already.
                    verbose=1 if sys.stderr.isatty() else 2,
                    callbacks=[callbacks.LadderCheckpoint(folder)],
                )
    prior.save(os.path.join(folder, FILE))


# What trains each of them, by the folder that it gets.
PRIORS = {"denoiser": train_denoiser, "prior": train_density}
