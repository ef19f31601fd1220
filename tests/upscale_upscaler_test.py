"""Upscaling arrays: the promise, at any size, for any model."""

import keras
import numpy as np
import pytest

from keras_affsr import models
from keras_affsr.layers import BoxDownsample
from keras_affsr.layers import GaussianDownsample
from keras_affsr.networks import generator
from keras_affsr.upscale import Upscaler
from keras_affsr.upscale import upscale
from tests import reference
from tests.models_tiny import DOWNSAMPLE
from tests.models_tiny import tiny_generator
from tests.upscale_networks import NETWORKS
from tests.upscale_networks import projected

# Of images near one in float32, through a projection and its rounding.
ROUNDING = 2e-6
SEAMLESS = 1e-5  # What is asked of tiles.
# Of a float image: -20 log10 of float32's rounding, and what was asked.
FLOAT_PSNR = 95.0

GAUSSIAN = GaussianDownsample(scale=4)


def measured(height, width, channels=1, dtype="uint8", downsample=GAUSSIAN):
    """Returns an image that was made by an operator, in steps of a dtype."""
    scale = downsample.scale
    shape = (1, scale * height, scale * width, channels)
    high_res = np.random.default_rng(0).uniform(0.1, 0.9, shape)
    low_res = np.asarray(downsample(high_res.astype("float32")))[0]
    if dtype == "float32":
        return low_res
    return np.rint(np.iinfo(dtype).max * low_res).astype(dtype)


def small_generator(channels=1, **kwargs):
    return generator(GAUSSIAN, channels=channels, filters=(4, 4), **kwargs)


def slow_low_res(images, downsample=GAUSSIAN):
    """Returns A y of an image of integers, in float64, in their steps."""
    taps = (downsample.rows.taps, downsample.columns.taps)
    scales = (downsample.scale,) * 2
    return reference.downsample(
        images[None], taps, scales, downsample.rows.padding
    )[0]


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (5, 9), (24, 17)])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("channels", [1, 3])
def test_integers_downsample_to_the_input_bit_for_bit(size, dtype, channels):
    image = measured(*size, channels, dtype)
    upscaled = Upscaler(small_generator(channels))(image)
    assert upscaled.images.dtype == dtype
    assert upscaled.images.shape == (4 * size[0], 4 * size[1], channels)
    found = np.rint(slow_low_res(upscaled.images))
    np.testing.assert_array_equal(found, image)
    assert (upscaled.reproduced, upscaled.unmatched) == (1.0, 0)


def test_floats_downsample_to_the_input():
    image = measured(12, 10, 3, "float32")
    upscaled = Upscaler(small_generator(3))(image)
    assert upscaled.images.dtype == "float32"
    assert upscaled.images.min() >= 0
    assert upscaled.images.max() <= 1
    error = slow_low_res(upscaled.images) - image
    psnr = -10 * np.log10(np.mean(error**2))
    assert psnr > FLOAT_PSNR
    assert upscaled.low_res_psnr > FLOAT_PSNR
    assert upscaled.reproduced == 1.0


def test_the_low_res_psnr_is_that_of_the_rounded_image():
    image = measured(8, 8, 3)
    upscaled = Upscaler(small_generator(3))(image)
    error = (slow_low_res(upscaled.images) - image) / 255
    expected = -10 * np.log10(np.mean(error**2))
    np.testing.assert_allclose(upscaled.low_res_psnr, expected, atol=0.01)


def test_the_result_is_the_models_own_where_that_is_in_range():
    model = tiny_generator()
    image = measured(9, 7, 1, "float32", DOWNSAMPLE)
    expected = np.asarray(model(image[None]))[0]
    assert 0 < expected.min() < expected.max() < 1
    found = upscale(model, image)
    np.testing.assert_allclose(found, expected, atol=ROUNDING, rtol=0)


def test_a_grey_image_without_channels_comes_back_without():
    image = measured(6, 5)
    upscaler = Upscaler(small_generator())
    found = upscaler(image[..., 0])
    assert found.images.shape == (24, 20)
    np.testing.assert_array_equal(found.images, upscaler(image).images[..., 0])


@pytest.mark.parametrize("name", NETWORKS)
def test_tiles_leave_no_seams_in_the_result(name):
    model = projected(NETWORKS[name]())
    image = measured(16, 24, 1, "float32", DOWNSAMPLE)
    whole = upscale(model, image)
    found = upscale(model, image, tile=5)
    np.testing.assert_allclose(found, whole, atol=SEAMLESS, rtol=0)


