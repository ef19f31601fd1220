import warnings

import keras
import numpy as np
import pytest

from keras_affsr.metrics import PSNR
from keras_affsr.models import GANSuperResolver
from tests.models_tiny import DOWNSAMPLE
from tests.models_tiny import FIT
from tests.models_tiny import assert_same_arrays
from tests.models_tiny import images
from tests.models_tiny import tiny_discriminator
from tests.models_tiny import tiny_generator
from tests.models_tiny import weights

POLICIES = ["float32", "mixed_float16", "mixed_bfloat16"]


def make_model(seed=1, noise_channels=0):
    """Makes a model with noise of both kinds, whose level falls all along."""
    keras.utils.set_random_seed(seed)
    model = GANSuperResolver(
        tiny_generator(noise_channels=noise_channels),
        tiny_discriminator(),
        DOWNSAMPLE,
        consistency_weight=0.1,
        noise_stddev=keras.optimizers.schedules.PolynomialDecay(0.3, 12, 0.0),
        discriminator_steps=2,
        seed=5,
    )
    model.compile(
        keras.optimizers.Adam(0.01, beta_1=0.5),
        keras.optimizers.RMSprop(0.02, momentum=0.9),
        metrics=[PSNR()],
    )
    return model


def states(model):
    """Returns all that training changes."""
    return (
        weights(model)
        + [np.asarray(each) for each in model.optimizer.variables]
        + [np.asarray(each) for each in model.discriminator_optimizer.variables]
    )


@pytest.mark.parametrize("noise_channels", [0, 2])
@pytest.mark.parametrize("policy", POLICIES)
def test_a_loaded_model_goes_on_as_if_never_stopped(
    policy, noise_channels, tmp_path
):
    keras.config.set_dtype_policy(policy)
    high_res = images()
    model = make_model(noise_channels=noise_channels)
    model.fit(high_res, epochs=2, **FIT)
    model.save(tmp_path / "model.keras")
    with warnings.catch_warnings():
        # "Skipping variable loading for optimizer", were one not built.
        warnings.simplefilter("error", UserWarning)
        loaded = keras.saving.load_model(tmp_path / "model.keras")
    for name in ("optimizer", "discriminator_optimizer"):
        one, other = getattr(loaded, name), getattr(model, name)
        assert type(one) is type(other)
        one, other = (getattr(o, "inner_optimizer", o) for o in (one, other))
        assert one.get_config() == other.get_config()
    assert int(loaded.optimizer.iterations) == 4
    assert int(loaded.discriminator_optimizer.iterations) == 8
    assert_same_arrays(states(loaded), states(model))
    histories = [each.fit(high_res, **FIT).history for each in (model, loaded)]
    assert histories[0] == histories[1]
    assert histories[0].keys() == {"loss", "discriminator_loss", "psnr"}
    assert_same_arrays(states(loaded), states(model))


class Interrupt(keras.callbacks.Callback):
    """Stops as a killed process would, at the start of an epoch."""

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 2:
            raise KeyboardInterrupt


@pytest.mark.parametrize("policy", POLICIES)
def test_an_interrupted_training_resumes_at_its_last_epoch(policy, tmp_path):
    keras.config.set_dtype_policy(policy)
    high_res = images()
    whole = make_model(noise_channels=2)
    whole.fit(high_res, epochs=3, **FIT)

    def backup():
        return keras.callbacks.BackupAndRestore(tmp_path / "backup")

    killed = make_model(noise_channels=2)
    with pytest.raises(KeyboardInterrupt):
        killed.fit(high_res, epochs=3, callbacks=[backup(), Interrupt()], **FIT)
    resumed = make_model(seed=2, noise_channels=2)
    history = resumed.fit(high_res, epochs=3, callbacks=[backup()], **FIT)
    assert history.epoch == [2]
    assert_same_arrays(states(resumed), states(whole))


def test_the_generator_alone_can_be_saved_and_loaded(tmp_path):
    model = make_model()
    model.fit(images(), **FIT)
    model.generator.save(tmp_path / "generator.keras")
    loaded = keras.saving.load_model(tmp_path / "generator.keras")
    low_res = images(size=8)
    np.testing.assert_array_equal(loaded(low_res), model(low_res))


def test_weights_alone_bring_both_optimizers_with_them(tmp_path):
    model, other = make_model(seed=1), make_model(seed=2)
    model.fit(images(), **FIT)
    model.save_weights(tmp_path / "model.weights.h5")
    other.load_weights(tmp_path / "model.weights.h5")
    assert_same_arrays(states(other), states(model))


def test_a_loaded_model_keeps_a_changed_learning_rate(tmp_path):
    model = make_model()
    model.optimizer.learning_rate = 0.003
    model.discriminator_optimizer.learning_rate = 0.004
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded.optimizer.learning_rate, 0.003)
    np.testing.assert_allclose(
        loaded.discriminator_optimizer.learning_rate, 0.004
    )


def test_slots_exist_before_the_first_step_for_each_network_alone():
    model = make_model()
    # Two of each weight, and the iterations and the learning rate.
    for optimizer, network in (
        (model.optimizer, model.generator),
        (model.discriminator_optimizer, model.discriminator),
    ):
        slots = 2 * len(network.trainable_variables)
        assert len(optimizer.variables) == slots + 2
