"""The models of the Swiss roll example: one function for each family.

All follow appendix D of the paper: generators and discriminators of two layers
of 64 units, a denoiser of two of 256. What it does not say (learning rates,
batches, schedules) was chosen on seeds from 1000 on, not those of the table.
"""

import os

MEASURE = ((0.5, 0.5),)  # x = (y1 + y2) / 2
BATCH_SIZE = 256
STEPS_PER_CALL = 50  # Of training, per call from Python, which costs 1 ms.

# Instance noise of AffGAN, SoftGAN and stochastic AffGAN. The last level
# decides which solution is best (see swiss_roll_limit.py).
INSTANCE_NOISE = (0.5, 0.2)
DISCRIMINATOR_STEPS = 5

# Of consistency, in SoftGAN and SoftDG. With 5 the outputs miss their
# measurements by 0.015, and SoftDG is about as good as AffDG; with 1 by 0.17,
# and its H is below that of the exact MAP, as more points are allowed.
SOFT_WEIGHT = 20.0

# Of the ladder of denoisers. The paper's goes from 0.5 to 0.25. At 0.5 the arms
# are apart already, and the generator stays on those that are nearest, wherever
# it began; at 0.25 a denoiser has seen too little of the gaps between them.
DENOISER_NOISE = (1.5, 0.35)
RUNGS = 16
DENOISER_SHARE = 0.6  # Of the steps of training.

# AffLL's density: Gaussians around so many points of data, which become
# narrower as training goes on, to the bandwidth of the paper's p_Y.
DENSITY_SAMPLES = 4096
BANDWIDTHS = (1.5, 1.2, 1.0, 0.8, 0.6, 0.5, 0.4, 0.3, 0.25, 0.2)

# Noise and ladders have come to their end after this part of the steps. The
# rest is for sharpening the jumps from arm to arm.
GAN_ANNEALED, LADDER_ANNEALED = 0.8, 0.5


def operator():
    import keras_affsr

    return keras_affsr.layers.LinearDownsample(MEASURE)


def points(count, seed, noise_stddev=0.2):
    """Returns an array of points of the Swiss roll, `(count, 2)`."""
    from keras_affsr import data

    dataset = data.swiss_roll(count, seed, noise_stddev, num_batches=1)
    return next(dataset.as_numpy_iterator())


def train_pixels(seed, steps, folder, loss, project):
    """MSE, MAE, AffMSE and AffMAE."""
    from keras_affsr import models

    model = models.SuperResolver(generator(project), operator(), seed=seed)
    model.compile(adam(3e-3, steps), loss, **fast())
    return fit(model, seed, steps)


def train_gan(seed, steps, folder, project, weight=0.0, noise_channels=0):
    """AffGAN, SoftGAN and stochastic AffGAN."""
    from keras_affsr import models
    from keras_affsr import networks

    model = models.GANSuperResolver(
        generator(project, noise_channels),
        networks.discriminator("swiss_roll", channels=2),
        operator(),
        consistency_weight=weight,
        noise_stddev=decay(*INSTANCE_NOISE, GAN_ANNEALED * steps),
        discriminator_steps=DISCRIMINATOR_STEPS,
        seed=seed,
    )
    model.compile(
        adam(3e-3, steps, beta_1=0.5),
        adam(5e-3, DISCRIMINATOR_STEPS * steps, beta_1=0.5),
        **fast(),
    )
    return fit(model, seed, steps)


def train_denoiser_guided(seed, steps, folder, project, weight=0.0):
    """AffDG and SoftDG: along the gradients of a ladder of denoisers."""
    from keras_affsr import callbacks
    from keras_affsr import models

    denoiser = train_denoiser(seed, max(1, int(DENOISER_SHARE * steps)), folder)
    model = models.DenoiserGuidedSuperResolver(
        generator(project),
        denoiser,
        operator(),
        weight,
        noisy_input=False,
        seed=seed,
    )
    model.compile(adam(5e-3, steps), **fast())
    rung_steps = max(1, int(LADDER_ANNEALED * steps / RUNGS))
    return fit(model, seed, steps, callbacks.PriorLadder(folder, rung_steps))


