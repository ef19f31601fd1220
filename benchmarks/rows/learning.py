"""Training AffGAN; and the density prior."""

from contest import Contender

from rows.row import Goal
from rows.row import Row
from rows.row import overhead
from rows.row import share
from rows.row import speedup

PRODUCT = 2048  # Rows and columns of the matrices.
COMPILE = {"mode": "compile", "channels_last": False}
# Inductor of PyTorch 2.13 expects the gradient of a replicated border channels
# first, and stops where convolutions around it have it otherwise.
CHANNELS_FIRST = {"TORCHINDUCTOR_LAYOUT_OPTIMIZATION": "0"}
STEPS = (
    ("ours, fit", "gan_keras", "fit", {"jit_compile": False}),
    ("ours, fit, XLA", "gan_keras", "fit", {"jit_compile": True}),
    ("ours, bare step", "gan_keras", "bare", {"jit_compile": False}),
    ("PyTorch, eager", "gan_torch", "step", {"mode": "eager"}),
    ("PyTorch, compile", "gan_torch", "step", COMPILE),
)


def training(preset, batch_size, steps, products):
    """Returns a row: a step of AffGAN, and what this machine can do at best.

    Args:
        preset: str. Of the networks.
        batch_size: int.
        steps: int. In one turn.
        products: float or None. The share of a matrix product's rate to reach.
    """
    step = {"preset": preset, "batch_size": batch_size, "steps": steps}
    contenders = [
        Contender(
            *names,
            {**step, **settings},
            batch_size,
            "images/s",
            environment=CHANNELS_FIRST if settings is COMPILE else {},
        )
        for *names, settings in STEPS
    ]
    product = ({"size": PRODUCT}, 2e-9 * PRODUCT**3, "GFLOP/s")
    contenders += [
        Contender("product, TensorFlow", "matmul", "keras", *product),
        Contender("product, PyTorch", "matmul", "torch", *product),
    ]
    name = f"AffGAN step, {preset}, batch {batch_size}"
    return Row(name, contenders, training_goals(preset, products))


def training_goals(preset, products):
    words = f"at least {products:.0%} of" if products else "share of"
    return (
        Goal(
            "at least 1.35 times as fast as the better PyTorch",
            speedup("ours, fit", "PyTorch"),
            1.35,
        ),
        Goal(
            f"{words} a matrix product's rate",
            share("ours, fit", "product", lambda: giga_operations(preset)),
            products,
            form="{:.1%}",
        ),
        Goal(
            "fit at most 3 % longer than the bare step",
            overhead("ours, fit", "ours, bare step"),
            0.03,
            True,
            "{:.1%}",
        ),
    )


def giga_operations(preset):
    """Returns the GFLOP of a training step for each image."""
    import operations

    import keras_affsr

    downsample = keras_affsr.layers.GaussianDownsample(scale=4)
    channels = {"grass": 1, "celeba": 3}[preset]
    networks = keras_affsr.networks
    generator = networks.generator(downsample, preset, channels)
    discriminator = networks.discriminator(preset, channels)
    return 1e-9 * operations.gan_step(generator, discriminator, 64)


def density(function, channels, batch_size=16):
    """Returns a row: a training step of the prior, or its log densities."""
    settings = {"channels": channels, "batch_size": batch_size}
    kinds = (
        ("ours", "prior_keras", function, {}),
        ("TFP MixtureSameFamily", "prior_keras", f"{function}_tfp", {}),
        ("TFP, XLA", "prior_keras", f"{function}_tfp", {"jit_compile": True}),
        ("PyTorch, eager", "prior_torch", function, {"mode": "eager"}),
        ("PyTorch, compile", "prior_torch", function, {"mode": "compile"}),
    )
    contenders = [
        Contender(*names, {**settings, **more}, batch_size, "images/s")
        for *names, more in kinds
    ]
    name = f"PixelCNN {function}, {channels} x 32 x 32, batch {batch_size}"
    return Row(name, contenders)


TRAINING = (
    training("grass", batch_size=16, steps=8, products=None),
    training("celeba", batch_size=4, steps=1, products=0.9),
)
PRIOR = tuple(
    density(function, channels)
    for function in ("train", "log_prob")
    for channels in (1, 3)
)
