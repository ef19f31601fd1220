"""Samples of stochastic generators."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_affsr.models import GANSuperResolver
from keras_affsr.models import SuperResolver
from keras_affsr.models import noise
from tests.models_tiny import DOWNSAMPLE
from tests.models_tiny import FIT
from tests.models_tiny import images
from tests.models_tiny import plain_generator
from tests.models_tiny import tiny_discriminator
from tests.models_tiny import tiny_generator

# Mean square of float32 rounding errors of numbers up to one: about 1e-15.
CONSISTENT = 1e-14

# Batches of other sizes may be added up in another order: float32 rounding of
# numbers near one.
ROUNDING = {"rtol": 0, "atol": 1e-6}

POLICIES = ["float32", "mixed_float16", "mixed_bfloat16"]


def make_model(project=True, **compile_with):
    """Makes a stochastic AffGAN, trained a little."""
    keras.utils.set_random_seed(1)
    model = GANSuperResolver(
        tiny_generator(noise_channels=2, project=project),
        tiny_discriminator(),
        DOWNSAMPLE,
    )
    model.compile(
        keras.optimizers.Adam(0.01), keras.optimizers.Adam(0.01), **compile_with
    )
    model.fit(images(), **FIT)
    return model


def low_res_images(count=3):
    return np.asarray(DOWNSAMPLE(images(count=count, seed=5)))


def test_samples_are_those_of_the_generator_on_noise():
    model, low_res = make_model(), low_res_images()
    samples = model.sample(low_res, num_samples=2, seed=4)
    for number, sample in enumerate(samples):
        values = noise.normal((3, 8, 8, 2), 4, number, noise.SAMPLE_STREAM)
        expected = model(low_res, values, training=False)
        np.testing.assert_allclose(sample, expected, **ROUNDING)


@pytest.mark.parametrize("policy", POLICIES)
def test_every_sample_agrees_with_the_measurement(policy):
    keras.config.set_dtype_policy(policy)
    model, low_res = make_model(), low_res_images()
    samples = model.sample(low_res, num_samples=4)
    assert samples.shape == (4, 3, 16, 16, 1)
    assert samples.dtype == "float32"
    for sample in samples:
        error = np.asarray(DOWNSAMPLE(sample)) - low_res
        assert np.mean(error**2) <= CONSISTENT
    for first in range(4):
        for second in range(first):
            assert np.std(samples[first] - samples[second]) > 1e-3


def test_the_images_of_a_batch_have_noise_of_their_own():
    low_res = np.repeat(low_res_images(1), 2, axis=0)
    (sample,) = make_model().sample(low_res)
    assert np.std(sample[0] - sample[1]) > 1e-3


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_a_generator_of_half_precision_has_samples_of_float32(policy):
    low_res = keras.Input((None, None, 1))
    values = keras.Input((None, None, 1))
    tensor = keras.layers.Concatenate(dtype=policy)([low_res, values])
    tensor = keras.layers.Conv2D(1, 1, dtype=policy)(tensor)
    tensor = keras.layers.UpSampling2D(2, dtype=policy)(tensor)
    model = SuperResolver(keras.Model([low_res, values], tensor), DOWNSAMPLE)
    assert "16" in keras.backend.standardize_dtype(
        model(low_res_images()).dtype
    )
    assert model.sample(low_res_images()).dtype == "float32"


def test_samples_without_a_projection_disagree():
    model, low_res = make_model(project=False), low_res_images()
    error = np.asarray(DOWNSAMPLE(model.sample(low_res)[0])) - low_res
    assert np.mean(error**2) > 1e6 * CONSISTENT


def test_the_seed_and_nothing_else_decides():
    model, low_res = make_model(), low_res_images()
    first = model.sample(low_res, seed=1)
    keras.utils.set_random_seed(7)
    model.predict(low_res, verbose=0)  # Moves the random state of `call`.
    np.testing.assert_array_equal(model.sample(low_res, seed=1), first)
    assert np.std(model.sample(low_res, seed=2) - first) > 1e-3


@pytest.mark.parametrize("batch_size", [1, 2, 4, 32])
def test_the_first_samples_are_the_same_whatever_their_number(batch_size):
    model, low_res = make_model(), low_res_images()
    many = model.sample(low_res, num_samples=5)
    few = model.sample(low_res, num_samples=2, batch_size=batch_size)
    np.testing.assert_allclose(few, many[:2], **ROUNDING)


def test_sampling_changes_nothing():
    model = make_model()
    before = model.get_weights()
    model.sample(low_res_images())
    for one, other in zip(model.get_weights(), before):
        np.testing.assert_array_equal(one, other)


def test_a_loaded_model_has_the_same_samples(tmp_path):
    model, low_res = make_model(), low_res_images()
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded.sample(low_res), model.sample(low_res))


@pytest.mark.parametrize(
    "option",
    [{"jit_compile": True}, {"run_eagerly": True}, {"steps_per_execution": 2}],
)
def test_samples_are_the_same_however_they_are_computed(option):
    low_res = low_res_images()
    model = make_model()
    expected = model.sample(low_res, num_samples=3, batch_size=4)
    model.compile("adam", "adam", **option)
    samples = model.sample(low_res, num_samples=3, batch_size=4)
    np.testing.assert_allclose(samples, expected, **ROUNDING)


def test_a_model_that_was_never_compiled_can_sample():
    model = SuperResolver(tiny_generator(noise_channels=1), DOWNSAMPLE)
    assert model.sample(tf.constant(low_res_images())).shape[:2] == (1, 3)


def test_prediction_takes_noise_with_the_images():
    model, low_res = make_model(), low_res_images()
    values = np.random.default_rng(0).normal(size=(3, 8, 8, 2))
    values = values.astype("float32")
    expected = model(low_res, values, training=False)
    for result in (
        model.predict((low_res, values), batch_size=2, verbose=0),
        model.predict_on_batch([low_res, values]),
    ):
        np.testing.assert_allclose(result, expected, **ROUNDING)


def test_prediction_without_noise_draws_it_anew():
    model, low_res = make_model(), low_res_images()
    first, second = (model.predict(low_res, verbose=0) for _ in range(2))
    assert np.std(first - second) > 1e-3


def test_what_cannot_be_sampled_is_refused():
    low_res = low_res_images()
    model = SuperResolver(plain_generator(), DOWNSAMPLE, name="mine")
    with pytest.raises(ValueError, match=r"`mine` has nothing to draw.*noise_"):
        model.sample(low_res)
    model = SuperResolver(tiny_generator(noise_channels=1), DOWNSAMPLE)
    with pytest.raises(ValueError, match="num_samples=0"):
        model.sample(low_res, num_samples=0)
    with pytest.raises(ValueError, match="seed=-1"):
        model.sample(low_res, seed=-1)
    with pytest.raises(ValueError, match=r"batch_size=0\.5"):
        model.sample(low_res, batch_size=0.5)
    with pytest.raises(ValueError, match=r"`low_res` as floats .* uint8"):
        model.sample((255 * low_res).astype("uint8"))
