import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_affsr import stateless
from keras_affsr.priors.sample_pixels import SAMPLE_STREAM
from tests.priors_tiny import tiny_prior

# Each pixel carries the rounding of all before it.
TOLERANCE = {"rtol": 0, "atol": 1e-5}


def reference_sample(prior, num_samples, height, width, seed):
    """Draws pixel after pixel, with the whole network for each of them."""
    shape = (num_samples, height, width, prior.channels)
    samples = np.full(shape, 0.5, "float32")  # What is not drawn is not seen.
    for index, (i, j) in enumerate(np.ndindex(height, width)):
        key = tf.cast(stateless.key(seed, index, SAMPLE_STREAM), "int32")
        pixels = prior.distribution(samples).distribution
        pixel = pixels[:, i : i + 1, j : j + 1].sample(seed=key)
        samples[:, i, j] = pixel[:, 0, 0]
    return samples


@pytest.mark.parametrize(
    "sizes",
    [
        {"channels": 1},
        {"channels": 3},
        {"kernel_sizes": (3, 5), "neighbours": 2},
        {"neighbours": 0},
        {"kernel_sizes": (7,), "neighbours": 3},
    ],
)
def test_samples_are_drawn_in_the_order_of_reading(sizes):
    prior = tiny_prior(**sizes)
    prior.stddev.assign(0.1 * prior.stddev)  # So that samples are images.
    found = prior.sample(3, 4, 5, seed=7)
    expected = reference_sample(prior, 3, 4, 5, seed=7)
    assert np.std(expected) > 0.01
    np.testing.assert_allclose(found, expected, **TOLERANCE)


def test_samples_repeat_with_their_seed():
    prior = tiny_prior()
    first, again, other = (
        np.asarray(prior.sample(2, 3, 3, seed=seed)) for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert np.all(first != other)
    assert np.all(first[0] != first[1])


def test_an_image_can_be_smaller_than_what_a_pixel_sees():
    prior = tiny_prior(kernel_sizes=(7, 5))
    assert prior.sample(2, 1, 1).shape == (2, 1, 1, 1)
    assert prior.sample(1, 2, 1).shape == (1, 2, 1, 1)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_samples_are_float32_whatever_the_policy(policy):
    keras.config.set_dtype_policy(policy)
    samples = tiny_prior().sample(2, 3, 3)
    assert samples.dtype == "float32"
    assert np.all(np.isfinite(samples))


def test_a_prior_that_knows_no_images_draws_none():
    with pytest.raises(ValueError, match="does not know the mean"):
        tiny_prior(adapt=False).sample(1, 3, 3)


@pytest.mark.parametrize("argument", ["num_samples", "height", "width"])
def test_sizes_that_will_not_do_are_refused(argument):
    sizes = {"num_samples": 1, "height": 3, "width": 3, argument: 0}
    with pytest.raises(ValueError, match=f"Received: {argument}=0"):
        tiny_prior().sample(**sizes)
    with pytest.raises(ValueError, match="Received: seed=-1"):
        tiny_prior().sample(1, 3, 3, seed=-1)
