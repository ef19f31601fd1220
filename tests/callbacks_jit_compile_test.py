"""All callbacks together, with steps that XLA compiles."""

import keras
import numpy as np
import pytest

from keras_affsr.callbacks import AdaptiveInstanceNoise
from keras_affsr.callbacks import ImageGrid
from keras_affsr.callbacks import StopOnNaN
from keras_affsr.callbacks import TrainingLog
from keras_affsr.callbacks.checkpoint import Checkpoint
from keras_affsr.models import GANSuperResolver
from keras_affsr.training.best_model import BestModel
from tests.models_tiny import DOWNSAMPLE
from tests.models_tiny import FIT
from tests.models_tiny import assert_same_arrays
from tests.models_tiny import images
from tests.models_tiny import tiny_discriminator
from tests.models_tiny import tiny_generator
from tests.resume_tiny import Interrupt
from tests.resume_tiny import states

pytestmark = pytest.mark.slow


def make_model():
    keras.utils.set_random_seed(1)
    model = GANSuperResolver(
        tiny_generator(noise_channels=1),
        tiny_discriminator(),
        DOWNSAMPLE,
        noise_stddev=0.1,
    )
    model.compile("adam", "rmsprop", jit_compile=True)
    return model


def train(directory, stop=None, epochs=3):
    """Trains from where the run in a directory is; returns the model."""
    model, high_res = make_model(), images(size=32)
    pairs = [(np.asarray(DOWNSAMPLE(high_res)), high_res)]
    best = BestModel(directory / "best.keras", pairs, [images(size=32, seed=1)])
    early = keras.callbacks.EarlyStopping("loss", patience=9)
    kept = [best, early]
    checkpoint = Checkpoint(directory / "checkpoints", callbacks=kept)
    callbacks = [
        StopOnNaN(checkpoint),
        AdaptiveInstanceNoise(target=0.7, rate=0.2),
        *kept,
        ImageGrid(pairs[0], directory / "images"),
        TrainingLog(directory / "log.csv"),
        checkpoint,
        Interrupt(stop),
    ]
    arguments = {"initial_epoch": checkpoint.restore(model), "epochs": epochs}
    try:
        model.fit(images(seed=2), callbacks=callbacks, **arguments, **FIT)
    except KeyboardInterrupt:
        assert stop is not None
    return model


def test_a_compiled_training_goes_on_to_the_last_bit(tmp_path):
    whole = train(tmp_path / "whole")
    train(tmp_path / "killed", stop=1)
    resumed = train(tmp_path / "killed")
    assert whole.jit_compile and resumed.jit_compile
    assert_same_arrays(states(resumed), states(whole))
    logs = [(tmp_path / run / "log.csv") for run in ("whole", "killed")]
    assert logs[0].read_text() == logs[1].read_text()
    assert len(logs[0].read_text().splitlines()) == 4
    pictures = sorted((tmp_path / "killed" / "images").iterdir())
    assert [each.name for each in pictures] == [
        f"epoch_{number:04d}.png" for number in (1, 2, 3)
    ]
    for each in pictures:
        twin = tmp_path / "whole" / "images" / each.name
        assert each.read_bytes() == twin.read_bytes()
    assert (tmp_path / "killed" / "best.keras").exists()
