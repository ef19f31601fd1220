import warnings

import keras
import numpy as np
import pytest

from keras_affsr.layers import GaussianDownsample
from keras_affsr.metrics import PSNR
from keras_affsr.models import SuperResolver
from tests.models_tiny import DOWNSAMPLE
from tests.models_tiny import FIT
from tests.models_tiny import assert_same_arrays
from tests.models_tiny import images
from tests.models_tiny import tiny_generator
from tests.models_tiny import weights

POLICIES = ["float32", "mixed_float16", "mixed_bfloat16"]


def make_model(seed=1, noise_channels=0):
    keras.utils.set_random_seed(seed)
    generator = tiny_generator(noise_channels=noise_channels)
    model = SuperResolver(generator, DOWNSAMPLE, consistency_weight=0.1)
    optimizer = keras.optimizers.Adam(0.01, clipnorm=1.0, use_ema=True)
    model.compile(optimizer, loss="mae", metrics=[PSNR()])
    return model


def test_the_config_makes_the_same_model():
    model = SuperResolver(
        tiny_generator(),
        GaussianDownsample(2, sigma=1.5),
        0.25,
        seed=3,
        name="mine",
    )
    config = keras.saving.serialize_keras_object(model)
    clone = keras.saving.deserialize_keras_object(config)
    assert type(clone) is SuperResolver
    assert (clone.consistency_weight, clone.seed) == (0.25, 3)
    assert (clone.name, clone.downsample.sigma) == ("mine", 1.5)
    assert clone.generator.get_config() == model.generator.get_config()


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
        # "Skipping variable loading for optimizer", were it not built.
        warnings.simplefilter("error", UserWarning)
        loaded = keras.saving.load_model(tmp_path / "model.keras")
    low_res = np.asarray(DOWNSAMPLE(high_res))
    noise = np.ones((8, 8, 8, 2), "float32") if noise_channels else None
    np.testing.assert_array_equal(loaded(low_res, noise), model(low_res, noise))
    assert loaded.optimizer.get_config() == model.optimizer.get_config()
    assert int(loaded.optimizer.iterations) == 4
    assert_same_arrays(loaded.optimizer.variables, model.optimizer.variables)
    histories = [each.fit(high_res, **FIT).history for each in (model, loaded)]
    assert histories[0] == histories[1]
    assert histories[0].keys() == {"loss", "psnr"}
    assert_same_arrays(weights(loaded), weights(model))
    assert_same_arrays(loaded.optimizer.variables, model.optimizer.variables)


class Interrupt(keras.callbacks.Callback):
    """Stops as a killed process would, at the start of an epoch."""

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 2:
            raise KeyboardInterrupt


def test_an_interrupted_training_resumes_at_its_last_epoch(tmp_path):
    high_res = images()
    whole = make_model(noise_channels=2)
    whole.fit(high_res, epochs=3, **FIT)

    def backup():
        return keras.callbacks.BackupAndRestore(tmp_path / "backup")

    killed = make_model(noise_channels=2)
    with pytest.raises(KeyboardInterrupt):
        killed.fit(high_res, epochs=3, callbacks=[backup(), Interrupt()], **FIT)
    resumed = make_model(seed=2, noise_channels=2)
    resumed.predict(np.asarray(DOWNSAMPLE(high_res)), verbose=0)
    resumed.fit(high_res, epochs=3, callbacks=[backup()], **FIT)
    assert_same_arrays(weights(resumed), weights(whole))


def test_weights_alone_bring_the_optimizer_with_them(tmp_path):
    model, other = make_model(seed=1), make_model(seed=2)
    model.fit(images(), **FIT)
    model.save_weights(tmp_path / "model.weights.h5")
    other.load_weights(tmp_path / "model.weights.h5")
    assert_same_arrays(weights(other), weights(model))
    assert_same_arrays(other.optimizer.variables, model.optimizer.variables)


def test_a_model_that_was_never_compiled_can_be_saved(tmp_path):
    model = SuperResolver(tiny_generator(), DOWNSAMPLE)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    low_res = images(size=8)
    np.testing.assert_array_equal(loaded(low_res), model(low_res))
    assert not loaded.compiled


def test_the_generator_alone_can_be_saved_and_loaded(tmp_path):
    model = make_model()
    model.fit(images(), **FIT)
    model.generator.save(tmp_path / "generator.keras")
    loaded = keras.saving.load_model(tmp_path / "generator.keras")
    low_res = images(size=8)
    np.testing.assert_array_equal(loaded(low_res), model(low_res))
    again = SuperResolver(loaded, DOWNSAMPLE)
    again.compile("adam", loss="mse")
    again.fit(images(), **FIT)


def test_slots_exist_before_the_first_step_for_the_generator_alone():
    model = make_model()
    slots = 3 * len(model.generator.trainable_variables)  # m, v and average.
    # Also the iterations and the learning rate.
    assert len(model.optimizer.variables) == slots + 2
