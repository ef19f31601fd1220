import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_affsr.networks import denoiser
from keras_affsr.priors import Denoiser
from tests.models_guided_tiny import COVARIANCE
from tests.models_guided_tiny import MEAN
from tests.models_guided_tiny import exact_conditional_denoiser
from tests.models_guided_tiny import exact_denoiser
from tests.models_guided_tiny import score
from tests.models_guided_tiny import tiny_denoiser
from tests.models_guided_tiny import vectors
from tests.models_tiny import images

SCHEDULES = keras.optimizers.schedules

# Rounding of float32 vectors of size three, divided by sigma^2: 3e-7 / 0.04.
SCORE_TOLERANCE = {"rtol": 0, "atol": 1e-5}


@pytest.mark.parametrize("stddev", [0.2, 1.0, 5.0])
def test_the_score_is_that_of_the_smoothed_density(stddev):
    points = vectors()
    np.testing.assert_allclose(
        exact_denoiser(stddev).score(points),
        score(points, stddev),
        **SCORE_TOLERANCE,
    )


def test_at_a_low_level_the_score_is_that_of_the_density_itself():
    # By perturbation it is off by sigma^2 / 0.26 = 1 %, 0.26 being the least
    # eigenvalue of the covariance; rounding, 3e-7 / sigma^2, is 1e-4.
    points, stddev = vectors(), 0.05
    expected = score(points)
    error = exact_denoiser(stddev).score(points) - expected
    assert np.linalg.norm(error) < 0.01 * np.linalg.norm(expected)


def test_the_score_at_noisy_images_is_that_there():
    prior, points = exact_denoiser(0.5), vectors()
    noise = np.random.default_rng(1).normal(size=points.shape).astype("float32")
    np.testing.assert_allclose(
        prior.score(points, noise=noise),
        score(points + 0.5 * noise, 0.5),
        **SCORE_TOLERANCE,
    )


def test_the_score_has_the_mean_of_the_papers_gradient_and_other_noise():
    # In a direction of spread s ours has (sigma / s)^2 times the noise.
    stddev, count = 0.5, 20_000
    prior, point = exact_denoiser(stddev), np.array([[1.0, 0.2]], "float32")
    points = np.repeat(point, count, axis=0)
    noise = np.random.default_rng(0).normal(size=points.shape).astype("float32")
    ours = prior.score(points, noise=noise).numpy()
    paper = (prior(points + stddev * noise) - points).numpy() / stddev**2
    for gradient in (ours, paper):
        # Five standard errors of the mean of 20,000 numbers of size two.
        np.testing.assert_allclose(
            gradient.mean(0, keepdims=True), score(point, stddev), atol=0.07
        )
    spread, directions = np.linalg.eigh(COVARIANCE)
    # Both are linear in the noise, and so exact but for rounding.
    np.testing.assert_allclose(
        np.std(ours @ directions, 0) / np.std(paper @ directions, 0),
        stddev**2 / spread,
        rtol=1e-4,
    )


def test_each_image_has_the_level_it_is_told():
    prior, points = exact_conditional_denoiser(0.1, 2.0), vectors(3)
    levels = np.array([0.1, 0.5, 2.0])
    expected = -(points - 0.5) / (1 + levels[:, None] ** 2)
    for shape in ((3,), (3, 1)):
        given = tf.constant(levels.reshape(shape), "float32")
        np.testing.assert_allclose(
            prior.score(points, given), expected, rtol=0, atol=1e-4
        )
        # `f = y + sigma^2 score`, of numbers near one.
        np.testing.assert_allclose(
            prior(points, noise_stddev=given),
            points + levels[:, None] ** 2 * expected,
            atol=1e-6,
        )
    np.testing.assert_allclose(
        prior.score(points, 0.5), -(points - 0.5) / 1.25, atol=1e-5
    )
    np.testing.assert_array_equal(prior.score(points), prior.score(points, 0.1))
    np.testing.assert_array_equal(
        prior(points), prior(points, noise_stddev=0.1)
    )


def test_pretrained_denoisers_know_their_level():
    assert float(tiny_denoiser(0.3).coarseness) == np.float32(0.3)
    schedule = SCHEDULES.PolynomialDecay(0.4, 10, 0.1)
    assert float(tiny_denoiser(schedule).coarseness) == np.float32(0.4)
    pair = tiny_denoiser((0.01, 0.5), noise_conditional=True)
    assert float(pair.coarseness) == np.float32(0.01)
    assert float(tiny_denoiser(pretrained=False).coarseness) == np.inf


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_scores_are_float32_whatever_the_network(policy):
    keras.config.set_dtype_policy(policy)
    prior = tiny_denoiser(0.1)
    result = prior.score(images())
    assert result.dtype == prior(images()).dtype == "float32"
    assert np.all(np.isfinite(result))
    assert np.any(result != 0)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_the_score_is_the_same_compiled(jit_compile):
    prior, high_res = tiny_denoiser(), tf.constant(images())
    compiled = tf.function(prior.score, jit_compile=jit_compile)
    # The sums of a convolution in another order, divided by sigma^2.
    np.testing.assert_allclose(
        compiled(high_res), prior.score(high_res), rtol=0, atol=1e-5
    )


def test_batch_norm_is_that_of_inference():
    # One image has the score that it has among others.
    prior, high_res = tiny_denoiser(), images()
    before = prior.get_weights()
    np.testing.assert_allclose(
        prior.score(high_res[:1]), prior.score(high_res)[:1], atol=1e-5
    )
    for one, other in zip(prior.get_weights(), before):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    "noise_stddev",
    [
        0.2,
        SCHEDULES.PolynomialDecay(0.5, 8, 0.1),
        (0.1, 0.5),
    ],
)
def test_it_is_saved_and_loaded(noise_stddev, tmp_path):
    is_pair = isinstance(noise_stddev, tuple)
    prior = tiny_denoiser(noise_stddev, noise_conditional=is_pair)
    prior.save(tmp_path / "prior.keras")
    loaded = keras.saving.load_model(tmp_path / "prior.keras")
    configs = [each.get_config() for each in (loaded, prior)]
    for config in configs:
        del config["network"]  # Keras numbers what it builds.
    assert configs[0] == configs[1]
    assert loaded.value_range == (0.0, 1.0)
    assert loaded.channels == 1
    assert loaded.seed == 3
    np.testing.assert_array_equal(loaded.score(images()), prior.score(images()))
    clone = Denoiser.from_config(prior.get_config())
    assert float(clone.coarseness) == np.inf


def test_vectors_need_no_range():
    prior = Denoiser(denoiser("swiss_roll", 2), value_range=None)
    assert prior.channels == 2
    points = (100 * MEAN[None]).astype("float32")
    np.testing.assert_array_equal(prior(points), points)
