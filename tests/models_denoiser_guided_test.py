import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_affsr.metrics import PSNR
from keras_affsr.models import DenoiserGuidedSuperResolver
from tests.models_guided_tiny import PAIR
from tests.models_guided_tiny import exact_conditional_denoiser
from tests.models_guided_tiny import exact_denoiser
from tests.models_guided_tiny import linear_generator
from tests.models_guided_tiny import mode
from tests.models_guided_tiny import repeated
from tests.models_guided_tiny import score
from tests.models_guided_tiny import stochastic_generator
from tests.models_guided_tiny import tiny_denoiser
from tests.models_guided_tiny import vectors
from tests.models_tiny import DOWNSAMPLE
from tests.models_tiny import FIT
from tests.models_tiny import assert_same_arrays
from tests.models_tiny import images
from tests.models_tiny import plain_generator
from tests.models_tiny import tiny_generator
from tests.models_tiny import weights

# Rounding of float32 numbers of size three, divided by sigma^2 of 1/4.
TOLERANCE = {"rtol": 1e-5, "atol": 1e-5}

FALLING = keras.optimizers.schedules.PolynomialDecay(2.0, 4, 0.5)


def toy_model(prior, generator=None, rate=0.0, **kwargs):
    model = DenoiserGuidedSuperResolver(
        generator or linear_generator(), prior, PAIR, **kwargs
    )
    model.compile(keras.optimizers.SGD(rate))
    return model


def gradient(model, generated):
    """Returns the gradient of the guidance in the images, and the loss."""
    generated = tf.constant(generated)
    with tf.GradientTape() as tape:
        tape.watch(generated)
        loss, _ = model.guidance(generated, 0)
    return tape.gradient(loss, generated), loss


@pytest.mark.parametrize("stddev", [0.5, 2.0])
def test_the_gradient_is_minus_the_score_per_value(stddev):
    points = vectors()
    found, loss = gradient(toy_model(exact_denoiser(stddev)), points)
    expected = score(points, stddev)
    np.testing.assert_allclose(found, -expected / points.size, **TOLERANCE)
    np.testing.assert_allclose(loss, np.mean(expected**2) / 2, **TOLERANCE)


def test_at_a_low_level_the_gradient_is_that_of_the_density_itself():
    # See the test of the same name for the prior.
    points = vectors()
    found, _ = gradient(toy_model(exact_denoiser(0.05)), points)
    expected = -score(points) / points.size
    assert np.linalg.norm(found - expected) < 0.01 * np.linalg.norm(expected)


def test_with_noisy_input_the_gradient_has_the_same_mean():
    point, count = np.array([[1.0, 0.2]], "float32"), 20_000
    points = np.repeat(point, count, axis=0)
    model = toy_model(exact_denoiser(0.5), noisy_input=True)
    found = -gradient(model, points)[0].numpy() * points.size
    # Five standard errors of the mean of 20,000 numbers of size one.
    np.testing.assert_allclose(
        found.mean(axis=0), score(point, 0.5)[0], atol=0.04
    )
    # The noise of sigma is what the score's matrix makes of it.
    spread = 0.5 * np.linalg.norm(score(np.eye(2), 0.5) - score([[0, 0]], 0.5))
    np.testing.assert_allclose(
        np.linalg.norm(found.std(axis=0)), spread, rtol=0.03
    )


def test_the_update_goes_down_the_gradient_at_the_generator():
    points = vectors()
    low_res = np.asarray(PAIR(points))
    model = toy_model(exact_denoiser(0.5), linear_generator(False), rate=1.0)
    kernel, bias = model.generator.get_weights()
    pull = score(np.asarray(model(low_res)), 0.5) / points.size
    model.train_on_batch(points)
    expected = [kernel + low_res.T @ pull, bias + pull.sum(axis=0)]
    for found, value in zip(model.generator.get_weights(), expected):
        np.testing.assert_allclose(found, value, **TOLERANCE)


def test_noise_is_new_at_each_step_and_stays_as_it_was_without():
    for noisy_input in (False, True):
        model = toy_model(exact_denoiser(0.5), noisy_input=noisy_input)
        losses = [model.train_on_batch(vectors())[0] for _ in range(3)]
        assert len(set(losses)) == (3 if noisy_input else 1)


def updates(policy):
    """Returns all that a step adds to a generator, in one vector."""
    keras.config.set_dtype_policy(policy)
    keras.utils.set_random_seed(1)
    model = DenoiserGuidedSuperResolver(
        tiny_generator(), tiny_denoiser(), DOWNSAMPLE
    )
    model.compile(keras.optimizers.SGD(0.1))
    variables = model.generator.trainable_variables
    before = [np.copy(each.value) for each in variables]
    model.train_on_batch(images())
    changes = [each.numpy() - old for each, old in zip(variables, before)]
    return np.concatenate([np.ravel(change) for change in changes])


def test_a_scaled_step_is_that_of_float32():
    expected = updates("float32")
    error = updates("mixed_float16") - expected
    # A loss that was not scaled would move it by 1/32768 as much: an error of
    # one. Rounding switches a few ReLUs.
    assert np.linalg.norm(error) < 0.2 * np.linalg.norm(expected)


