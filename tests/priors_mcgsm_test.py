"""The density against sums of SciPy's normal distributions."""

import numpy as np
import pytest
import scipy.special
import scipy.stats
import tensorflow as tf

from keras_affsr.priors.mcgsm import MCGSM
from keras_affsr.priors.mcgsm import tfd

# A log density is a sum of some ten terms, of which the largest rule: a few
# roundings relative to them.
TOLERANCES = {"float32": {"rtol": 1e-5}, "float64": {"rtol": 1e-12}}
DTYPES = ["float32", "float64"]
SIZES = [1, 3]  # Of the vectors: grey and colours.
# Of 20,000 samples, by Monte Carlo: four standard errors of a mean at a
# standard deviation of about one.
SAMPLES = 20_000
MONTE_CARLO = 4 / SAMPLES**0.5


def parameters(size, batch=(), dtype="float64", components=4, scales=3):
    """Returns random parameters, the gates and means for each of a batch."""
    rng = np.random.default_rng(size)
    tril = np.tril(rng.normal(0, 0.5, (components, size, size)))
    diagonal = np.arange(size)
    tril[:, diagonal, diagonal] = rng.uniform(0.5, 2, (components, size))
    values = {
        "gate_logits": rng.normal(0, 2, (*batch, components, scales)),
        "loc": rng.normal(0, 1, (*batch, components, size)),
        "log_precision": rng.normal(1, 1, (components, scales)),
        "precision_tril": tril,
    }
    return {name: value.astype(dtype) for name, value in values.items()}


def reference_log_prob(y, gate_logits, loc, log_precision, precision_tril):
    """Returns log p(y) of one vector, by SciPy, expert by expert."""
    gates = np.exp(gate_logits - scipy.special.logsumexp(gate_logits))
    terms, weights = [], []
    for component, scale in np.ndindex(*gate_logits.shape):
        tril = precision_tril[component]
        precision = np.exp(log_precision[component, scale]) * tril @ tril.T
        normal = scipy.stats.multivariate_normal(
            loc[component], np.linalg.inv(precision)
        )
        terms.append(normal.logpdf(y))
        weights.append(gates[component, scale])
    return scipy.special.logsumexp(terms, b=weights)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", SIZES)
def test_the_density_is_a_sum_of_gaussians(size, dtype):
    values = parameters(size, batch=(20,), dtype=dtype)
    y = np.random.default_rng(0).normal(0, 2, (20, size)).astype(dtype)
    log_prob = MCGSM(**values).log_prob(y)
    assert log_prob.dtype == dtype
    exact = {name: value.astype("float64") for name, value in values.items()}
    gates, means = exact.pop("gate_logits"), exact.pop("loc")
    expected = [
        reference_log_prob(y[i].astype("float64"), gates[i], means[i], **exact)
        for i in range(len(y))
    ]
    np.testing.assert_allclose(log_prob, expected, **TOLERANCES[dtype])


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_density_of_far_values_does_not_vanish(dtype):
    values = parameters(1, dtype=dtype)
    y = np.array([[-300.0], [1000.0]], dtype)
    exact = {name: value.astype("float64") for name, value in values.items()}
    expected = [reference_log_prob(each, **exact) for each in y]
    assert max(expected) < -1e3
    np.testing.assert_allclose(
        MCGSM(**values).log_prob(y), expected, **TOLERANCES[dtype]
    )


def test_the_density_is_that_of_a_mixture_of_the_same_family():
    values = parameters(1, batch=(5,))
    gates, loc, log_precision, tril = values.values()
    normals = tfd.Normal(
        np.repeat(loc, 3, axis=-1).reshape(5, 12),
        (np.exp(-0.5 * log_precision) / tril[..., 0]).reshape(12),
    )
    mixture = tfd.MixtureSameFamily(
        tfd.Categorical(logits=gates.reshape(5, 12)), normals
    )
    ours = MCGSM(**values)
    y = np.linspace(-3, 3, 5)
    np.testing.assert_allclose(
        ours.log_prob(y[:, None]), mixture.log_prob(y), **TOLERANCES["float64"]
    )
    np.testing.assert_allclose(
        ours.mean()[:, 0], mixture.mean(), **TOLERANCES["float64"]
    )


@pytest.mark.parametrize("size", [1, 2])
def test_the_density_integrates_to_one(size):
    values = parameters(size)
    # The trapezoidal rule is exact to rounding for functions so smooth that
    # vanish at both ends.
    line = np.linspace(-20, 20, 801)
    y = np.stack(np.meshgrid(*[line] * size), axis=-1)
    density = np.exp(MCGSM(**values).log_prob(y))
    mass = np.sum(density) * (line[1] - line[0]) ** size
    np.testing.assert_allclose(mass, 1, rtol=1e-8)