def train_denoiser(seed, steps, folder):
    """Trains a denoiser at ever less noise; leaves a ladder in the folder."""
    import keras_affsr
    from keras_affsr import callbacks

    denoiser = keras_affsr.priors.Denoiser(
        keras_affsr.networks.denoiser("swiss_roll", channels=2),
        noise_stddev=decay(*DENOISER_NOISE, steps),
        value_range=None,
        seed=seed,
    )
    denoiser.compile(adam(3e-3, steps), **fast())
    return fit(denoiser, seed, steps, callbacks.LadderCheckpoint(folder), RUNGS)


def train_density_guided(seed, steps, folder, project):
    """AffLL: towards a high density, of ever smaller bandwidth."""
    import keras_affsr
    from keras_affsr import callbacks

    density = keras_affsr.priors.KernelDensity(
        channels=2, num_samples=DENSITY_SAMPLES, bandwidth=BANDWIDTHS[0]
    )
    density.adapt(points(DENSITY_SAMPLES, seed))
    for number, bandwidth in enumerate(BANDWIDTHS, start=1):
        density.bandwidth = bandwidth
        name = f"rung_{number:04d}.weights.h5"
        density.save_weights(os.path.join(folder, name))
    model = keras_affsr.models.DensityGuidedSuperResolver(
        generator(project), density, operator(), seed=seed
    )
    model.compile(adam(5e-3, steps), **fast())
    rung_steps = max(1, int(LADDER_ANNEALED * steps / len(BANDWIDTHS)))
    return fit(model, seed, steps, callbacks.PriorLadder(folder, rung_steps))


def generator(project, noise_channels=0):
    from keras_affsr import networks

    return networks.generator(
        operator(),
        "swiss_roll",
        project=project,
        noise_channels=noise_channels,
    )


def adam(learning_rate, steps, **kwargs):
    """Returns Adam with a learning rate that falls to zero along a cosine."""
    import keras

    schedule = keras.optimizers.schedules.CosineDecay(learning_rate, steps)
    return keras.optimizers.Adam(schedule, **kwargs)


def decay(first, last, steps):
    """Returns a level that falls linearly, and then stays."""
    import keras

    return keras.optimizers.schedules.PolynomialDecay(
        first, max(1, int(steps)), last
    )


def fast():
    return {"jit_compile": True, "steps_per_execution": STEPS_PER_CALL}


def fit(model, seed, steps, callback=None, epochs=1):
    """Trains on an endless stream of points, all of them new."""
    from keras_affsr import data

    model.fit(
        data.swiss_roll(BATCH_SIZE, seed),
        epochs=epochs,
        steps_per_epoch=max(1, steps // epochs),
        shuffle=False,  # The points are random already.
        callbacks=[callback] if callback else None,
        verbose=0,
    )
    return model


# Name: (function, share of the steps, options), in the order of the table.
OBJECTIVES = {
    "MSE": (train_pixels, 0.5, {"loss": "mse", "project": False}),
    "MAE": (train_pixels, 0.5, {"loss": "mae", "project": False}),
    "AffMSE": (train_pixels, 0.5, {"loss": "mse", "project": True}),
    "AffMAE": (train_pixels, 0.5, {"loss": "mae", "project": True}),
    "AffGAN": (train_gan, 1.0, {"project": True}),
    "SoftGAN": (train_gan, 1.0, {"project": False, "weight": SOFT_WEIGHT}),
    "AffDG": (train_denoiser_guided, 1.6, {"project": True}),
    "SoftDG": (
        train_denoiser_guided,
        1.6,
        {"project": False, "weight": SOFT_WEIGHT},
    ),
    "AffLL": (train_density_guided, 1.0, {"project": True}),
    "stochastic AffGAN": (
        train_gan,
        1.0,
        {"project": True, "noise_channels": 2},
    ),
}
