"""From a guess to an image that agrees: all of it, or less for noise."""

import logging

import numpy as np
import pytest
from keras import ops

from keras_affsr.layers import AffineProjection
from keras_affsr.layers import BoxDownsample
from keras_affsr.layers import Downsample
from keras_affsr.layers import GaussianDownsample
from keras_affsr.layers import RangeProjection
from keras_affsr.layers import unmatched
from keras_affsr.upscale import Projector
from keras_affsr.upscale.into_range import into_range

# Of A y - x for images near one, in float32.
ROUNDING = 2e-6
NEWTON = 1e-3  # Of images that are iterated to 1e-5 at low resolution.
DOWNSAMPLE = GaussianDownsample(scale=4)


def guess_and_image(channels=2, size=(6, 5), seed=0):
    """Returns a guess within (0, 1), and an image some 0.03 off from it."""
    random = np.random.default_rng(seed)
    shape = (4 * size[0], 4 * size[1], channels)
    guess = random.uniform(0.3, 0.7, shape).astype("float32")
    noise = 0.03 * random.standard_normal((*size, channels))
    return guess, shrink(guess) + noise.astype("float32")


def shrink(images):
    return np.asarray(DOWNSAMPLE(images[None]))[0]


@pytest.mark.parametrize("strength", [0.0, 0.25, 0.9, 1.0])
def test_strength_says_how_much_of_the_difference_is_taken_away(strength):
    guess, image = guess_and_image()
    made = Projector(DOWNSAMPLE, strength=strength)(guess, image).images
    expected = (1 - strength) * (shrink(guess) - image)
    np.testing.assert_allclose(
        shrink(made) - image, expected, atol=ROUNDING, rtol=0
    )
    # And no more than A+ of it is added.
    project = AffineProjection(DOWNSAMPLE)
    exact = np.asarray(project(guess[None], image[None]))[0]
    np.testing.assert_allclose(
        made, guess + strength * (exact - guess), atol=ROUNDING, rtol=0
    )


def test_what_remains_has_the_size_of_the_noise():
    guess, image = guess_and_image()
    made = Projector(DOWNSAMPLE, noise_stddev=0.01)(guess, image).images
    rms = np.sqrt(np.mean((image - shrink(made)) ** 2))
    np.testing.assert_allclose(rms, 0.01, atol=ROUNDING)


def test_a_guess_that_agrees_as_well_as_the_noise_allows_is_left_alone():
    guess, image = guess_and_image()
    made = Projector(DOWNSAMPLE, noise_stddev=0.5)(guess, image).images
    np.testing.assert_allclose(made, guess, atol=ROUNDING, rtol=0)


@pytest.mark.parametrize("noise_stddev", [0.0, 0.01])
def test_a_guess_without_any_error_is_kept(noise_stddev):
    guess, _ = guess_and_image()
    projector = Projector(DOWNSAMPLE, noise_stddev=noise_stddev)
    made = projector(guess, shrink(guess)).images
    np.testing.assert_allclose(made, guess, atol=ROUNDING, rtol=0)


def test_no_noise_is_full_agreement():
    guess, image = guess_and_image()
    exact = Projector(DOWNSAMPLE)(guess, image).images
    made = Projector(DOWNSAMPLE, noise_stddev=0.0)(guess, image).images
    np.testing.assert_allclose(made, exact, atol=ROUNDING, rtol=0)


def test_less_than_full_agreement_of_integers_is_reported_and_not_hidden():
    guess, image = guess_and_image()
    image = np.rint(255 * image).astype("uint8")
    upscaled = Projector(DOWNSAMPLE, strength=0.5)(guess, image)
    assert upscaled.images.dtype == "uint8"
    found = np.rint(255 * shrink(upscaled.images / np.float32(255)))
    assert upscaled.unmatched == np.sum(found != image) > 0
    assert upscaled.reproduced == 1 - upscaled.unmatched / image.size


@pytest.mark.parametrize("bits", [None, 8])
def test_the_graph_does_what_the_layer_does(bits):
    guess, image = guess_and_image(channels=1)
    guess = 4 * guess - 1.5  # Out of the range, here and there.
    image = np.rint(255 * image) / np.float32(255)
    found = into_range(DOWNSAMPLE, guess[None], image[None], bits)
    layer = RangeProjection(DOWNSAMPLE, bits)
    expected = layer(guess[None], image[None])
    # A rounding apart, and with bits that may be one level apart.
    level = 1 / 255 if bits else 0.0
    np.testing.assert_allclose(found, expected, atol=level + NEWTON, rtol=0)
    assert not np.any(unmatched(DOWNSAMPLE, found, image[None], bits))


class TurnedChannels(Downsample):
    """A box, and red for green for blue: its channels are not apart."""

    def __init__(self, **kwargs):
        super().__init__(2, **kwargs)
        self.box = BoxDownsample(2)
        self.box.build(None)

    def apply(self, images):
        return ops.roll(self.box.apply(images), 1, axis=-1)

    def adjoint(self, low_res):
        return self.box.adjoint(ops.roll(low_res, -1, axis=-1))

    def solve(self, low_res):
        back = self.box.solve(ops.roll(low_res, -1, axis=-1))
        return ops.roll(back, 1, axis=-1)

    def gram_condition(self, low_res_shape):
        return 1.0


def test_an_operator_that_mixes_channels_gets_them_all_at_once():
    random = np.random.default_rng(0)
    guess = random.uniform(0.4, 0.7, (8, 6, 3)).astype("float32")
    image = random.integers(120, 140, (4, 3, 3), "uint8")
    upscaled = Projector(TurnedChannels())(guess, image)
    boxes = upscaled.images.reshape(4, 2, 3, 2, 3).mean(axis=(1, 3))
    np.testing.assert_array_equal(np.rint(np.roll(boxes, 1, -1)), image)
    assert upscaled.reproduced == 1.0


def test_channels_apart_are_as_channels_together():
    guess, image = guess_and_image(channels=3)
    projector = Projector(DOWNSAMPLE)
    together = projector(guess, image).images
    for channel in range(3):
        part = slice(channel, channel + 1)
        alone = projector(guess[..., part], image[..., part]).images
        np.testing.assert_array_equal(alone, together[..., part])


def test_an_image_that_no_image_downsamples_to_is_told_with_its_number(caplog):
    guess, image = guess_and_image(channels=1)
    image = np.full(image.shape, 128, "uint8")
    image[2, 2] = 255  # A kernel of nine taps cannot make it from its grey.
    with caplog.at_level(logging.WARNING):
        upscaled = Projector(DOWNSAMPLE)(guess, image)
    assert upscaled.unmatched > 0
    assert 0 < upscaled.reproduced < 1
    (record,) = caplog.records
    assert (
        f"`Projector` could not reproduce {upscaled.unmatched} of 30 "
        "low-resolution samples"
    ) in record.getMessage()
    assert "was not made by this operator, or was sharpened" in (
        record.getMessage()
    )


def test_what_can_be_reproduced_is_not_warned_about(caplog):
    guess, image = guess_and_image()
    with caplog.at_level(logging.WARNING):
        Projector(DOWNSAMPLE)(guess, np.rint(255 * image).astype("uint8"))
        Projector(DOWNSAMPLE, strength=0.5)(guess, image)
    assert caplog.records == []
