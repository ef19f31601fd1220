"""Upscaling by stochastic generators."""

import numpy as np

from keras_affsr import models
from keras_affsr.upscale import Upscaler
from tests.models_tiny import DOWNSAMPLE
from tests.models_tiny import tiny_generator

# Of images near one in float32, through a projection and its rounding.
ROUNDING = 2e-6
SEAMLESS = 1e-5  # What is asked of tiles.


def image(dtype="uint8"):
    values = np.random.default_rng(0).uniform(0.45, 0.55, (6, 5, 1))
    if dtype == "float32":
        return values.astype(dtype)
    return np.rint(255 * values).astype(dtype)


def stochastic():
    return models.SuperResolver(
        tiny_generator(noise_channels=2), DOWNSAMPLE, seed=5
    )


def test_samples_are_those_of_the_model():
    model = stochastic()
    low_res = image("float32")
    found = Upscaler(model, samples=3, seed=7)(low_res).images
    expected = model.sample(low_res[None], num_samples=3, seed=7)[:, 0]
    assert 0 < expected.min() < expected.max() < 1
    np.testing.assert_allclose(found, expected, atol=ROUNDING, rtol=0)


def test_every_sample_keeps_the_promise_and_all_differ():
    upscaled = Upscaler(stochastic(), samples=3)(image())
    assert upscaled.images.shape == (3, 12, 10, 1)
    assert (upscaled.reproduced, upscaled.unmatched) == (1.0, 0)
    first, second, third = upscaled.images
    assert not np.array_equal(first, second)
    assert not np.array_equal(second, third)


def test_the_figures_are_of_all_samples_together():
    upscaler = Upscaler(stochastic(), samples=2)
    both = upscaler(image())
    errors = [
        np.asarray(DOWNSAMPLE(each[None] / np.float32(255)))[0] - image() / 255
        for each in both.images
    ]
    expected = -10 * np.log10(np.mean(np.square(errors)))
    np.testing.assert_allclose(both.low_res_psnr, expected, atol=0.01)


def test_without_samples_the_first_one_comes_alone():
    model = stochastic()
    alone = Upscaler(model)(image())
    first = Upscaler(model, samples=2)(image()).images[0]
    np.testing.assert_array_equal(alone.images, first)


def test_the_seed_decides():
    model = stochastic()
    same = [Upscaler(model, seed=3)(image()).images for _ in range(2)]
    np.testing.assert_array_equal(*same)
    other = Upscaler(model, seed=4)(image()).images
    assert not np.array_equal(other, same[0])


def test_tiles_see_the_same_noise_as_the_whole_image():
    model = stochastic()
    low_res = image("float32")
    whole = Upscaler(model)(low_res).images
    tiled = Upscaler(model, tile=2)(low_res).images
    np.testing.assert_allclose(tiled, whole, atol=SEAMLESS, rtol=0)


def test_a_self_ensemble_of_a_sample_keeps_the_promise():
    upscaler = Upscaler(stochastic(), samples=2, self_ensemble=True)
    assert upscaler(image()).reproduced == 1.0
