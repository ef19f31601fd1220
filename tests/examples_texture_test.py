"""The parts of the texture example that are functions of their arguments."""

import os

import keras
import numpy as np
import pytest
import run_data
import texture_priors
import texture_table
import texture_typical
import train_texture

from keras_affsr.layers import GaussianDownsample
from keras_affsr.layers import PseudoInverseUpsample
from keras_affsr.priors import PixelCNN
from keras_affsr.training import RunDirectory
from tests.examples_runs import settings_of

SETTINGS = settings_of(train_texture, "--batch_size=4")
CONSISTENT = 1e-14  # LR MSE: float32 rounds images in [0, 1] to 3e-8.
# Batch norm adds 1e-6 to a variance near 0.1, and sums 4096 float32 numbers.
NORMALISED = 1e-4


@pytest.fixture(scope="module")
def typical():
    return texture_typical.generator(
        GaussianDownsample(4), detail_stddev=0.1, width=0.1
    )


def sample_crops(num_batches):
    batches = run_data.training_images(SETTINGS, 32).take(num_batches)
    return np.concatenate(list(batches))


def inputs():
    crops = sample_crops(1)
    noise = keras.random.normal((4, 8, 8, 16), seed=1)
    return GaussianDownsample(4)(crops), noise


def test_typical_images_agree_with_the_measurement(typical):
    low_res, noise = inputs()
    error = GaussianDownsample(4)(typical([low_res, noise])) - low_res
    assert float(keras.ops.mean(error**2)) < CONSISTENT


def test_their_detail_has_the_variance_that_was_asked_for(typical):
    low_res, noise = inputs()
    images = typical([low_res, noise], training=True)
    detail = images - PseudoInverseUpsample(GaussianDownsample(4))(low_res)
    np.testing.assert_allclose(np.std(detail), 0.1, rtol=NORMALISED)


def test_other_noise_makes_other_typical_images(typical):
    low_res, noise = inputs()
    one, other = typical([low_res, noise]), typical([low_res, -noise])
    assert np.std(one - other) > 0.01


def test_what_is_typical_of_real_crops_is_measured():
    crops = sample_crops(2)
    prior = PixelCNN(1, filters=4, components=2, features=2)
    prior.adapt(crops)
    downsample = GaussianDownsample(4)
    bits, stddev = texture_typical.measure(downsample, prior, crops)
    # Noise of less than a level: the code length hardly knows.
    np.testing.assert_allclose(
        bits, np.mean(prior.bits_per_dim(crops)), atol=0.02
    )
    # The columns of A+ A, made of one unit image after the other.
    size = 16
    units = np.eye(size**2, dtype="float32").reshape(-1, size, size, 1)
    visible = PseudoInverseUpsample(downsample)(downsample(units))
    visible = np.reshape(visible, (size**2, size**2))
    flat = crops[:, :size, :size].reshape(-1, size**2)
    _, expected = texture_typical.measure(
        downsample, prior, crops[:, :size, :size]
    )
    np.testing.assert_allclose(
        np.std(flat - flat @ visible), expected, rtol=1e-4
    )
    assert 0.05 < stddev < 0.2


def test_the_blurred_truth_is_the_mean_of_its_neighbours():
    image = np.zeros((2, 9, 9, 1), "float32")
    image[0, 4, 4] = 1.0
    blurred = texture_table.blur(image)
    offsets = np.arange(-4, 5)
    profile = np.exp(-0.5 * offsets**2)
    kernel = np.outer(profile, profile) / profile.sum() ** 2
    # float32.
    np.testing.assert_allclose(blurred[0, :, :, 0], kernel, atol=1e-6)
    assert not blurred[1].any()


@pytest.mark.slow
def test_a_prior_whose_training_was_stopped_ends_with_the_same_ladder(tmp_path):
    def train(name, steps):
        run = RunDirectory(tmp_path / name, {})
        run.begin()
        keras.utils.set_random_seed(3)
        prior = PixelCNN(1, filters=4, components=2, features=2)
        prior.compile(keras.optimizers.Adam(1e-2))
        texture_priors.train_ladder(SETTINGS, run, prior, steps)
        return texture_priors.load(run)

    whole = train("whole", [0, 1, 3, 4])
    train("stopped", [0, 1, 3])
    later = train("stopped", [0, 1, 3, 4])
    for one, other in zip(later.variables, whole.variables, strict=True):
        np.testing.assert_array_equal(one, other)
    names = [
        sorted(os.path.basename(path) for path in texture_priors.rungs(folder))
        for folder in (tmp_path / "stopped", tmp_path / "whole")
    ]
    assert names[0] == names[1] and len(names[0]) > 1