def test_large_images_are_cut_by_themselves(capsys):
    model = projected(NETWORKS["mirrored"]())
    image = measured(257, 300, 1, "uint8", DOWNSAMPLE)
    upscaled = Upscaler(model, progress=True)(image)
    assert capsys.readouterr().err.endswith("\rtiles 4/4\n")
    assert upscaled.reproduced == 1.0


def test_progress_is_silent_unless_asked_for(capsys):
    upscale(tiny_generator(), measured(4, 4, downsample=DOWNSAMPLE))
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "")


@pytest.mark.parametrize("project", [True, False])
def test_a_soft_model_is_projected_by_its_operator_unless_told_not_to(project):
    network = tiny_generator(project=False)
    model = models.SuperResolver(network, DOWNSAMPLE, consistency_weight=1.0)
    image = measured(9, 7, downsample=DOWNSAMPLE)
    upscaled = Upscaler(model, project=project)(image)
    own = np.asarray(network(image[None] / np.float32(255)))[0]
    same = np.array_equal(upscaled.images, np.rint(255 * own))
    assert same != project
    assert (upscaled.reproduced == 1.0) == project


def test_without_projection_a_model_that_has_one_keeps_it():
    model = tiny_generator()
    image = measured(9, 7, 1, "float32", DOWNSAMPLE)
    found = upscale(model, image, project=False)
    expected = np.asarray(model(image[None]))[0]
    np.testing.assert_allclose(found, expected, atol=ROUNDING, rtol=0)


def test_a_plain_network_without_operator_is_only_enlarged():
    network = tiny_generator(project=False)
    upscaled = Upscaler(network, project=False)(np.zeros((3, 4), "uint8"))
    assert upscaled.images.shape == (6, 8)
    assert upscaled.low_res_psnr is None
    assert upscaled.reproduced is None
    assert upscaled.unmatched is None


def test_an_operator_given_takes_the_place_of_the_models():
    other = GaussianDownsample(scale=2)
    image = measured(9, 7, downsample=other)
    upscaled = Upscaler(tiny_generator(), downsample=other)(image)
    assert upscaled.reproduced == 1.0
    found = np.rint(slow_low_res(upscaled.images, other))
    np.testing.assert_array_equal(found, image)


def test_the_models_own_projection_is_left_out_for_another_operator():
    other = GaussianDownsample(scale=2)
    model = tiny_generator()
    guess = keras.Model(model.input, model.layers[-1].input[0])
    image = measured(9, 7, 1, "float32", other)
    found, expected = (
        upscale(network, image, downsample=other) for network in (model, guess)
    )
    np.testing.assert_array_equal(found, expected)


def test_a_conv_pseudo_inverse_is_made_exact_at_the_borders():
    from keras_affsr.layers import PseudoInverseUpsample

    upsample = PseudoInverseUpsample(GAUSSIAN, method="conv", kernel_size=3)
    model = small_generator(upsample=upsample)
    image = measured(6, 5, 1, "uint16")
    assert Upscaler(model)(image).reproduced == 1.0
    assert Upscaler(model, project=False)(image).reproduced < 1.0


def test_a_self_ensemble_is_projected_once_and_as_consistent():
    image = measured(7, 9, 3)
    model = small_generator(3)
    upscaled = Upscaler(model, self_ensemble=True)(image)
    assert upscaled.reproduced == 1.0
    assert not np.array_equal(upscaled.images, upscale(model, image))


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_half_precision_keeps_the_promise(policy):
    keras.config.set_dtype_policy(policy)
    image = measured(8, 6, 3)
    assert Upscaler(small_generator(3))(image).reproduced == 1.0


def test_a_loaded_model_gives_the_same(tmp_path):
    model = small_generator()
    model.save(tmp_path / "generator.keras")
    loaded = keras.saving.load_model(tmp_path / "generator.keras")
    image = measured(8, 6)
    np.testing.assert_array_equal(upscale(loaded, image), upscale(model, image))


def test_rows_and_columns_may_have_different_scales():
    downsample = BoxDownsample(scale=(1, 3))
    model = generator(downsample, channels=1, filters=(4,))
    upscaler = Upscaler(model, self_ensemble=True, tile=3)
    upscaled = upscaler(np.full((5, 4), 100, "uint8"))
    assert upscaler.scale == (1, 3)
    assert upscaled.images.shape == (5, 12)
    assert upscaled.reproduced == 1.0
