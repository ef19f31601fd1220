"""A small run with a `Checkpoint`, to be interrupted within a test."""

import contextlib

import keras

from keras_affsr.callbacks.checkpoint import Checkpoint
from keras_affsr.models import GANSuperResolver
from keras_affsr.models import SuperResolver
from tests.models_tiny import DOWNSAMPLE
from tests.models_tiny import FIT
from tests.models_tiny import images
from tests.models_tiny import plain_generator
from tests.models_tiny import tiny_discriminator
from tests.models_tiny import tiny_generator
from tests.models_tiny import weights

CONFIG = {"learning_rate": 0.01, "epochs": 3, "name": "tiny"}


def make_gan(seed=1):
    """Makes a model of two optimizers and noise of both kinds."""
    keras.utils.set_random_seed(seed)
    model = GANSuperResolver(
        tiny_generator(noise_channels=2),
        tiny_discriminator(),
        DOWNSAMPLE,
        noise_stddev=0.2,
        seed=5,
    )
    model.compile("adam", keras.optimizers.RMSprop(0.02, momentum=0.9))
    return model


def make_plain(seed=1, optimizer="adam"):
    """Makes the model that is trained the fastest."""
    keras.utils.set_random_seed(seed)
    model = SuperResolver(plain_generator(), DOWNSAMPLE)
    model.compile(optimizer, loss="mse")
    return model


class Interrupt(keras.callbacks.Callback):
    """Stops as a killed process would, at the start of an epoch."""

    def __init__(self, epoch):
        super().__init__()
        self.epoch = epoch

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.epoch:
            raise KeyboardInterrupt


def run(model, directory, epochs=3, stop=None, before=(), **kwargs):
    """Trains from where the run in a directory is; returns its checkpoint."""
    checkpoint = Checkpoint(directory, **{"config": CONFIG, **kwargs})
    epoch = checkpoint.restore(model)
    callbacks = [*before, checkpoint, Interrupt(stop)]
    with contextlib.suppress(KeyboardInterrupt):
        model.fit(
            images(),
            initial_epoch=epoch,
            epochs=epochs,
            callbacks=callbacks,
            **FIT,
        )
    return checkpoint


def names(directory):
    """Returns the names of the files in a directory, sorted."""
    return sorted(path.name for path in directory.iterdir())


def contents(directory):
    """Returns the bytes of the files in a directory, by name."""
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def states(model):
    """Returns all that training changes."""
    found = weights(model)
    for each in ("optimizer", "discriminator_optimizer"):
        optimizer = getattr(model, each, None)
        if optimizer is not None:
            found += [each.numpy() for each in optimizer.variables]
    return found
