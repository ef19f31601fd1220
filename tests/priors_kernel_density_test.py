import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import special
from scipy import stats

from keras_affsr.priors import KernelDensity

ROUNDING = 2e-6  # Relative, of float32 log densities of a few nats.
QUADRATURE = 1e-4  # Of an integral on a grid of a tenth of the bandwidth.


def samples(count=7, channels=2):
    return np.random.default_rng(0).normal(size=(count, channels))


def density(count=7, channels=2, bandwidth=0.5):
    prior = KernelDensity(channels, count, bandwidth)
    prior.adapt(samples(count, channels))
    return prior


def reference(vectors, centres, bandwidth):
    """Returns the log of the mean of SciPy's Gaussians."""
    log_probs = [
        stats.multivariate_normal.logpdf(vectors, centre, bandwidth**2)
        for centre in centres
    ]
    return special.logsumexp(log_probs, axis=0) - np.log(len(centres))


@pytest.mark.parametrize("channels", [1, 2, 5])
def test_log_prob_is_that_of_a_mean_of_gaussians(channels):
    vectors = 2 * np.random.default_rng(1).normal(size=(20, channels))
    vectors = vectors.astype("float32")
    found = density(channels=channels).log_prob(vectors)
    expected = reference(vectors, samples(7, channels), 0.5)
    np.testing.assert_allclose(found, expected, rtol=10 * ROUNDING)


def test_density_integrates_to_one():
    side = np.arange(-6, 6, 0.05, dtype="float32")
    plane = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    mass = np.sum(np.exp(density().predict(plane, verbose=0))) * 0.05**2
    np.testing.assert_allclose(mass, 1, atol=QUADRATURE)


def test_gradient_points_to_the_only_sample():
    prior = KernelDensity(2, 1, bandwidth=0.5)
    prior.adapt([[1.0, 2.0]])
    vectors = tf.constant([[0.0, 0.0], [30.0, -30.0]])
    with tf.GradientTape() as tape:
        tape.watch(vectors)
        log_prob = prior.log_prob(vectors)
    expected = (np.array([1.0, 2.0]) - vectors) / 0.5**2
    np.testing.assert_allclose(
        tape.gradient(log_prob, vectors), expected, rtol=ROUNDING
    )


def test_bits_per_dim_are_nats_in_other_units():
    vectors = samples(3).astype("float32")
    prior = density()
    np.testing.assert_allclose(
        prior.bits_per_dim(vectors),
        -prior.log_prob(vectors) / (2 * np.log(2)),
        rtol=ROUNDING,
    )


def test_bandwidth_is_the_coarseness_and_can_be_set():
    prior = density()
    prior.bandwidth = 0.25
    assert float(prior.coarseness) == 0.25
    vectors = samples(3).astype("float32")
    np.testing.assert_allclose(
        prior.log_prob(vectors),
        reference(vectors, samples(), 0.25),
        rtol=10 * ROUNDING,
    )


def test_saved_density_keeps_samples_and_bandwidth(tmp_path):
    prior = density()
    prior.bandwidth = 0.3
    prior.save(tmp_path / "density.keras")
    loaded = keras.saving.load_model(tmp_path / "density.keras")
    vectors = samples(4).astype("float32")
    np.testing.assert_array_equal(
        loaded.log_prob(vectors), prior.log_prob(vectors)
    )
    assert loaded.value_range is None


def test_log_prob_is_the_same_when_compiled():
    prior, vectors = density(), samples(4).astype("float32")
    compiled = tf.function(prior.log_prob, jit_compile=True)
    np.testing.assert_allclose(
        compiled(vectors), prior.log_prob(vectors), rtol=ROUNDING
    )


def test_a_density_without_samples_is_refused():
    with pytest.raises(ValueError, match=r"has no samples yet\. Call `adapt"):
        KernelDensity(2, 3, 0.5).log_prob(np.zeros((1, 2), "float32"))


@pytest.mark.parametrize(
    "wrong, message",
    [
        (np.zeros((6, 2)), r"expects samples of shape \(7, 2\)"),
        (np.full((7, 2), np.nan), "samples with NaN or infinite values"),
    ],
)
def test_wrong_samples_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        density().adapt(wrong)


def test_vectors_of_another_size_are_refused():
    with pytest.raises(ValueError, match="is a prior for 2 channels"):
        density().log_prob(np.zeros((1, 3), "float32"))


def test_a_bandwidth_of_zero_is_refused():
    with pytest.raises(ValueError, match="positive bandwidth"):
        KernelDensity(2, 7, bandwidth=0.0)