def test_grey_samples_are_distributed_as_the_density_says():
    values = parameters(1)
    samples = MCGSM(**values).sample(SAMPLES, seed=(1, 2)).numpy()[:, 0]
    gates, loc, log_precision, tril = values.values()
    weights = scipy.special.softmax(gates)
    stddev = np.exp(-0.5 * log_precision) / tril[..., 0]

    def cdf(y):
        normal = scipy.stats.norm(loc, stddev)
        return np.array([np.sum(weights * normal.cdf(each)) for each in y])

    assert scipy.stats.kstest(samples, cdf).pvalue > 1e-3


def test_samples_of_vectors_have_the_moments_of_the_density():
    values = parameters(3)
    values["loc"] *= 0.1  # So that the experts' own spread shows.
    samples = MCGSM(**values).sample(SAMPLES, seed=(1, 2)).numpy()
    weights = scipy.special.softmax(values["gate_logits"])
    tril, loc = values["precision_tril"], values["loc"]
    covariances = np.linalg.inv(tril @ np.swapaxes(tril, 1, 2))  # [c, m, m]
    within = np.sum(weights * np.exp(-values["log_precision"]), axis=1)
    share = np.sum(weights, axis=1)  # [c]
    mean = share @ loc
    second = np.einsum("c,cij->ij", within, covariances) + np.einsum(
        "c,ci,cj->ij", share, loc, loc
    )
    np.testing.assert_allclose(MCGSM(**values).mean(), mean, rtol=1e-12)
    np.testing.assert_allclose(
        np.mean(samples, axis=0), mean, atol=2 * MONTE_CARLO
    )
    products = samples[:, :, None] * samples[:, None, :]
    errors = np.std(products, axis=0) / SAMPLES**0.5
    np.testing.assert_array_less(
        np.abs(np.mean(products, axis=0) - second), 4 * errors
    )


def test_samples_repeat_with_their_seed():
    distribution = MCGSM(**parameters(3, batch=(2,)))
    first, again, other = (
        distribution.sample(4, seed=seed).numpy()
        for seed in [(0, 1), (0, 1), (0, 2)]
    )
    np.testing.assert_array_equal(first, again)
    assert np.all(first != other)


def test_leading_axes_broadcast():
    distribution = MCGSM(**parameters(3, batch=(2, 5)))
    assert distribution.batch_shape == (2, 5)
    assert distribution.event_shape == (3,)
    assert distribution.sample(4, seed=(0, 1)).shape == (4, 2, 5, 3)
    assert distribution.mean().shape == (2, 5, 3)
    y = np.random.default_rng(0).normal(size=(4, 1, 5, 3))
    log_prob = distribution.log_prob(y)
    assert log_prob.shape == (4, 2, 5)
    np.testing.assert_array_equal(
        distribution[1, 2:].log_prob(y[..., 2:, :])[:, 0], log_prob[:, 1, 2:]
    )
    np.testing.assert_array_equal(distribution.copy().log_prob(y), log_prob)
    np.testing.assert_allclose(
        tfd.Independent(distribution, 1).log_prob(y),
        np.sum(log_prob, axis=-1),
        **TOLERANCES["float64"],
    )


def test_one_mean_serves_a_batch_of_gates():
    values = parameters(1, batch=(5,))
    values["loc"] = values["loc"][:1]
    distribution = MCGSM(**values)
    assert distribution.batch_shape == (5,)
    assert distribution.sample(2, seed=(0, 1)).shape == (2, 5, 1)
    assert distribution.mean().shape == (5, 1)


def test_gradients_are_finite_wherever_the_value_is():
    values = {
        name: tf.constant(value, "float32")
        for name, value in parameters(3).items()
    }
    y = tf.constant([[0.0] * 3, [1e5] * 3, [-1e-30] * 3])
    with tf.GradientTape() as tape:
        tape.watch([y, values])
        log_prob = MCGSM(**values).log_prob(y)
    for gradient in tf.nest.flatten(tape.gradient(log_prob, [y, values])):
        assert np.all(np.isfinite(gradient))


@pytest.mark.parametrize("jit_compile", [False, True])
def test_the_density_compiles(jit_compile):
    values = parameters(3, batch=(2,))
    y = np.zeros((2, 3))

    @tf.function(jit_compile=jit_compile)
    def log_prob(y, values):
        return MCGSM(**values).log_prob(y)

    np.testing.assert_allclose(
        log_prob(y, values), log_prob.python_function(y, values), rtol=1e-12
    )


@pytest.mark.parametrize("name", ["gate_logits", "precision_tril"])
def test_shapes_that_do_not_fit_are_refused(name):
    values = parameters(3)
    values[name] = values[name][:2]
    expected = rf"`MCGSM` needs {name} of shape \(\.\.\., 4, 3.*Received: "
    with pytest.raises(ValueError, match=expected):
        MCGSM(**values)
