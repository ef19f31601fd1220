"""The level of instance noise: a weight of the model, if it can be set."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_affsr.models import GANSuperResolver
from tests.models_tiny import DOWNSAMPLE
from tests.models_tiny import FIT
from tests.models_tiny import assert_same_arrays
from tests.models_tiny import images
from tests.models_tiny import tiny_discriminator
from tests.models_tiny import tiny_generator
from tests.models_tiny import weights

SCHEDULE = keras.optimizers.schedules.PolynomialDecay(0.4, 8, 0.0)

# Levels are float32.
ROUNDING = {"rtol": 1e-6, "atol": 0}


def make_model(noise_stddev, **compile_with):
    keras.utils.set_random_seed(1)
    model = GANSuperResolver(
        tiny_generator(),
        tiny_discriminator(),
        DOWNSAMPLE,
        noise_stddev=noise_stddev,
    )
    adam = keras.optimizers.Adam
    model.compile(adam(0.01), adam(0.01), **compile_with)
    return model


@pytest.mark.parametrize(
    "option",
    [{}, {"jit_compile": True}, {"run_eagerly": True}],
    ids=["graph", "xla", "eager"],
)
def test_a_level_that_was_set_is_that_of_a_model_made_with_it(option):
    # Also after a step, when the training has been compiled.
    model, twin = make_model(0.3, **option), make_model(0.05, **option)
    before = weights(twin)
    for each in (model, twin):
        each.train_on_batch(images())
    model.set_weights(before)  # The level is one of them.
    twin.set_weights(before)
    np.testing.assert_allclose(model.instance_noise, 0.05, **ROUNDING)
    logs = [
        each.train_on_batch(images(), return_dict=True)
        for each in (model, twin)
    ]
    assert logs[0] == logs[1]
    twin.set_weights(before)
    twin.instance_noise = 0.3
    other = twin.train_on_batch(images(), return_dict=True)
    assert abs(other["discriminator_loss"] - logs[0]["discriminator_loss"]) > (
        1e-4
    )


def test_a_level_of_zero_can_be_left_again():
    model = make_model(0.1)
    model.instance_noise = 0.0
    assert model.instance_noise == 0.0
    model.instance_noise = 0.2
    np.testing.assert_allclose(model.instance_noise, 0.2, **ROUNDING)


def test_training_leaves_the_level_alone():
    model = make_model(0.25)
    model.fit(images(), **FIT)
    assert model.instance_noise == 0.25


def test_the_level_of_a_schedule_is_that_of_the_step():
    model = make_model(SCHEDULE)
    levels = [model.instance_noise]
    for _ in range(2):
        model.train_on_batch(images())
        levels.append(model.instance_noise)
    np.testing.assert_allclose(levels, [0.4, 0.35, 0.3], **ROUNDING)


def test_a_model_that_is_not_compiled_has_the_first_level():
    for level, expected in ((SCHEDULE, 0.4), (0.25, 0.25), (0.0, 0.0)):
        model = GANSuperResolver(
            tiny_generator(),
            tiny_discriminator(),
            DOWNSAMPLE,
            noise_stddev=level,
        )
        np.testing.assert_allclose(model.instance_noise, expected, **ROUNDING)


def random_operations(model):
    """Returns how many operations of a step draw random numbers."""
    step = tf.function(model.train_step).get_concrete_function(
        tf.constant(images())
    )
    return sum("Random" in each.type for each in step.graph.get_operations())


def test_no_noise_costs_nothing():
    drawn = {level: random_operations(make_model(level)) for level in (0.0, 1)}
    assert drawn[0] == 0
    assert drawn[1] > 0
    names = [each.name for each in make_model(0.0).variables]
    assert "instance_noise" not in names


def test_a_level_that_was_set_is_saved_and_loaded(tmp_path):
    model = make_model(0.3)
    model.instance_noise = 0.125
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert (loaded.instance_noise, loaded.noise_stddev) == (0.125, 0.3)
    for each in (model, loaded):
        each.fit(images(), **FIT)
    assert_same_arrays(weights(loaded), weights(model))
    other = make_model(0.3)
    model.save_weights(tmp_path / "model.weights.h5")
    other.load_weights(tmp_path / "model.weights.h5")
    assert other.instance_noise == 0.125


def test_levels_that_cannot_be_set_say_so():
    for level, kind in ((0.0, "zero for good"), (SCHEDULE, "a schedule")):
        model = make_model(level)
        with pytest.raises(
            ValueError, match=rf"{kind}. Received: instance_noise=0.1.*Make it"
        ):
            model.instance_noise = 0.1
    model = make_model(0.1)
    for level in (-0.1, float("nan"), "loud"):
        with pytest.raises(ValueError, match="instance_noise="):
            model.instance_noise = level
    np.testing.assert_allclose(model.instance_noise, 0.1, **ROUNDING)