@pytest.mark.parametrize("noisy_input", [False, True])
def test_training_ends_at_the_most_probable_image(noisy_input):
    # For a Gaussian the noise added to the input does not move the mode.
    model = toy_model(exact_denoiser(0.5), noisy_input=noisy_input)
    rate = keras.optimizers.schedules.PolynomialDecay(1.0, 300, 0.0)
    model.compile(
        keras.optimizers.SGD(rate, momentum=0.5), steps_per_execution=100
    )
    points = vectors(300)
    model.fit(repeated(points, 300), verbose=0)
    low_res = np.asarray(PAIR(points))
    # Noise of 300 points is averaged over about 100 steps.
    np.testing.assert_allclose(
        model.predict(low_res, verbose=0), mode(low_res, 0.5), atol=0.02
    )


def test_the_level_follows_its_schedule():
    prior, points = exact_conditional_denoiser(0.5, 2.0), vectors()
    model = toy_model(prior, noise_stddev=FALLING)
    for step in (0, 2, 4, 9):
        model.optimizer.iterations.assign(step)
        expected = (points - 0.5) / (1 + float(FALLING(step)) ** 2)
        found, _ = gradient(model, points)
        np.testing.assert_allclose(found, expected / points.size, **TOLERANCE)
    model = toy_model(prior)  # At the least level.
    found, _ = gradient(model, points)
    expected = (points - 0.5) / (1 + 0.5**2)
    np.testing.assert_allclose(found, expected / points.size, **TOLERANCE)


@pytest.mark.parametrize("method", ["train_on_batch", "test_on_batch"])
def test_the_losses_are_those_of_the_formulas(method):
    high_res = images()
    low_res = DOWNSAMPLE(high_res)
    model = DenoiserGuidedSuperResolver(
        plain_generator(project=False), tiny_denoiser(), DOWNSAMPLE, 0.7
    )
    model.compile("sgd", metrics=[PSNR()])
    generated = model(low_res)
    pull = np.asarray(model.denoiser.score(generated), "float64")
    error = np.abs(low_res - DOWNSAMPLE(generated))
    logs = getattr(model, method)(low_res, high_res, return_dict=True)
    assert logs.keys() == {"loss", "score", "psnr"}
    np.testing.assert_allclose(
        logs["loss"], 0.5 * np.mean(pull**2) + 0.7 * error.mean(), rtol=1e-4
    )
    np.testing.assert_allclose(
        logs["score"], np.sqrt(np.mean(pull**2)), rtol=1e-4
    )


def test_pairs_and_high_resolution_images_train_the_same():
    logs = []
    for data in ((images(),), (np.asarray(DOWNSAMPLE(images())), images())):
        keras.utils.set_random_seed(1)
        model = DenoiserGuidedSuperResolver(
            tiny_generator(), tiny_denoiser(), DOWNSAMPLE, noisy_input=True
        )
        model.compile("adam")
        logs.append(model.fit(*data, epochs=2, **FIT).history)
    assert logs[0] == logs[1]


def test_nothing_of_the_denoiser_moves():
    prior = tiny_denoiser()
    model = DenoiserGuidedSuperResolver(
        tiny_generator(), prior, DOWNSAMPLE, noisy_input=True
    )
    model.compile("adam")
    # Two of each weight, and the iterations and the learning rate.
    slots = 2 * len(model.generator.trainable_variables)
    assert len(model.optimizer.variables) == slots + 2
    before, generator = weights(prior), weights(model.generator)
    model.fit(images(), validation_data=images(seed=1), epochs=2, **FIT)
    assert_same_arrays(weights(prior), before)
    assert prior.trainable and model.denoiser is prior
    for one, other in zip(weights(model.generator), generator):
        assert np.any(one != other)


@pytest.mark.parametrize(
    ("policy", "jit_compile"),
    [
        ("float32", True),
        ("mixed_float16", False),
        ("mixed_float16", True),
        ("mixed_bfloat16", False),
    ],
)
def test_it_trains_in_half_precision_and_compiled(policy, jit_compile):
    keras.config.set_dtype_policy(policy)
    model = DenoiserGuidedSuperResolver(
        stochastic_generator(),
        tiny_denoiser((0.1, 2.0), noise_conditional=True),
        DOWNSAMPLE,
        noise_stddev=FALLING,
        noisy_input=True,
    )
    model.compile("adam", jit_compile=jit_compile)
    before = weights(model.generator)
    history = model.fit(images(), **FIT).history
    assert np.all(np.isfinite(list(history.values())))
    for one, other in zip(weights(model.generator), before):
        assert np.any(one != other)


def test_eager_and_compiled_steps_are_the_same():
    losses = []
    for eager in (False, True):
        keras.utils.set_random_seed(1)
        model = DenoiserGuidedSuperResolver(
            stochastic_generator(), tiny_denoiser(), DOWNSAMPLE
        )
        model.compile("sgd", run_eagerly=eager)
        losses.append(model.fit(images(), **FIT).history["loss"])
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-4)
