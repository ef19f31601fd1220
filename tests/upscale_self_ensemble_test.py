"""The self-ensemble: the mean over the symmetries of a square."""

import numpy as np
import pytest

from keras_affsr.layers import SubPixel
from keras_affsr.upscale.self_ensemble import self_ensemble

# Of sums of eight numbers near one, in float32.
ROUNDING = 1e-6


def image(height=5, width=7, channels=2):
    shape = (1, height, width, channels)
    return np.random.default_rng(0).random(shape, "float32")


def shifted(images):
    """A network that knows up from down: it enlarges, moves and scales."""
    large = np.repeat(np.repeat(images, 2, axis=1), 2, axis=2)
    moved = np.roll(large, (1, 3), axis=(1, 2))
    return moved * np.linspace(0, 1, large.shape[1])[None, :, None, None]


def slow_mean(network, low_res, square):
    """Turns by NumPy's own functions, one after another."""
    results = []
    for turns in range(4) if square else (0, 2):
        for flip in (False, True):
            turned = np.rot90(low_res[0], turns)
            turned = turned[:, ::-1] if flip else turned
            made = network(turned[None])[0]
            made = made[:, ::-1] if flip else made
            results.append(np.rot90(made, -turns))
    return np.mean(results, axis=0)[None]


@pytest.mark.parametrize("square", [True, False])
def test_it_is_the_mean_over_flips_and_rotations(square):
    found = self_ensemble(shifted, square)(image())
    expected = slow_mean(shifted, image(), square)
    np.testing.assert_allclose(found, expected, atol=ROUNDING, rtol=0)


def test_it_turns_with_the_image():
    average = self_ensemble(shifted)
    turned = average(np.rot90(image(), axes=(1, 2)))
    expected = np.rot90(average(image()), axes=(1, 2))
    np.testing.assert_allclose(turned, expected, atol=ROUNDING, rtol=0)


def test_a_network_without_directions_is_left_as_it_is():
    def nearest(images):
        return np.repeat(np.repeat(images, 2, axis=1), 2, axis=2)

    found = self_ensemble(nearest)(image())
    np.testing.assert_allclose(found, nearest(image()), atol=ROUNDING, rtol=0)


def test_noise_is_turned_with_the_image():
    seen = []

    def network(low_res, noise):
        seen.append(np.array_equal(low_res[..., :1], noise))
        return shifted(low_res)

    self_ensemble(network)(image(), image()[..., :1])
    assert seen == [True] * 8


def test_rows_and_columns_of_different_scales_are_not_exchanged():
    def network(images):
        return np.asarray(SubPixel((1, 2))(images))

    found = self_ensemble(network, square=False)(image())
    assert found.shape == (1, 5, 14, 1)
