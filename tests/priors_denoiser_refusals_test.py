import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_affsr.priors import Denoiser
from tests.models_guided_tiny import tiny_denoiser
from tests.models_tiny import images

SCHEDULES = keras.optimizers.schedules


@pytest.mark.parametrize(
    ("level", "message"),
    [
        (0.0, "square of noise_stddev.*never be zero.*noise_stddev=0.0"),
        (-0.1, "needs a positive noise_stddev. Received: noise_stddev=-0.1"),
        (SCHEDULES.PolynomialDecay(0.5, 9, 0.0), "a small positive level"),
        (SCHEDULES.CosineDecay(0.5, 9), "never be zero"),
        (SCHEDULES.CosineDecay(0, 9, 0.1, warmup_target=0.5), "never be zero"),
        (SCHEDULES.PiecewiseConstantDecay([3], [0.5, 0.0]), "never be zero"),
        ("high", "needs a number as noise_stddev. Received: .*'high'"),
        ((0.1, 0.5), r"a pair \(least, greatest\) if .*told.*1 input"),
    ],
)
def test_levels_that_will_not_do_are_refused(level, message):
    with pytest.raises(ValueError, match=message):
        tiny_denoiser(level)


@pytest.mark.parametrize(
    ("level", "message"),
    [
        ((0.5, 0.1), "least < greatest. Received: noise_stddev="),
        ((0.0, 0.5), "never be zero"),
        ((0.1, 0.2, 0.3), "as a pair"),
        (0.5, "as a float or schedule if not. Received: noise_stddev=0.5"),
    ],
)
def test_pairs_that_will_not_do_are_refused(level, message):
    with pytest.raises(ValueError, match=message):
        tiny_denoiser(level, noise_conditional=True)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda prior: prior.score(images(), 0.1), "network for one level of"),
        (
            lambda prior: prior(images(), noise_stddev=0.1),
            "noise_stddev=0.1. Leave it out",
        ),
        (
            lambda prior: prior.score(np.ones((1, 8, 8, 3), "float32")),
            r"prior for 1 channels. Received: `images` of shape \(1, 8, 8, 3\)",
        ),
        (lambda prior: prior.score(255 * images()), r"prior for images in \[0"),
        (lambda prior: prior.score(images() > 0), "as floats.*dtype bool"),
        (lambda prior: prior(images().astype("uint8")), "dtype uint8"),
    ],
)
def test_images_and_levels_of_another_kind_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call(tiny_denoiser())


@pytest.mark.parametrize(
    ("level", "message"),
    [
        (0.0, "never be zero"),
        (0.05, "trained at noise from 0.1 to 0.5. Received: .*from 0.05 to"),
        (0.6, "from 0.6 to 0.6. Stay within"),
    ],
)
def test_levels_beyond_those_trained_at_are_refused(level, message):
    prior = tiny_denoiser((0.1, 0.5), noise_conditional=True)
    with pytest.raises(ValueError, match=message):
        prior.score(images(), level)


def test_an_untrained_denoiser_has_no_score():
    prior = tiny_denoiser(pretrained=False)
    for function in (prior.score, tf.function(prior.score)):
        with pytest.raises(ValueError, match="`denoiser` has not been trained"):
            function(tf.constant(images()))


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (
            lambda: "grass",
            "needs a Model as network. Received: network='grass'",
        ),
        (
            lambda: keras.Sequential([keras.layers.Dense(1)]),
            "functional network from images to images of the same shape",
        ),
        (
            lambda: keras.Sequential(
                [keras.Input((2,)), keras.layers.Dense(1)]
            ),
            r"from \[\(None, 2\)\] to \(None, 1\)",
        ),
    ],
)
def test_networks_of_another_kind_are_refused(network, message):
    with pytest.raises(ValueError, match=message):
        Denoiser(network())
