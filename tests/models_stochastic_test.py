"""Training and evaluation of a plain model whose generator takes noise."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_affsr.metrics import PSNR
from keras_affsr.models import SuperResolver
from keras_affsr.models import noise
from tests.models_tiny import DOWNSAMPLE
from tests.models_tiny import FIT
from tests.models_tiny import assert_same_arrays
from tests.models_tiny import images
from tests.models_tiny import tiny_generator
from tests.models_tiny import weights

# Means of float32 numbers, added in another order.
TOLERANCE = {"rtol": 1e-5, "atol": 0}

POLICIES = ["float32", "mixed_float16", "mixed_bfloat16"]


def make_model(seed=3, optimizer=None, **compile_with):
    keras.utils.set_random_seed(1)
    model = SuperResolver(
        tiny_generator(noise_channels=2), DOWNSAMPLE, seed=seed
    )
    model.compile(
        optimizer or keras.optimizers.Adam(0.01), "mse", **compile_with
    )
    return model


def test_each_step_draws_by_its_number():
    high_res, model = images(), make_model(optimizer=keras.optimizers.SGD(0.0))
    low_res, before = DOWNSAMPLE(high_res), weights(model)
    losses = []
    for step in range(3):
        model.set_weights(before)  # Of batch norm's averages.
        values = noise.normal((8, 8, 8, 2), 3, step, noise.GENERATOR_STREAM)
        generated = np.asarray(model(low_res, values, training=True))
        model.set_weights(before)
        logs = model.train_on_batch(high_res, return_dict=True)
        losses.append(float(logs["loss"]))
        expected = np.mean((high_res - generated) ** 2, dtype="float64")
        np.testing.assert_allclose(losses[-1], expected, **TOLERANCE)
    assert len(set(losses)) == 3


def test_each_batch_of_an_evaluation_has_noise_of_its_own():
    high_res = np.repeat(images(count=1), 8, axis=0)
    model = make_model(metrics=[PSNR()])
    shown = []

    def keep(low_res, high_res, generated):
        shown.append(np.asarray(generated))
        return {}

    model.compute_metrics = keep
    for start in (0, 4):
        model.test_step(tf.constant(high_res[start : start + 4]))
    assert np.std(shown[0] - shown[1]) > 1e-3


def test_evaluation_repeats_itself():
    model = make_model()
    first = model.evaluate(images(), batch_size=2, verbose=0)
    model.predict(np.asarray(DOWNSAMPLE(images())), verbose=0)
    assert model.evaluate(images(), batch_size=2, verbose=0) == first


def test_training_draws_by_the_seed_and_not_by_the_global_one():
    results = []
    for global_seed, seed in ((3, 0), (4, 0), (3, 1)):
        model = make_model(seed)
        keras.utils.set_random_seed(global_seed)
        model.fit(images(), **FIT)
        results.append(weights(model))
    assert_same_arrays(results[0], results[1])
    assert np.any(results[0][0] != results[2][0])


def test_several_steps_per_execution_give_the_same_model():
    results = []
    for steps in (1, 2):
        model = make_model(steps_per_execution=steps)
        model.fit(images(), **FIT)
        results.append(weights(model))
    assert_same_arrays(*results)


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("option", ["jit_compile", "run_eagerly"])
def test_it_trains_however_it_is_computed(policy, option):
    keras.config.set_dtype_policy(policy)
    model = make_model(metrics=[PSNR()], **{option: True})
    losses = model.fit(images(), epochs=4, **FIT).history["loss"]
    assert losses[-1] < losses[0]
    assert np.isfinite(model.evaluate(images(), verbose=0)).all()


def test_float16_scales_the_loss():
    keras.config.set_dtype_policy("mixed_float16")
    high_res = images()
    model = make_model(
        optimizer=keras.optimizers.LossScaleOptimizer(
            keras.optimizers.SGD(1.0), initial_scale=2.0**60
        )
    )
    before = [np.copy(each.value) for each in model.trainable_variables]
    # Gradients beyond 65504 are infinite: the step is left out.
    model.train_on_batch(high_res)
    assert_same_arrays(model.trainable_variables, before)
    assert float(model.optimizer.dynamic_scale) == 2.0**59
