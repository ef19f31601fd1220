import json
import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_affsr.priors.pixel_cnn import PixelCNN
from tests.layer_checks import with_unknown_sizes
from tests.priors_tiny import SIZES
from tests.priors_tiny import images
from tests.priors_tiny import reference_log_prob
from tests.priors_tiny import tiny_prior

# Of a sum of a hundred log densities in float32, each of a few roundings.
TOLERANCE = {"rtol": 1e-5}
CHANNELS = [1, 3]


@pytest.mark.parametrize("channels", CHANNELS)
def test_the_density_is_a_product_over_pixels(channels):
    prior = tiny_prior(channels)
    y = images(channels=channels)
    log_prob = prior.log_prob(y)
    assert log_prob.dtype == "float32"
    np.testing.assert_allclose(
        log_prob, reference_log_prob(prior, y), **TOLERANCE
    )
    np.testing.assert_array_equal(prior(y), log_prob)
    np.testing.assert_allclose(
        prior.predict(y, verbose=0), log_prob, **TOLERANCE
    )


@pytest.mark.parametrize("neighbours", [0, 3])
def test_the_head_may_see_more_or_fewer_pixels_itself(neighbours):
    prior = tiny_prior(neighbours=neighbours)
    expected = images()
    if neighbours:
        np.testing.assert_allclose(
            prior.log_prob(expected),
            reference_log_prob(prior, expected),
            **TOLERANCE,
        )
    past = 2 * neighbours * (neighbours + 1)
    assert prior.head.b.shape == (SIZES["filters"] + past, SIZES["features"])


@pytest.mark.parametrize("channels", CHANNELS)
def test_the_distribution_has_the_same_density(channels):
    prior = tiny_prior(channels)
    y = images(channels=channels)
    distribution = prior.distribution(y)
    assert distribution.batch_shape == (4,)
    assert distribution.event_shape == (7, 8, channels)
    np.testing.assert_allclose(
        distribution.log_prob(y), prior.log_prob(y), **TOLERANCE
    )


def test_bits_are_those_of_the_levels():
    prior, y = tiny_prior(3), images(channels=3)
    size = 7 * 8 * 3
    levels = prior.log_prob(y) - size * math.log(255)  # Per level.
    np.testing.assert_allclose(
        prior.bits_per_dim(y), -levels / size / math.log(2), **TOLERANCE
    )


def test_white_noise_needs_eight_bits():
    # One broad Gaussian, scaled so that a level's density is 1/256 everywhere.
    prior = tiny_prior(components=1, scales=1)
    for weight in prior.head.weights:
        weight.assign(tf.zeros(weight.shape))
    prior.mean.assign([0.5])
    prior.stddev.assign([256 / 255 / math.sqrt(2 * math.pi)])
    np.testing.assert_allclose(
        prior.bits_per_dim(np.full((1, 4, 4, 1), 0.5)), [8], rtol=1e-6
    )


def test_the_density_integrates_to_one():
    prior = tiny_prior()
    prior.stddev.assign([0.05])
    line = np.linspace(-0.4, 1.4, 401)  # Of 18 standard deviations.
    y = np.stack(np.meshgrid(line, line, indexing="ij"), axis=-1)
    y = y.reshape(-1, 1, 2, 1).astype("float32")  # All images of two pixels.
    mass = np.sum(np.exp(np.asarray(prior.log_prob(y), "float64")))
    # Each of the densities carries a relative error of about 1e-6.
    np.testing.assert_allclose(mass * (line[1] - line[0]) ** 2, 1, rtol=1e-5)


@pytest.mark.parametrize("channels", CHANNELS)
def test_no_pixel_depends_on_a_later_one(channels):
    prior, y = tiny_prior(channels), tf.constant(images(1, channels=channels))
    with tf.GradientTape() as tape:
        tape.watch(y)
        log_probs = prior.standardized_log_prob(y)  # [1, h, w]
    gradient = tape.jacobian(log_probs, y)[0, ..., 0, :, :, :]
    moves = np.any(np.asarray(gradient) != 0, axis=-1).reshape(56, 56)
    assert not np.any(np.triu(moves, k=1))
    assert np.all(np.diag(moves))
    assert np.all(np.diag(moves, k=-1).reshape(-1)[0:7])  # From the left.
    assert np.all(np.diag(moves, k=-8))  # From above.


@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize("kind", ["black", "white", "noise", "extreme"])
def test_gradients_are_finite_for_all_kinds_of_images(kind, channels):
    prior = tiny_prior(channels)
    y = {
        "black": np.zeros((1, 7, 8, channels), "float32"),
        "white": np.ones((1, 7, 8, channels), "float32"),
        "noise": images(1, channels=channels),
        "extreme": 2 * np.round(images(1, channels=channels)) - 0.5,
    }[kind]
    y = tf.constant(y)
    with tf.GradientTape() as tape:
        tape.watch(y)
        bits = prior.bits_per_dim(y)
    assert np.all(np.isfinite(bits))
    weights = prior.trainable_variables
    for gradient in tape.gradient(bits, [y, *weights]):
        assert np.all(np.isfinite(gradient))


