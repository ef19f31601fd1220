"""The objectives of the texture example: a function for each family.

Each takes the flags as `settings`, the name of the model, and what it goes on
from: a trained model, or the folder of a prior.
"""

import texture_data
from texture_guided import train_by_denoiser
from texture_guided import train_by_density
from texture_guided import train_typical
from texture_training import adam
from texture_training import fit
from texture_training import generator


def train_pixels(settings, name, _, loss):
    """AffMSE and AffMAE."""
    from keras_affsr import models

    model = models.SuperResolver(
        generator(settings),
        texture_data.operator(settings),
        seed=settings.seed,
        name=name,
    )
    model.compile(
        adam(2e-3, settings.mse_steps), loss, jit_compile=settings.jit_compile
    )
    return fit(settings, model, settings.mse_steps, settings.patch_size)


def train_gan(settings, name, mse, weight=0.0):
    """AffGAN and SoftGAN, from the weights of AffMSE on."""
    import keras

    from keras_affsr import models
    from keras_affsr import networks

    if weight:
        start = generator(settings, project=False)
    else:
        start = keras.models.clone_model(mse.generator)
    start.set_weights(mse.generator.get_weights())  # A projection has none.
    steps = settings.gan_steps
    model = models.GANSuperResolver(
        start,
        networks.discriminator("grass", channels=1),
        texture_data.operator(settings),
        consistency_weight=weight,
        noise_stddev=keras.optimizers.schedules.PolynomialDecay(
            0.02, steps, 0.0
        ),
        seed=settings.seed,
        name=name,
    )
    model.compile(
        optimizer=adam(2e-3, steps, beta_1=0.5),
        discriminator_optimizer=adam(1e-3, steps, beta_1=0.5),
        jit_compile=settings.jit_compile,
    )
    return fit(settings, model, steps, settings.patch_size)


# Name: (in the table, function, what it goes on from, options). A weight is
# that of consistency, for those without the projection. AffGAN comes right
# after AffMSE, as it goes on with its random numbers as well.
OBJECTIVES = {
    "mae": ("AffMAE", train_pixels, None, {"loss": "mae"}),
    "mse": ("AffMSE", train_pixels, None, {"loss": "mse"}),
    "gan": ("AffGAN", train_gan, "mse", {}),
    "softgan": ("SoftGAN", train_gan, "mse", {"weight": 10.0}),
    "dg": ("AffDG", train_by_denoiser, "denoiser", {}),
    "softdg": ("SoftDG", train_by_denoiser, "denoiser", {"weight": 100.0}),
    "ll": ("AffLL", train_by_density, "prior", {}),
    "typical": ("typical", train_typical, "prior", {}),
}
