import keras
import numpy as np
import pytest

from keras_affsr.models import DenoiserGuidedSuperResolver
from keras_affsr.networks import denoiser
from keras_affsr.priors import Denoiser
from tests.models_guided_tiny import Gaussian
from tests.models_guided_tiny import tiny_denoiser
from tests.models_tiny import DOWNSAMPLE
from tests.models_tiny import images
from tests.models_tiny import tiny_generator

FALLING = keras.optimizers.schedules.PolynomialDecay(2.0, 4, 0.5)


def build(denoiser=None, downsample=DOWNSAMPLE, **kwargs):
    generator = tiny_generator()
    denoiser = tiny_denoiser() if denoiser is None else denoiser
    model = DenoiserGuidedSuperResolver(
        generator, denoiser, downsample, **kwargs
    )
    model.compile("adam")
    return model


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: build(Gaussian()), "needs a Denoiser as denoiser.*Gaussian"),
        (
            lambda: build(Denoiser(denoiser(channels=3))),
            r"`denoiser` for 3 channels, and `generator` with .*, 1\)",
        ),
        (
            lambda: build(Denoiser(denoiser(channels=1), value_range=(-1, 1))),
            r"makes images in \[0, 1\].*for images in \[-1.0, 1.0\]",
        ),
        (lambda: build(noise_stddev=0.3), "a network for one level of noise"),
        (
            lambda: build(
                tiny_denoiser((0.1, 0.5), noise_conditional=True),
                noise_stddev=keras.optimizers.schedules.CosineDecay(0.5, 9),
            ),
            "never be zero",
        ),
        (
            lambda: build(
                tiny_denoiser((0.1, 0.5), noise_conditional=True),
                noise_stddev=FALLING,
            ),
            "trained at noise from 0.1 to 0.5. Received: .* from 0.5 to 2",
        ),
        (lambda: build().compile(loss="mse"), "own loss.*loss='mse'"),
    ],
)
def test_what_does_not_fit_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_data_of_another_kind_is_refused():
    untrained = build(tiny_denoiser(pretrained=False))
    for method in (untrained.fit, untrained.evaluate):
        with pytest.raises(ValueError, match="has not been trained"):
            method(images(), verbose=0)
    model = build()
    model.run_eagerly = True
    with pytest.raises(ValueError, match=r"images in \[0, 1\].*values from"):
        model.fit(255 * images(), verbose=0)
    with pytest.raises(ValueError, match="takes no sample weights"):
        model.fit(images(8), images(), sample_weight=np.ones(8), verbose=0)
