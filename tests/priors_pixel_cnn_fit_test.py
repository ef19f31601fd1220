import math
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_affsr.priors.dequantize import dequantize
from tests.models_tiny import assert_same_arrays
from tests.priors_tiny import images
from tests.priors_tiny import tiny_prior

POLICIES = ["float32", "mixed_float16", "mixed_bfloat16"]
# Arrays in their order, so that two trainings see the same batches.
FIT = {"batch_size": 2, "shuffle": False, "verbose": 0}


def compiled_prior(weights_seed=0, optimizer=None, **kwargs):
    prior = tiny_prior(weights_seed=weights_seed)
    prior.compile(optimizer or keras.optimizers.Adam(0.01), **kwargs)
    return prior


def states(prior):
    return [*prior.get_weights(), *prior.optimizer.variables]


def test_levels_are_spread_over_what_rounds_to_them():
    y = images(16)
    spread = np.asarray(dequantize(y, 0, 0, 0), "float64")
    assert spread.dtype == "float64" and spread.shape == y.shape
    offsets = 255 * (spread - y)
    # Float32 near one, times 255.
    assert np.all(np.abs(offsets) <= 0.5 + 255 * 2e-7)
    # Quarters of a thousand numbers: four standard errors.
    counts = np.histogram(offsets, 4, (-0.5, 0.5))[0] / offsets.size
    np.testing.assert_allclose(counts, 0.25, atol=4 * 0.43 / 896**0.5)
    # What is between two levels is rounded first.
    np.testing.assert_array_equal(dequantize(y + 0.4 / 255, 0, 0, 0), spread)


def test_the_noise_depends_on_seed_step_and_stream_alone():
    y = images()
    first, again, *others = (
        np.asarray(dequantize(y, *key))
        for key in [(1, 2, 3), (1, 2, 3), (2, 2, 3), (1, 3, 3), (1, 2, 4)]
    )
    np.testing.assert_array_equal(first, again)
    for other in others:
        assert np.mean(first == other) < 0.01


def test_a_step_follows_the_gradient_of_the_code_length():
    prior = compiled_prior(optimizer=keras.optimizers.SGD(0.1))
    y = images(2)
    weights = prior.trainable_variables
    with tf.GradientTape() as tape:
        bits = prior.bits_per_dim(dequantize(y, 0, 0, 0))
        loss = tf.reduce_mean(bits)
    gradients = tape.gradient(loss, weights)
    expected = [w - 0.1 * g for w, g in zip(weights, gradients)]
    logs = prior.train_on_batch(y, return_dict=True)
    assert logs.keys() == {"loss", "bits_per_dim"}
    for value in [*logs.values(), prior.coarseness]:
        np.testing.assert_allclose(value, loss, rtol=1e-6)
    for weight, value in zip(weights, expected):
        np.testing.assert_allclose(weight, value, rtol=0, atol=1e-6)


def test_each_step_has_noise_of_its_own():
    prior, y = compiled_prior(optimizer=keras.optimizers.SGD(0.0)), images(2)
    for step in range(3):
        expected = np.mean(prior.bits_per_dim(dequantize(y, 0, step, 0)))
        logs = prior.train_on_batch(y, return_dict=True)
        prior.reset_metrics()
        np.testing.assert_allclose(logs["loss"], expected, rtol=1e-6)
    assert np.mean(prior.bits_per_dim(dequantize(y, 0, 0, 0))) != expected


def test_a_trained_prior_comes_near_the_entropy_of_its_data():
    # Each number is half the one to its left and Gaussian noise of 10 levels.
    rng = np.random.default_rng(0)
    y = rng.normal(0, 10, (64, 12, 12, 1))
    for column in range(1, 12):
        y[:, :, column] += 0.5 * y[:, :, column - 1]
    y = np.round(127 + y) / 255
    prior = tiny_prior(adapt=False, neighbours=1)
    prior.compile(keras.optimizers.Adam(0.02, global_clipnorm=1.0))
    prior.fit(y.astype("float32"), epochs=30, batch_size=16, verbose=0)
    entropy = 0.5 * math.log2(2 * math.pi * math.e * 10**2)  # 5.37 bits
    bits = prior.evaluate(y.astype("float32"), verbose=0, return_dict=True)
    # Below it by what 10,000 numbers teach too much, and above it by what is
    # not learnt yet. Without the left neighbour it would be 0.2 higher.
    assert abs(bits["bits_per_dim"] - entropy) < 0.05
    assert abs(float(prior.coarseness) - entropy) < 0.1


