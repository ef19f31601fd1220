"""What upscaling refuses, and how it says so."""

import keras
import numpy as np
import pytest

from keras_affsr import models
from keras_affsr.layers import AffineProjection
from keras_affsr.layers import BoxDownsample
from keras_affsr.layers import LinearDownsample
from keras_affsr.layers import SubPixel
from keras_affsr.networks import generator
from keras_affsr.upscale import Projector
from keras_affsr.upscale import Upscaler
from keras_affsr.upscale import upscale
from tests.models_tiny import DOWNSAMPLE
from tests.models_tiny import tiny_generator
from tests.upscale_networks import NETWORKS
from tests.upscale_networks import attention
from tests.upscale_networks import projected

IMAGE = np.full((4, 4, 1), 100, "uint8")


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((1, 4, 4, 1), "uint8"), r"shape \(1, 4, 4, 1\). Take one"),
        (np.zeros((0, 4, 1), "uint8"), r"one image .* shape \(0, 4, 1\)"),
        (np.zeros((4, 4, 3), "uint8"), r"1 channels.*shape \(4, 4, 3\)"),
        (np.zeros((4, 4, 1), "int32"), "uint8 or uint16.*dtype int32"),
        (np.full((4, 4, 1), 1.5), "values from 1.5 to 1.5"),
        (np.full((4, 4, 1), np.nan), "16 NaN or infinite values"),
    ],
)
def test_an_image_that_will_not_do(image, message):
    with pytest.raises(ValueError, match=message):
        upscale(tiny_generator(), image)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tile": 0}, "whole number of at least 1 as tile"),
        ({"seed": -1}, "whole number of at least 0 as seed"),
        ({"samples": 2}, "nothing to sample.*takes no noise.*samples=2"),
        ({"strength": 1.5}, "strength from 0.*to 1.*strength=1.5"),
        ({"strength": -1}, "strength of zero or more"),
        ({"noise_stddev": -1}, "noise_stddev of zero or more"),
        ({"strength": 0.5, "noise_stddev": 0.1}, "strength or noise_stddev"),
        ({"strength": 0.5, "project": False}, "that project=False leaves out"),
        ({"downsample": "box"}, "needs a Downsample as downsample"),
        (
            {"downsample": BoxDownsample(4)},
            r"enlarges by \(2, 2\), and .* shrinks by \(4, 4\)",
        ),
    ],
)
def test_an_option_that_will_not_do(options, message):
    with pytest.raises(ValueError, match=message):
        Upscaler(tiny_generator(), **options)


def test_no_samples_of_a_stochastic_generator():
    model = tiny_generator(noise_channels=1)
    with pytest.raises(ValueError, match="at least 1 as samples"):
        Upscaler(model, samples=0)


def test_tiles_of_a_network_that_sees_everything_are_refused_by_layer():
    message = r"cannot cut.*past `squeeze` \(GlobalAveragePooling2D\).*tile=8"
    with pytest.raises(ValueError, match=message):
        Upscaler(projected(attention()), tile=8)
    # Whole images it upscales.
    assert Upscaler(projected(attention())).halo is None
    assert upscale(projected(attention()), IMAGE).shape == (8, 8, 1)


def test_a_large_image_that_cannot_be_cut_is_warned_about(caplog):
    upscaler = Upscaler(projected(attention()))
    upscaler(np.full((256, 1), 100, "uint8"))
    assert caplog.records == []
    upscaler(np.full((257, 1), 100, "uint8"))
    (record,) = caplog.records
    assert "of an image of 257 x 1 pixels whole" in record.getMessage()
    assert "past `squeeze` (GlobalAverage" in record.getMessage()


def test_tiles_of_a_network_that_moves_pixels_are_refused():
    inputs = keras.Input((8, 8, 1))
    tensor = keras.layers.UpSampling2D(4)(inputs)
    tensor = keras.layers.Cropping2D(8)(tensor)  # The middle, enlarged by 4.
    model = keras.Model(inputs, tensor, name="zoom")
    with pytest.raises(ValueError, match="`zoom` does not keep its pixels"):
        Upscaler(model, DOWNSAMPLE, tile=4)


def test_a_model_without_operator_is_told_what_to_give():
    network = tiny_generator(project=False)
    message = r"downsample=.*\(scale=2\), or project=False"
    with pytest.raises(ValueError, match=message):
        Upscaler(network)


def test_what_is_no_model():
    with pytest.raises(ValueError, match="needs a Model as model"):
        Upscaler(lambda images: images)


def test_a_model_without_weights():
    network = keras.Sequential([keras.layers.Conv2D(4, 3), SubPixel(2)])
    with pytest.raises(ValueError, match="whose weights exist"):
        Upscaler(network, DOWNSAMPLE)


def test_a_model_of_vectors():
    downsample = LinearDownsample([[0.5, 0.5]])
    network = generator(downsample, "swiss_roll")
    with pytest.raises(ValueError, match=r"model of images.*\(None, 1\)"):
        Upscaler(models.SuperResolver(network, downsample))


def test_a_model_that_does_not_enlarge_by_whole_numbers():
    inputs = keras.Input((None, None, 1))
    smaller = keras.layers.Conv2D(1, 3, name="smaller")(inputs)
    model = keras.Model(inputs, smaller, name="smaller")
    with pytest.raises(ValueError, match=r"makes \(1, 62, 62, 1\) of \(1, 64"):
        Upscaler(model, DOWNSAMPLE)


def test_a_model_that_changes_the_channels():
    inputs = keras.Input((None, None, 4))
    model = keras.Model(inputs, SubPixel(2)(inputs))
    with pytest.raises(ValueError, match=r"64, 4\). Expected: .* 4\)"):
        Upscaler(model, DOWNSAMPLE)


def test_an_image_of_another_size_than_the_networks():
    inputs = keras.Input((8, 8, 1))
    model = keras.Model(inputs, keras.layers.UpSampling2D(2)(inputs))
    fits = np.zeros((8, 8), "uint8")
    assert upscale(model, fits, downsample=DOWNSAMPLE).shape == (16, 16)
    with pytest.raises(ValueError, match=r"\(4, 4\) pixels.*for \(8, 8\)"):
        upscale(model, IMAGE, downsample=DOWNSAMPLE)


def test_an_image_that_a_network_cannot_halve_inside():
    inputs = keras.Input((None, None, 1))
    coarse = keras.layers.MaxPooling2D(2)(inputs)
    model = keras.Model(inputs, keras.layers.UpSampling2D(4)(coarse))
    with pytest.raises(ValueError, match=r"make \(1, 10, 8, 1\) of \(1, 5, 4"):
        upscale(model, IMAGE[[0, 1, 2, 3, 0]], downsample=DOWNSAMPLE)


def test_a_projection_onto_something_else_is_not_taken_for_the_models():
    inputs = keras.Input((None, None, 1))
    darker = 0.5 * inputs
    guess = NETWORKS["mirrored"]()(darker)
    output = AffineProjection(DOWNSAMPLE)(guess, darker)
    with pytest.raises(ValueError, match="does not end in an AffineProj"):
        Upscaler(keras.Model(inputs, output))


def test_a_guess_of_another_size():
    message = r"guess of shape \(8, 8, 1\).*image of shape \(3, 4, 1\)"
    with pytest.raises(ValueError, match=message):
        Projector(DOWNSAMPLE)(np.zeros((8, 8, 1), "float32"), IMAGE[1:])
