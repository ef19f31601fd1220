import keras
import numpy as np
import pytest

from keras_affsr.models import GANSuperResolver
from tests.models_tiny import DOWNSAMPLE
from tests.models_tiny import FIT
from tests.models_tiny import assert_same_arrays
from tests.models_tiny import images
from tests.models_tiny import mean_discriminator
from tests.models_tiny import plain_generator
from tests.models_tiny import tiny_discriminator
from tests.models_tiny import tiny_generator
from tests.models_tiny import weights

# Of the standard deviation of 4096 numbers: four standard errors and a half.
LEVEL_TOLERANCE = {"rtol": 0.05, "atol": 0}

# Mean square of float32 rounding errors of numbers up to one: about 1e-15.
CONSISTENT = 1e-14


class Recorder(keras.Model):
    """A discriminator that keeps what it was shown."""

    def __init__(self):
        super().__init__()
        self.network = mean_discriminator(1.0, 0.0)
        self.shown = []
        self.built = True

    def call(self, inputs):
        self.shown.append(np.asarray(inputs))
        return self.network(inputs)


def noise_of(num_steps, rate=0.0, **kwargs):
    """Returns the instance noise of each step, and the model."""
    high_res = images()
    recorder = Recorder()
    model = GANSuperResolver(plain_generator(), recorder, DOWNSAMPLE, **kwargs)
    model.compile(
        keras.optimizers.SGD(0.0), keras.optimizers.SGD(0.0), run_eagerly=True
    )
    clean = np.concatenate([high_res, model(DOWNSAMPLE(high_res))])
    noises = []
    for _ in range(num_steps):
        recorder.shown.clear()
        model.train_on_batch(high_res)
        noises.append(
            np.concatenate(recorder.shown)
            - np.tile(clean, (kwargs.get("discriminator_steps", 1), 1, 1, 1))
        )
    return noises, model


def test_a_float_is_the_level_of_noise_at_all_steps():
    noises, _ = noise_of(2, noise_stddev=0.3)
    for noise in noises:
        np.testing.assert_allclose(noise.std(), 0.3, **LEVEL_TOLERANCE)
        assert abs(noise.mean()) < 0.02  # Four standard errors.


def test_a_schedule_is_the_level_of_noise_at_each_step():
    schedule = keras.optimizers.schedules.PolynomialDecay(0.4, 4, 0.0)
    noises, _ = noise_of(5, noise_stddev=schedule)
    for step in range(4):
        level = 0.4 * (1 - step / 4)
        np.testing.assert_allclose(noises[step].std(), level, **LEVEL_TOLERANCE)
    np.testing.assert_array_equal(noises[4], 0)


def test_no_noise_is_none():
    (noise,), _ = noise_of(1)
    np.testing.assert_array_equal(noise, 0)


def correlation(one, other):
    return abs(np.corrcoef(np.ravel(one), np.ravel(other))[0, 1])


def test_noise_is_a_function_of_seed_and_step():
    (first, second), _ = noise_of(2, noise_stddev=0.3, seed=1)
    (again,), _ = noise_of(1, noise_stddev=0.3, seed=1)
    (other,), _ = noise_of(1, noise_stddev=0.3, seed=2)
    # Of images that differ in a bit of rounding, as the networks do.
    np.testing.assert_allclose(first[:8], again[:8], rtol=0, atol=1e-6)
    # Independent numbers, 2048 or more: four standard errors.
    for one, two in ((first, second), (first, other), (first[:8], first[8:])):
        assert correlation(one, two) < 0.09


def test_each_discriminator_step_has_noise_of_its_own():
    (noise,), _ = noise_of(1, noise_stddev=0.3, discriminator_steps=2)
    assert len(noise) == 2 * 16
    assert correlation(noise[:16], noise[16:]) < 0.09


def test_noise_follows_the_steps_of_the_generator():
    _, model = noise_of(2, noise_stddev=0.3, discriminator_steps=3)
    assert int(model.optimizer.iterations) == 2
    assert int(model.discriminator_optimizer.iterations) == 6


@pytest.mark.parametrize(
    "level", [0.25, keras.optimizers.schedules.PolynomialDecay(0.4, 4, 0.1)]
)
def test_the_level_of_noise_is_in_the_config(level):
    model = GANSuperResolver(
        tiny_generator(),
        tiny_discriminator(),
        DOWNSAMPLE,
        noise_stddev=level,
        discriminator_steps=2,
        seed=7,
    )
    config = keras.saving.serialize_keras_object(model)
    clone = keras.saving.deserialize_keras_object(config)
    assert (clone.discriminator_steps, clone.seed) == (2, 7)
    if isinstance(level, float):
        assert clone.noise_stddev == level
    else:
        assert clone.noise_stddev.get_config() == level.get_config()


def stochastic_gan(**kwargs):
    keras.utils.set_random_seed(1)
    model = GANSuperResolver(
        tiny_generator(noise_channels=2),
        tiny_discriminator(),
        DOWNSAMPLE,
        **kwargs,
    )
    adam = keras.optimizers.Adam
    model.compile(adam(0.01), adam(0.01))
    return model


def test_a_stochastic_generator_trains_and_samples_what_was_measured():
    model = stochastic_gan()
    before = weights(model.generator)
    history = model.fit(images(), epochs=2, **FIT).history
    assert np.all(np.isfinite(history["loss"]))
    # The noise is used: its part of the first kernel moved.
    assert np.any(weights(model.generator)[0][:, :, 1:] != before[0][:, :, 1:])
    low_res = np.asarray(DOWNSAMPLE(images(seed=5)))
    samples = [model.predict(low_res, verbose=0) for _ in range(2)]
    noise = np.random.default_rng(0).normal(size=(8, 8, 8, 2))
    samples.append(np.asarray(model(low_res, noise.astype("float32"))))
    for sample in samples:
        error = np.asarray(DOWNSAMPLE(sample)) - low_res
        assert np.mean(error**2) <= CONSISTENT
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert np.std(samples[one] - samples[other]) > 1e-3


def test_given_noise_gives_the_same_sample():
    model = stochastic_gan()
    low_res = DOWNSAMPLE(images())
    noise = keras.random.normal((8, 8, 8, 2), seed=9)  # Not the model's own.
    np.testing.assert_array_equal(
        model(low_res, noise), model.generator([low_res, noise])
    )


def test_training_draws_by_the_seed_and_not_by_the_global_one():
    results = []
    for global_seed, seed in ((3, 0), (4, 0), (3, 1)):
        model = stochastic_gan(seed=seed)
        keras.utils.set_random_seed(global_seed)
        model.fit(images(), **FIT)
        results.append(weights(model))
    assert_same_arrays(results[0], results[1])
    assert np.any(results[0][0] != results[2][0])


def test_each_step_has_a_sample_of_its_own():
    model = stochastic_gan()
    model.compile(keras.optimizers.SGD(0.0), keras.optimizers.SGD(0.0))
    before = weights(model)
    losses = []
    for _ in range(2):
        # Batch norm's statistics are all that could differ otherwise.
        model.set_weights(before)
        logs = model.train_on_batch(images(), return_dict=True)
        losses.append(float(logs["loss"]))
    assert abs(losses[0] - losses[1]) > 1e-6


def test_levels_that_will_not_do_are_refused():
    for level in (-0.1, "loud", float("nan")):
        with pytest.raises(ValueError, match="noise_stddev"):
            GANSuperResolver(
                plain_generator(),
                mean_discriminator(1.0, 0.0),
                DOWNSAMPLE,
                noise_stddev=level,
            )
