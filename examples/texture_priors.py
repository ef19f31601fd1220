"""The two priors of the texture example, and their ladders.

A trained prior is a folder: `prior.keras`, and the ladder that was kept on the
way there, `rung_0001.weights.h5` and so on. Its training may be stopped and
gone on with as all others.
"""

import contextlib
import functools
import glob
import itertools
import os
import sys
import time

import run_data
from run_models import Objective

FILE = "prior.keras"
PATCH_SIZE = 32  # A quarter of the work of 64, and more than they see at once.
DENOISER_NOISE = (0.5, 0.01)  # The paper's first and last level.


def load(run):
    """Returns a prior as it was at the end of its training."""
    return run.load(FILE)


def is_complete(folder):
    """Returns whether a folder holds a prior and its ladder."""
    return os.path.exists(os.path.join(folder, FILE)) and bool(rungs(folder))


def rungs(folder):
    """Returns the paths of a ladder's rungs."""
    return glob.glob(os.path.join(folder, "rung_*.weights.h5"))


def build_denoiser(settings, run, _):
    """A denoiser, for training at ever less noise."""
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
    steps = [int(steps * share) for share in shares]
    return functools.partial(train_ladder, settings, run, denoiser, steps)


def build_density(settings, run, _):
    """A small PixelCNN."""
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
    steps = [0, *reversed(halves)]
    return functools.partial(train_ladder, settings, run, density, steps)


def train_ladder(settings, run, prior, steps):
    """Trains a prior from step to step, each of which leaves a rung."""
    from keras_affsr import callbacks
    from keras_affsr import training
    from keras_affsr.callbacks.checkpoint_files import write_durably

    ladder = callbacks.LadderCheckpoint(run.directory)
    checkpoint = callbacks.Checkpoint(
        run.path("checkpoints"), callbacks=[ladder]
    )
    parts = [pair for pair in itertools.pairwise(steps) if pair[1] > pair[0]]
    trained = checkpoint.restore(prior)
    start = time.perf_counter()
    for epoch in range(trained, len(parts)):
        done, step = parts[epoch]
        with contextlib.redirect_stdout(sys.stderr):  # The table is the output.
            prior.fit(
                run_data.training_images(settings, PATCH_SIZE, done),
                initial_epoch=epoch,
                epochs=epoch + 1,
                steps_per_epoch=step - done,
                shuffle=False,  # The crops are random already.
                verbose=1 if sys.stderr.isatty() else 2,
                callbacks=[ladder, checkpoint],
            )
    write_durably(prior.save, run.path(FILE))
    seconds = time.perf_counter() - start
    training.write_json(
        {**run.flags, "trained_from": trained, "seconds": seconds},
        run.path("summary.json"),
    )


PRIORS = {
    "denoiser": Objective("denoiser", build_denoiser, None, {}),
    "prior": Objective("prior", build_density, None, {}),
}
