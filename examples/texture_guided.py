"""The objectives of the texture example that follow a prior."""

import texture_data
import texture_priors
import texture_typical
from texture_training import adam
from texture_training import fit
from texture_training import generator


def train_by_denoiser(settings, name, folder, weight=0.0):
    """AffDG and SoftDG, along a ladder of denoisers."""
    from keras_affsr import models

    model = models.DenoiserGuidedSuperResolver(
        generator(settings, project=not weight),
        texture_priors.load(folder),
        texture_data.operator(settings),
        consistency_weight=weight,
        seed=settings.seed,
        name=name,
    )
    return climb(settings, model, folder)


def train_by_density(settings, name, folder):
    """AffLL, along a ladder of densities."""
    from keras_affsr import models

    model = models.DensityGuidedSuperResolver(
        generator(settings),
        texture_priors.load(folder),
        texture_data.operator(settings),
        seed=settings.seed,
        name=name,
    )
    return climb(settings, model, folder)


def climb(settings, model, folder):
    """Trains a model up a ladder, two epochs on each rung."""
    from keras_affsr import callbacks

    steps = settings.guided_steps
    model.compile(adam(3e-3, steps, global_clipnorm=1.0), metrics=watched())
    epochs = 2 * len(texture_priors.rungs(folder))
    per_epoch = max(1, steps // epochs)
    return fit(
        settings,
        model,
        per_epoch * epochs,
        settings.guided_patch_size,
        callbacks.PriorLadder(folder, 2 * per_epoch),
        epochs=epochs,
        validation_data=texture_data.held_out_pairs(settings),
    )


def train_typical(settings, name, folder):
    """Images as probable as real ones, under the last density of a ladder."""
    import keras

    from keras_affsr import models

    downsample = texture_data.operator(settings)
    density = texture_priors.load(folder)
    bits, stddev = texture_typical.measure(
        downsample,
        density,
        texture_data.sample_crops(settings, settings.guided_patch_size),
    )
    keras.utils.set_random_seed(settings.seed)
    model = models.DensityGuidedSuperResolver(
        texture_typical.generator(downsample, stddev, settings.typical_width),
        density,
        downsample,
        target_bits=bits,
        seed=settings.seed,
        name=name,
    )
    steps = settings.typical_steps
    model.compile(adam(2e-3, steps, global_clipnorm=1.0), metrics=watched())
    return fit(settings, model, steps, settings.guided_patch_size)


def watched():
    from keras_affsr import metrics

    return [metrics.PSNR(), metrics.SSIM()]