@pytest.mark.parametrize("jit_compile", [False, True])
def test_images_may_have_any_size(jit_compile):
    prior, y = tiny_prior(), images()
    for function in (prior.log_prob, prior.bits_per_dim):
        found = with_unknown_sizes(function, y, jit_compile=jit_compile)
        np.testing.assert_allclose(found, function(y), **TOLERANCE)
    assert np.all(np.isfinite(prior.log_prob(y[:, :1, :1])))


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_half_precision_stays_within_the_convolutions(policy):
    exact = tiny_prior()
    keras.config.set_dtype_policy(policy)
    prior, y = tiny_prior(), images()
    prior.set_weights(exact.get_weights())
    features = prior.network.convolutions[0](y)
    assert policy.endswith(features.dtype.name)
    assert prior.log_prob(y).dtype == "float32"
    # bfloat16 has eight bits, and enters through features that tanh bounds.
    np.testing.assert_allclose(prior.log_prob(y), exact.log_prob(y), rtol=0.02)
    # The nearest pixels are not rounded.
    context = prior.network(y)
    np.testing.assert_array_equal(context[:, :, 1:, -1], y[:, :, :-1, 0])


def test_sizes_default_to_those_of_the_paper():
    prior = PixelCNN()
    assert [layer.kernel_size for layer in prior.network.convolutions] == [
        7,
        5,
        5,
        5,
    ]
    assert prior.network.filters == 64
    assert (prior.head.components, prior.head.features) == (32, 32)
    assert prior.head.scales == 4


def test_the_config_makes_the_same_prior():
    prior = tiny_prior(3, min_stddev=0.01, seed=5, name="mine")
    config = json.loads(json.dumps(keras.saving.serialize_keras_object(prior)))
    clone = keras.saving.deserialize_keras_object(config)
    clone.set_weights(prior.get_weights())
    y = images(channels=3)
    np.testing.assert_array_equal(clone.log_prob(y), prior.log_prob(y))
    assert clone.get_config() == prior.get_config()
    assert (clone.seed, clone.name) == (5, "mine")
    assert clone.head.min_stddev == 0.01


def test_a_prior_that_was_never_compiled_can_be_saved(tmp_path):
    prior, y = tiny_prior(), images()
    prior.save(tmp_path / "prior.keras")
    loaded = keras.saving.load_model(tmp_path / "prior.keras")
    np.testing.assert_array_equal(loaded.log_prob(y), prior.log_prob(y))
    np.testing.assert_array_equal(loaded.sample(1, 3, 3), prior.sample(1, 3, 3))


@pytest.mark.parametrize("compiled", [False, True])
def test_a_prior_that_knows_no_images_says_so(compiled):
    prior = tiny_prior(adapt=False)
    log_prob = tf.function(prior.log_prob) if compiled else prior.log_prob
    expected = "does not know the mean and standard deviation"
    with pytest.raises(ValueError, match=expected):
        log_prob(images())
    prior.adapt(images())
    assert np.all(np.isfinite(log_prob(images())))


@pytest.mark.parametrize(
    ("y", "expected"),
    [
        (images(channels=3), r"1 channels. Received: .* \(4, 7, 8, 3\)"),
        (images()[0], r"\(batch, height, width, channels\).*\(7, 8, 1\)"),
        (255 * images(), r"images in \[0, 1\]. Received.* to 255"),
        (images().astype("uint8"), "as floats.* Received: dtype uint8"),
        (images()[:, :0], "whose height is 0"),
    ],
)
def test_images_that_will_not_do_are_refused(y, expected):
    with pytest.raises(ValueError, match=expected):
        tiny_prior().log_prob(y)


@pytest.mark.parametrize(
    ("argument", "value", "expected"),
    [
        ("filters", 0, "Received: filters=0"),
        ("kernel_sizes", (), "sequence of odd numbers.* kernel_sizes=\\(\\)"),
        ("kernel_sizes", 5, "sequence of odd numbers.* kernel_sizes=5"),
        ("kernel_sizes", (5, 4), "odd kernel_sizes.* kernel_sizes=4"),
        ("kernel_sizes", (1, 3), "would see no pixel at all"),
        ("neighbours", -1, "Received: neighbours=-1"),
        ("components", 0, "Received: components=0"),
        ("seed", 0.5, "Received: seed=0.5"),
    ],
)
def test_arguments_that_will_not_do_are_refused(argument, value, expected):
    with pytest.raises(ValueError, match=expected):
        PixelCNN(**{**SIZES, argument: value})
