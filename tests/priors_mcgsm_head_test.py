"""The head: an MCGSM whose parameters depend on a context."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_affsr.priors.mcgsm import MCGSM
from keras_affsr.priors.mcgsm_head import MCGSMHead
from tests.layer_checks import rebuilt
from tests.priors_tiny import reference_head

# A log density is a sum of some ten terms, of which the largest rule: a few
# roundings relative to them.
TOLERANCES = {"float32": {"rtol": 1e-5}, "float64": {"rtol": 1e-12}}
DTYPES = ["float32", "float64"]
OUTPUTS = [1, 3]
SIZE = 7  # Of the context.


def make_head(outputs, dtype="float32", stddev=0.5, **kwargs):
    """Makes a head with random weights, those that start as zeros too."""
    head = MCGSMHead(
        outputs, components=4, scales=3, features=5, dtype=dtype, **kwargs
    )
    head.build((None, SIZE))
    rng = np.random.default_rng(outputs)
    for weight in head.weights:
        weight.assign(rng.normal(0, stddev, weight.shape))
    return head


def data(outputs, dtype="float32", count=50):
    rng = np.random.default_rng(0)
    context = rng.normal(size=(count, SIZE)).astype(dtype)
    return context, rng.normal(size=(count, outputs)).astype(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("outputs", OUTPUTS)
def test_the_head_follows_the_formula(outputs, dtype):
    head = make_head(outputs, dtype)
    x, y = data(outputs, dtype)
    log_prob = head(x, y)
    assert log_prob.dtype == dtype
    np.testing.assert_allclose(
        log_prob,
        reference_head(head, x.astype("float64"), y.astype("float64")),
        **TOLERANCES[dtype],
    )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("outputs", OUTPUTS)
def test_the_head_is_the_distribution_of_its_parameters(outputs, dtype):
    head = make_head(outputs, dtype)
    x, y = data(outputs, dtype)
    distribution = MCGSM(**head.parameters(x))
    assert distribution.batch_shape == (50,)
    np.testing.assert_allclose(
        head(x, y), distribution.log_prob(y), **TOLERANCES[dtype]
    )


@pytest.mark.parametrize("outputs", OUTPUTS)
def test_gradients_are_those_of_differences(outputs):
    head = make_head(outputs, "float64")
    x, y = data(outputs, "float64", count=3)
    variables = [tf.Variable(x), tf.Variable(y)]
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(head(*variables))
    rng, step = np.random.default_rng(1), 1e-5
    # The error of a central difference is of the order of step^2.
    for gradient, variable in zip(tape.gradient(total, variables), variables):
        direction = rng.normal(size=variable.shape)
        ends = []
        for sign in (1, -1):
            variable.assign_add(sign * step * direction)
            ends.append(np.sum(head(*variables)))
            variable.assign_sub(sign * step * direction)
        slope = (ends[0] - ends[1]) / (2 * step)
        np.testing.assert_allclose(
            np.sum(gradient * direction), slope, rtol=1e-7
        )


@pytest.mark.parametrize("alpha", [0.0, 10.0, 1e4])
def test_standard_deviations_stay_above_the_least(alpha):
    head = make_head(1, "float64", min_stddev=0.01)
    head.alpha.assign(np.full(head.alpha.shape, alpha))
    stddev = np.exp(-0.5 * head.log_precision())
    expected = np.sqrt(np.exp(-alpha) + 0.01**2)
    np.testing.assert_allclose(stddev, expected, **TOLERANCES["float64"])


def test_the_first_number_of_each_factor_is_one():
    tril = np.asarray(make_head(3).precision_tril())
    np.testing.assert_array_equal(tril[:, 0, 0], 1)
    np.testing.assert_array_equal(tril, np.tril(tril))
    assert np.all(tril[:, [1, 2], [1, 2]] > 0)
    assert np.all(tril[:, [1, 2], [1, 2]] != 1)


@pytest.mark.parametrize("size", [1e-30, 1.0, 1e5])
def test_gradients_are_finite_whatever_the_data(size):
    head = make_head(3)
    x, y = (tf.constant(size * each) for each in data(3))
    sources = [x, y, *head.trainable_variables]
    with tf.GradientTape() as tape:
        tape.watch([x, y])
        log_prob = head(x, y)
    assert np.all(np.isfinite(log_prob))
    for gradient in tape.gradient(log_prob, sources):
        assert np.all(np.isfinite(gradient))


def test_leading_axes_are_kept():
    head = make_head(3)
    x, y = data(3, count=24)
    shaped = head(x.reshape(2, 3, 4, SIZE), y.reshape(2, 3, 4, 3))
    np.testing.assert_array_equal(shaped, np.reshape(head(x, y), (2, 3, 4)))
    shape = head.compute_output_shape((2, 3, 4, SIZE), (2, 3, 4, 3))
    assert shape == (2, 3, 4)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_of_the_context_goes_no_further(dtype):
    keras.config.set_dtype_policy(f"mixed_{dtype}")
    head = make_head(1, dtype=None)
    x, y = data(1)
    half = tf.cast(x, dtype)
    log_prob = head(half, y)
    assert log_prob.dtype == "float32"
    expected = head(tf.cast(half, "float32"), y)
    np.testing.assert_array_equal(log_prob, expected)


def test_the_config_makes_the_same_head():
    head = make_head(3, min_stddev=0.5)
    clone = rebuilt(head)
    clone.set_weights(head.get_weights())
    np.testing.assert_array_equal(clone(*data(3)), head(*data(3)))


@pytest.mark.parametrize(
    ("argument", "value"),
    [("components", 0), ("scales", 1.5), ("features", 0), ("min_stddev", 0.0)],
)
def test_sizes_that_will_not_do_are_refused(argument, value):
    with pytest.raises(ValueError, match=f"Received: {argument}={value!r}"):
        MCGSMHead(1, **{argument: value})
