import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.priors_tiny import images
from tests.priors_tiny import tiny_prior

# Means in float64, rounded to float32 once.
TOLERANCE = {"rtol": 1e-6}


def batches(*values):
    """Makes a dataset of these arrays, one after the other."""
    return tf.data.Dataset.from_generator(
        lambda: iter(values),
        output_signature=tf.TensorSpec((None, None, None, 3), "float32"),
    )


def assert_adapted(prior, y):
    """Asserts that a prior knows the moments of these images."""
    np.testing.assert_allclose(
        prior.mean, np.mean(y, axis=(0, 1, 2), dtype="float64"), **TOLERANCE
    )
    np.testing.assert_allclose(
        prior.stddev, np.std(y, axis=(0, 1, 2), dtype="float64"), **TOLERANCE
    )


def test_the_moments_are_those_of_each_channel():
    prior = tiny_prior(3, adapt=False)
    assert not prior.is_adapted
    y = images(channels=3) * np.array([1, 0.5, 0.1], "float32")
    prior.adapt(y)
    assert prior.is_adapted
    assert_adapted(prior, y)


def test_a_dataset_may_have_batches_of_all_sizes():
    prior = tiny_prior(3, adapt=False)
    first, second = images(2, channels=3), images(5, channels=3, seed=1)
    prior.adapt(batches(first, second))
    assert_adapted(prior, np.concatenate([first, second]))
    prior.adapt(batches(first, second), steps=1)
    assert_adapted(prior, first)


def test_of_pairs_the_high_resolution_images_count():
    prior, y = tiny_prior(3, adapt=False), images(channels=3)
    prior.adapt(tf.data.Dataset.from_tensors((y[:, ::2, ::2], y)))
    assert_adapted(prior, y)


def test_standardised_images_have_mean_zero_and_variance_one():
    prior, y = tiny_prior(3), images(channels=3)
    standardized = np.asarray(prior.standardize(y))
    np.testing.assert_allclose(np.mean(standardized, (0, 1, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(np.var(standardized, (0, 1, 2)), 1, rtol=1e-5)


def test_fit_adapts_a_prior_that_is_not_adapted():
    y = images(channels=3)
    endless = tf.data.Dataset.from_tensors(y).repeat()
    for arguments in (
        {"x": y},
        {"x": y[:, ::2, ::2], "y": y},
        {"x": endless, "steps_per_epoch": 1},
    ):
        prior = tiny_prior(3, adapt=False)
        prior.compile()
        prior.fit(**arguments, verbose=0)
        assert_adapted(prior, y)


def test_fit_leaves_an_adapted_prior_as_it_is():
    prior = tiny_prior(3)
    prior.adapt(0.5 * images(channels=3))
    prior.compile()
    prior.fit(images(channels=3), verbose=0)
    assert_adapted(prior, 0.5 * images(channels=3))


class Sequence(keras.utils.PyDataset):
    """One batch of images, in a form that cannot be looked into."""

    def __len__(self):
        return 1

    def __getitem__(self, index):
        return images(channels=3)


def test_fit_asks_for_images_where_it_cannot_look_into_the_data():
    prior = tiny_prior(3, adapt=False)
    prior.compile()
    expected = "Received: Sequence. Call `adapt` with some images"
    with pytest.raises(ValueError, match=expected):
        prior.fit(Sequence(), verbose=0)
    prior.adapt(images(channels=3))
    prior.fit(Sequence(), verbose=0)


@pytest.mark.parametrize(
    ("y", "expected"),
    [
        (255 * images(channels=3), r"as floats in \[0, 1\]. Received: values"),
        (np.zeros((1, 2, 2, 3), "uint8"), "Divide by 255.0 first"),
        (images(channels=1), r"3 channels. Received: .*\(4, 7, 8, 1\)"),
        (images(channels=3)[0], r"Received: shape \(7, 8, 3\)"),
        (images(channels=3)[:0], "received no images to adapt to"),
        (np.full((1, 9, 9, 3), 0.3, "float32"), "vary in every channel"),
        (batches(), "received no images to adapt to"),
        (batches(images(channels=3)).repeat(), "dataset without end"),
        ("images", "Received: str"),
    ],
)
def test_data_that_will_not_do_are_refused(y, expected):
    with pytest.raises(ValueError, match=expected):
        tiny_prior(3, adapt=False).adapt(y)
