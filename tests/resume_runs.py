"""A training of each objective, which can be killed and started again."""

import os
import signal
import sys

import keras

from keras_affsr.callbacks import AdaptiveInstanceNoise
from keras_affsr.callbacks import LadderCheckpoint
from keras_affsr.callbacks import PriorLadder
from keras_affsr.callbacks.checkpoint import Checkpoint
from keras_affsr.callbacks.stop_on_nan import StopOnNaN
from keras_affsr.callbacks.training_log import TrainingLog
from keras_affsr.data import texture_patches
from keras_affsr.models import DenoiserGuidedSuperResolver
from keras_affsr.models import DensityGuidedSuperResolver
from keras_affsr.models import GANSuperResolver
from keras_affsr.models import SuperResolver
from tests.models_guided_tiny import stochastic_generator
from tests.models_guided_tiny import tiny_denoiser
from tests.models_tiny import DOWNSAMPLE
from tests.models_tiny import images
from tests.models_tiny import tiny_discriminator
from tests.models_tiny import tiny_generator
from tests.priors_tiny import tiny_prior

EPOCHS, STEPS = 4, 2
POLICIES = ["float32", "mixed_float16", "mixed_bfloat16"]
FALLING = keras.optimizers.schedules.PolynomialDecay(
    0.4, EPOCHS * STEPS, 0.1, power=1.0
)


@keras.saving.register_keras_serializable(package="tests")
class Announced(keras.layers.Dropout):
    """A layer that says when its turn comes in the writing of a file."""

    def save_own_variables(self, store):
        sys.audit("tests.save", "")


def adam():
    schedule = keras.optimizers.schedules.CosineDecay(0.02, EPOCHS * STEPS)
    return keras.optimizers.Adam(schedule, beta_1=0.5)


def compiled(model):
    model.compile(adam())
    return model


def pixels(directory):
    # With dropout, whose random state Keras keeps out of its files.
    network = tiny_generator()
    outputs = Announced(0.3)(network.outputs[0])
    model = SuperResolver(keras.Model(network.inputs, outputs), DOWNSAMPLE, 0.1)
    model.compile(keras.optimizers.Adam(0.02), loss="mse")
    plateau = keras.callbacks.ReduceLROnPlateau(
        "loss", factor=0.5, patience=1, min_delta=0.05
    )
    stopping = keras.callbacks.EarlyStopping(
        "loss", patience=EPOCHS, min_delta=0.05, restore_best_weights=True
    )
    return model, [plateau, stopping], [plateau, stopping]


def gan(directory, noise_stddev=FALLING, steps=2, callbacks=()):
    model = GANSuperResolver(
        stochastic_generator(),
        tiny_discriminator(),
        DOWNSAMPLE,
        noise_stddev=noise_stddev,
        discriminator_steps=steps,
        seed=5,
    )
    model.compile(adam(), keras.optimizers.RMSprop(0.02, momentum=0.9))
    return model, callbacks, []


def adaptive_gan(directory):
    return gan(directory, 0.1, 1, [AdaptiveInstanceNoise(0.7, rate=0.2)])


def denoiser_guided(directory):
    model = DenoiserGuidedSuperResolver(
        stochastic_generator(),
        tiny_denoiser(pretrained=False),
        DOWNSAMPLE,
        consistency_weight=0.1,
        noisy_input=True,
        seed=5,
    )
    ladder = os.path.join(os.path.dirname(directory), "ladder")
    return compiled(model), [PriorLadder(ladder, steps=3)], []


def density_guided(directory):
    prior = tiny_prior()
    prior._coarseness.assign(7.0)
    model = DensityGuidedSuperResolver(
        stochastic_generator(), prior, DOWNSAMPLE, target_bits=6.0, seed=5
    )
    return compiled(model), [], []


def denoiser(directory):
    prior = tiny_denoiser(FALLING, pretrained=False)
    ladder = LadderCheckpoint(os.path.join(directory, "ladder"))
    return compiled(prior), [ladder], [ladder]


def pixel_cnn(directory):
    ladder = LadderCheckpoint(os.path.join(directory, "ladder"))
    return compiled(tiny_prior(adapt=False)), [ladder], [ladder]


# Of each a model, its callbacks, and those of them that have a state.
KINDS = {
    "mse": pixels,
    "gan": gan,
    "adaptive_gan": adaptive_gan,
    "denoiser_guided": denoiser_guided,
    "density_guided": density_guided,
    "denoiser": denoiser,
    "pixel_cnn": pixel_cnn,
}


def train(kind, policy, directory):
    """Trains from where the run in a directory is, to the end."""
    keras.config.set_dtype_policy(policy)
    keras.utils.set_random_seed(1)
    model, callbacks, with_state = KINDS[kind](directory)
    checkpoint = Checkpoint(
        os.path.join(directory, "checkpoints"),
        config={"kind": kind, "policy": policy, "epochs": EPOCHS},
        every=2 if kind == "denoiser" else 1,
        callbacks=with_state,
    )
    epoch = checkpoint.restore(model)
    model.fit(
        texture_patches(
            images(),
            patch_size=8,
            batch_size=4,
            start_batch=epoch * STEPS,
        ),
        initial_epoch=epoch,
        epochs=EPOCHS,
        steps_per_epoch=STEPS,
        callbacks=[
            StopOnNaN(checkpoint),
            *callbacks,
            TrainingLog(os.path.join(directory, "log.csv")),
            checkpoint,
        ],
        shuffle=False,
        verbose=0,
    )


def kill_at_event(number, directory):
    """Kills this process at one of the events that concern a run's files."""
    count = 0

    def hook(name, arguments):
        nonlocal count
        if name not in ("open", "os.rename", "os.remove", "tests.save"):
            return
        path = arguments[0]
        is_ours = isinstance(path, str) and path.startswith(directory)
        count += is_ours or name == "tests.save"
        if count == number:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def live(kind, policy, directory, kill_at=None):
    """What a process does, until it is killed."""
    os.makedirs(directory, exist_ok=True)
    if kill_at is not None:
        kill_at_event(kill_at, directory)
    train(kind, policy, directory)
