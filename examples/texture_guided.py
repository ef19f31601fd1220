"""The objectives of the texture example that follow a prior.

Each function takes the flags as `settings`, its `RunDirectory`, and that of its
prior, as those in run_models.py do.
"""

import functools

import run_data
import texture_priors
import texture_typical
from run_models import Objective
from run_models import adam
from run_models import generator
from run_training import fit


def build_by_denoiser(settings, run, prior, weight=0.0):
    """AffDG and SoftDG, along a ladder of denoisers."""
    from keras_affsr import models

    model = models.DenoiserGuidedSuperResolver(
        generator(settings, project=not weight),
        texture_priors.load(prior),
        run_data.operator(settings),
        consistency_weight=weight,
        seed=settings.seed,
    )
    return climb(settings, run, model, prior)


def build_by_density(settings, run, prior):
    """AffLL, along a ladder of densities."""
    from keras_affsr import models

    model = models.DensityGuidedSuperResolver(
        generator(settings),
        texture_priors.load(prior),
        run_data.operator(settings),
        seed=settings.seed,
    )
    return climb(settings, run, model, prior)


def climb(settings, run, model, prior):
    """Has a model trained up a ladder, two epochs on each rung."""
    from keras_affsr import callbacks

    epochs = 2 * len(texture_priors.rungs(prior.directory))
    steps = settings.steps or settings.guided_steps
    model.compile(adam(3e-3, steps, global_clipnorm=1.0))
    per_epoch = max(1, steps // epochs)
    return functools.partial(
        fit,
        settings,
        run,
        model,
        per_epoch * epochs,
        "sliced_wasserstein",
        size=settings.guided_patch_size,
        epochs=epochs,
        callbacks=[callbacks.PriorLadder(prior.directory, 2 * per_epoch)],
    )


def build_typical(settings, run, prior):
    """Images as probable as real ones, under the last density of a ladder."""
    import keras
    import numpy as np

    from keras_affsr import models

    downsample = run_data.operator(settings)
    size = settings.guided_patch_size
    density = texture_priors.load(prior)
    crops = run_data.training_images(settings, size).take(16)
    bits, stddev = texture_typical.measure(
        downsample, density, np.concatenate(list(crops))
    )
    keras.utils.set_random_seed(settings.seed)
    model = models.DensityGuidedSuperResolver(
        texture_typical.generator(downsample, stddev, settings.typical_width),
        density,
        downsample,
        target_bits=bits,
        seed=settings.seed,
    )
    steps = settings.steps or settings.typical_steps
    model.compile(adam(2e-3, steps, global_clipnorm=1.0))
    return functools.partial(
        fit, settings, run, model, steps, "sliced_wasserstein", size=size
    )


GUIDED = {
    "dg": Objective("AffDG", build_by_denoiser, "denoiser", {}),
    "softdg": Objective(
        "SoftDG", build_by_denoiser, "denoiser", {"weight": 100.0}
    ),
    "ll": Objective("AffLL", build_by_density, "prior", {}),
    "typical": Objective("typical", build_typical, "prior", {}),
}