def test_evaluation_repeats_itself_and_changes_nothing():
    prior = compiled_prior()
    y = images()
    before = states(prior)
    first = prior.evaluate(y, batch_size=2, verbose=0, return_dict=True)
    again = prior.evaluate(y, batch_size=2, verbose=0, return_dict=True)
    assert first == again
    assert first.keys() == {"loss", "bits_per_dim"}
    assert_same_arrays(states(prior), before)
    # The two batches are spread by noise of their own.
    same = np.concatenate([y[:2], y[:2]])
    both = prior.evaluate(same, batch_size=2, verbose=0)[0]
    assert both != prior.evaluate(y[:2], batch_size=2, verbose=0)[0]


def test_pairs_are_trained_on_as_their_high_resolution_images_are():
    y = images()
    low_res = y[:, ::2, ::2]
    one, other = compiled_prior(), compiled_prior()
    one.fit(y, **FIT)
    other.fit(low_res, y, **FIT)
    assert_same_arrays(states(other), states(one))


@pytest.mark.parametrize("policy", POLICIES)
def test_training_compiled_by_xla_lowers_the_code_length(policy):
    keras.config.set_dtype_policy(policy)
    prior = compiled_prior(jit_compile=True)
    logs = prior.fit(images(), epochs=5, validation_data=images(), **FIT)
    bits = logs.history["bits_per_dim"]
    assert bits == sorted(bits, reverse=True)
    assert logs.history["loss"] == bits
    assert "val_bits_per_dim" in logs.history
    assert bits[-1] < float(prior.coarseness) < bits[0]


@pytest.mark.parametrize("policy", ["float64", "bfloat16"])
def test_policies_of_other_weights_mean_float32(policy):
    exact = tiny_prior()
    keras.config.set_dtype_policy(policy)
    prior = tiny_prior()
    np.testing.assert_array_equal(
        prior.log_prob(images()), exact.log_prob(images())
    )
    prior.compile()
    prior.fit(images(), **FIT)


@pytest.mark.parametrize("policy", POLICIES)
def test_a_loaded_prior_goes_on_as_if_never_stopped(policy, tmp_path):
    keras.config.set_dtype_policy(policy)
    y = images()
    prior = compiled_prior(optimizer=keras.optimizers.Adam(0.01, clipnorm=1.0))
    prior.fit(y, epochs=2, **FIT)
    prior.save(tmp_path / "prior.keras")
    with warnings.catch_warnings():
        # "Skipping variable loading for optimizer", were it not built.
        warnings.simplefilter("error", UserWarning)
        loaded = keras.saving.load_model(tmp_path / "prior.keras")
    assert_same_arrays(states(loaded), states(prior))
    assert loaded.optimizer.get_config() == prior.optimizer.get_config()
    histories = [each.fit(y, **FIT).history for each in (prior, loaded)]
    assert histories[0] == histories[1]
    assert_same_arrays(states(loaded), states(prior))


class Interrupt(keras.callbacks.Callback):
    """Stops as a killed process would, at the start of an epoch."""

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 2:
            raise KeyboardInterrupt


def test_an_interrupted_training_resumes_at_its_last_epoch(tmp_path):
    def backup():
        return keras.callbacks.BackupAndRestore(tmp_path / "backup")

    whole, killed = compiled_prior(), compiled_prior()
    whole.fit(images(), epochs=3, **FIT)
    with pytest.raises(KeyboardInterrupt):
        killed.fit(images(), epochs=3, callbacks=[backup(), Interrupt()], **FIT)
    resumed = compiled_prior(weights_seed=2)
    history = resumed.fit(images(), epochs=3, callbacks=[backup()], **FIT)
    assert history.epoch == [2]
    assert_same_arrays(states(resumed), states(whole))


def test_the_coarseness_falls_and_forgets_what_is_not_a_number():
    prior = compiled_prior()
    assert np.isinf(prior.coarseness)
    path = []
    for _ in range(5):
        prior.fit(images(), **FIT)
        path.append(float(prior.coarseness))
    assert path == sorted(path, reverse=True)
    prior._coarseness.assign(np.nan)
    logs = prior.train_on_batch(images(), return_dict=True)
    assert float(prior.coarseness) == pytest.approx(logs["loss"])


def test_the_optimizer_defaults_to_clipped_adam():
    prior = tiny_prior()
    prior.compile()
    assert type(prior.optimizer) is keras.optimizers.Adam
    assert prior.optimizer.global_clipnorm == 1.0
    # Slots exist before the first step, which is when they are restored.
    slots = 2 * len(prior.trainable_variables)
    assert len(prior.optimizer.variables) == slots + 2


@pytest.mark.parametrize("name", ["loss", "metrics"])
def test_other_losses_are_refused(name):
    with pytest.raises(ValueError, match=f"Received: {name}=.*Leave it out"):
        tiny_prior().compile(**{name: ["mse"]})


def test_sample_weights_are_refused():
    with pytest.raises(ValueError, match="takes no sample weights"):
        compiled_prior().fit(
            images(), images(), sample_weight=np.ones(4), **FIT
        )
