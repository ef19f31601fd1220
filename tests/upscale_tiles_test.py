"""Tiles: together they are the whole image, without seams."""

import numpy as np
import pytest
from keras import ops

from keras_affsr.upscale.guess_network import GuessNetwork
from keras_affsr.upscale.self_ensemble import self_ensemble
from keras_affsr.upscale.tiles import in_tiles
from keras_affsr.upscale.tiles import spans
from tests.upscale_networks import NETWORKS

# What is asked of tiles. The sums of a pixel are the same, but a convolution
# may take them in another order for another size of image.
SEAMLESS = 1e-5


def image(height, width, seed=0):
    shape = (1, height, width, 1)
    return np.random.default_rng(seed).random(shape, "float32")


def tiled(network, function, low_res, tile):
    """Returns an image made in tiles, and how many they were."""
    rows, columns = (
        spans(size, tile, 2, network.halo, network.period)
        for size in low_res.shape[1:3]
    )
    shape = [scale * size for scale, size in zip((2, 2, 1), low_res.shape[1:])]
    output = np.full(shape, np.nan, "float32")
    steps = in_tiles(function, [low_res], output, rows, columns)
    return output, sum(1 for _ in steps)


@pytest.mark.parametrize("tile", [1, 4, 7, 16])
@pytest.mark.parametrize("name", NETWORKS)
def test_tiles_give_the_whole_image_without_seams(name, tile):
    network = GuessNetwork(NETWORKS[name](), "test")
    low_res = image(24, 36)
    whole = np.asarray(network(low_res))[0]
    output, count = tiled(network, network, low_res, tile)
    np.testing.assert_allclose(output, whole, atol=SEAMLESS, rtol=0)
    step = -(-tile // network.period) * network.period
    assert count == -(-24 // step) * -(-36 // step)


@pytest.mark.parametrize("name", ["mirrored", "dilated", "nested"])
def test_a_halo_that_is_one_pixel_short_shows(name):
    # That the tests above can fail: the halo is needed, all of it.
    network = GuessNetwork(NETWORKS[name](), "test")
    network.halo -= network.period
    low_res = image(24, 36)
    output, _ = tiled(network, network, low_res, 8)
    assert np.abs(output - np.asarray(network(low_res))[0]).max() > SEAMLESS


def test_tiles_of_a_self_ensemble_give_the_whole_image_too():
    network = GuessNetwork(NETWORKS["dilated"](), "test")
    function = self_ensemble(network)
    low_res = image(20, 28)
    output, _ = tiled(network, function, low_res, 6)
    whole = function(low_res)[0]
    np.testing.assert_allclose(output, whole, atol=SEAMLESS, rtol=0)


@pytest.mark.parametrize("size", [1, 5, 30, 31, 64])
@pytest.mark.parametrize("tile", [1, 8, 30, 100])
def test_spans_write_every_pixel_once_and_read_a_halo_within_the_image(
    size, tile
):
    scale, halo, period = 3, 4, 2
    written = np.zeros(scale * size, int)
    for span in spans(size, tile, scale, halo, period):
        written[span.write] += 1
        assert 0 <= span.read.start < span.read.stop <= size
        assert span.read.start % period == 0
        length = span.crop.stop - span.crop.start
        assert length == span.write.stop - span.write.start
        # The crop of what was read is what is written.
        first = scale * span.read.start + span.crop.start
        assert first == span.write.start
        left = span.write.start // scale
        assert span.read.start <= max(0, left - halo)
        assert span.read.stop >= min(size, span.write.stop // scale + halo)
    np.testing.assert_array_equal(written, 1)


def test_the_halo_is_that_of_whole_input_pixels():
    # Four convolutions of three taps, then a shuffle by two: both of the two
    # see four pixels either way of their own.
    assert GuessNetwork(NETWORKS["mirrored"](), "test").halo == 4


def test_one_graph_serves_all_sizes():
    network = GuessNetwork(NETWORKS["mirrored"](), "test")
    for size in (1, 2, 9, 30):
        assert network(image(size, 7)).shape == (1, 2 * size, 14, 1)
    assert network.function.experimental_get_tracing_count() == 1


def test_layers_that_need_to_know_the_size_get_a_graph_for_each():
    network = GuessNetwork(NETWORKS["interpolated"](), "test")
    plain = NETWORKS["interpolated"]()
    for size in (3, 5):
        assert network(image(size, 7)).shape == (1, 2 * size, 14, 1)
        assert ops.shape(plain(image(size, 7))) == (1, 2 * size, 14, 1)
