"""The objectives of all trainings: how each is built and trained.

Each function takes the flags as `settings`, its `RunDirectory`, and the one of
what it goes on from, or None. It builds and compiles the model, which has to be
done in the scope of a strategy, and returns the function that then trains it,
which must not be.
"""

import collections
import functools

import run_data
from run_training import fit

# Its name in tables; what builds it; what it goes on from; and options of that.
Objective = collections.namedtuple("Objective", "label build before options")


def generator(settings, **kwargs):
    """Returns a new generator, the same one for all that begin anew."""
    import keras

    from keras_affsr import networks

    keras.utils.set_random_seed(settings.seed)
    return networks.generator(
        run_data.operator(settings),
        settings.network,
        channels=run_data.channels(settings),
        width=settings.width,
        **kwargs,
    )


def adam(learning_rate, steps, **kwargs):
    """Returns Adam with a learning rate that falls to zero along a cosine."""
    import keras

    from keras_affsr import training

    schedule = keras.optimizers.schedules.CosineDecay(learning_rate, steps)
    return training.FusedAdam(schedule, **kwargs)


def build_pixels(settings, run, _, loss, **kwargs):
    """AffMSE and AffMAE; MSE and MAE with project=False."""
    from keras_affsr import models

    steps = settings.steps or settings.mse_steps
    model = models.SuperResolver(
        generator(settings, **kwargs),
        run_data.operator(settings),
        seed=settings.seed,
    )
    model.compile(
        adam(settings.learning_rate, steps),
        loss,
        jit_compile=settings.jit_compile,
    )
    return functools.partial(fit, settings, run, model, steps, "psnr")


def build_gan(settings, run, mse, is_soft=False, noise_channels=0):
    """AffGAN, SoftGAN and stochastic AffGAN, from the weights of AffMSE on."""
    from keras_affsr import callbacks
    from keras_affsr import models

    steps = settings.steps or settings.gan_steps
    model = models.GANSuperResolver(
        *gan_networks(settings, mse, is_soft, noise_channels),
        run_data.operator(settings),
        consistency_weight=settings.consistency_weight if is_soft else 0.0,
        noise_stddev=noise_level(settings, steps),
        seed=settings.seed,
    )
    rate = settings.discriminator_learning_rate
    model.compile(
        optimizer=adam(settings.learning_rate, steps, beta_1=0.5),
        discriminator_optimizer=adam(rate, steps, beta_1=0.5),
        jit_compile=settings.jit_compile,
    )
    target = settings.instance_noise_target
    adapt = [callbacks.AdaptiveInstanceNoise(target)] if target else []
    of_run = (settings, run, model, steps, "sliced_wasserstein")
    return functools.partial(fit, *of_run, callbacks=adapt)


def gan_networks(settings, mse, is_soft, noise_channels):
    """Returns a generator with the weights of AffMSE, and a discriminator."""
    import keras

    from keras_affsr import networks

    trained = mse.load("generator.keras")
    start = generator(  # After loading, which draws random numbers too.
        settings, project=not is_soft, noise_channels=noise_channels
    )
    if not is_soft and not noise_channels:
        # For the random numbers that it takes: the discriminator is then the
        # one that the published figures began with.
        start = keras.models.clone_model(start)
    copy_weights(trained, start)
    return start, networks.discriminator(
        settings.network,
        channels=run_data.channels(settings),
        width=settings.discriminator_width,
    )


def noise_level(settings, steps):
    """Returns the instance noise: a schedule, or a level to adapt."""
    import keras

    first, last = (float(level) for level in settings.instance_noise)
    if settings.instance_noise_target:
        return first
    return keras.optimizers.schedules.PolynomialDecay(first, steps, last)


def copy_weights(trained, network):
    """Copies weights to a network that may take more channels, of noise.

    Its kernels have rows more, for the noise, and these stay as they are.
    """
    import keras
    import numpy as np

    layers = {layer.name: layer for layer in network.layers}
    for source in trained.layers:
        # A skip connection matches the channels only where they differ.
        layer = layers.get(source.name)
        pairs = zip(source.get_weights(), layer.weights if layer else ())
        for value, variable in pairs:
            new = np.array(keras.ops.convert_to_numpy(variable))
            new[tuple(slice(size) for size in value.shape)] = value
            variable.assign(new)


OBJECTIVES = {
    "plain_mae": Objective(
        "MAE", build_pixels, None, {"loss": "mae", "project": False}
    ),
    "plain_mse": Objective(
        "MSE", build_pixels, None, {"loss": "mse", "project": False}
    ),
    "mae": Objective("AffMAE", build_pixels, None, {"loss": "mae"}),
    "mse": Objective("AffMSE", build_pixels, None, {"loss": "mse"}),
    "gan": Objective("AffGAN", build_gan, "mse", {}),
    "softgan": Objective("SoftGAN", build_gan, "mse", {"is_soft": True}),
    "stochastic": Objective(
        "AffGAN(z)", build_gan, "mse", {"noise_channels": 1}
    ),
}
