import keras
import numpy as np
import pytest

from keras_affsr.layers import GaussianDownsample
from keras_affsr.layers import LinearDownsample
from keras_affsr.layers import PseudoInverseUpsample
from keras_affsr.networks import discriminator
from keras_affsr.networks import generator

DOWNSAMPLE = GaussianDownsample(scale=4)
TOY = LinearDownsample([[0.5, 0.5]])

# Mean square of float32 rounding errors of numbers up to one: about 1e-15.
CONSISTENT = 1e-14

HALF_POLICIES = ["mixed_float16", "mixed_bfloat16"]


def small_generator(**kwargs):
    return generator(DOWNSAMPLE, width=0.1, **kwargs)


def consistency(downsample, generated, low_res):
    error = np.asarray(downsample(generated), "float64") - np.asarray(low_res)
    return np.mean(error**2)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("training", [False, True])
def test_projected_output_agrees_with_the_measurement(channels, training):
    low_res = keras.random.uniform((2, 6, 9, channels), seed=0)
    model = small_generator(channels=channels)
    generated = model(low_res, training=training)
    assert consistency(DOWNSAMPLE, generated, low_res) <= CONSISTENT


def test_without_projection_the_output_lies_in_the_unit_range():
    low_res = keras.random.uniform((2, 6, 9, 1), seed=0)
    model = small_generator(channels=1, project=False)
    generated = np.asarray(model(low_res))
    assert generated.min() >= 0
    assert generated.max() <= 1
    assert consistency(DOWNSAMPLE, generated, low_res) > 1e-3


def test_borders_do_not_show():
    # A grey image mirrored at its border is grey everywhere, so that all of
    # its pixels become the same 4 x 4 pixels.
    model = small_generator(channels=1, project=False)
    generated = model(keras.ops.full((1, 6, 9, 1), 0.7))
    blocks = np.reshape(generated, (6, 4, 9, 4))
    assert np.ptp(blocks) > 1e-2
    # Sums of the same float32 numbers, perhaps in another order.
    np.testing.assert_allclose(np.ptp(blocks, axis=(0, 2)), 0, atol=1e-6)


def test_the_projection_moves_the_guess_and_nothing_else():
    low_res = keras.random.uniform((2, 6, 9, 1), seed=0)
    model = small_generator(channels=1)
    guess = keras.Model(model.input, model.get_layer("guess").output)(low_res)
    upsample = PseudoInverseUpsample(DOWNSAMPLE)
    np.testing.assert_array_equal(
        model(low_res), guess + upsample(low_res - DOWNSAMPLE(guess))
    )


def test_the_upsampling_of_the_projection_may_be_given():
    upsample = PseudoInverseUpsample(DOWNSAMPLE, method="conv", trainable=True)
    model = small_generator(channels=1, upsample=upsample)
    assert model.get_layer("projection").upsample is upsample
    names = [variable.path for variable in model.trainable_variables]
    assert any(upsample.name in name for name in names)


@pytest.mark.parametrize("downsample", [DOWNSAMPLE, TOY])
def test_noise_is_a_second_input_that_changes_the_output(downsample):
    preset = "grass" if downsample is DOWNSAMPLE else "swiss_roll"
    model = generator(downsample, preset, channels=1, noise_channels=5)
    low_shape = (2, 6, 9) if downsample is DOWNSAMPLE else (2,)
    low_res = keras.random.uniform((*low_shape, 1), seed=0)
    noise, other = (
        keras.random.normal((*low_shape, 5), seed=seed) for seed in (1, 2)
    )
    assert [tensor.name for tensor in model.inputs] == ["low_res", "noise"]
    one, two = model([low_res, noise]), model([low_res, other])
    assert np.std(one - two) > 1e-3
    for sample in (one, two):
        assert consistency(downsample, sample, low_res) <= CONSISTENT


def test_vectors_of_the_toy_problem_are_generated_and_told_apart():
    low_res = keras.random.normal((7, 1), 10.0, seed=0)
    generated = generator(TOY, "swiss_roll")(low_res)
    assert generated.shape == (7, 2)
    # Squared numbers of about ten.
    assert consistency(TOY, generated, low_res) <= 1e2 * CONSISTENT
    assert discriminator("swiss_roll", channels=2)(generated).shape == (7, 1)


def test_vectors_have_no_sigmoid():
    model = generator(TOY, "swiss_roll", project=False)
    generated = np.asarray(model(100 * keras.random.normal((64, 1), seed=0)))
    assert generated.min() < 0
    assert generated.max() > 1


@pytest.mark.parametrize("policy", HALF_POLICIES)
def test_half_precision_stays_inside_of_the_networks(policy):
    keras.config.set_dtype_policy(policy)
    low_res = keras.random.uniform((2, 6, 9, 1), seed=0, dtype="float32")
    model = small_generator(channels=1)
    convolution = model.get_layer("block3_conv")
    assert convolution.compute_dtype == policy.removeprefix("mixed_")
    assert convolution.kernel.dtype == "float32"
    generated = model(low_res)
    assert generated.dtype == "float32"
    # Had the measurement been rounded to half precision: 1e-8 or more.
    assert consistency(DOWNSAMPLE, generated, low_res) <= CONSISTENT
    assert small_generator(project=False, channels=1)(low_res).dtype == (
        "float32"
    )
    assert discriminator(channels=1, width=0.1)(generated).dtype == "float32"


@pytest.mark.parametrize("policy", HALF_POLICIES)
def test_half_precision_hardly_changes_the_output(policy):
    low_res = keras.random.uniform((2, 6, 9, 1), seed=0, dtype="float32")
    full = small_generator(channels=1)
    expected = full(low_res)
    keras.config.set_dtype_policy(policy)
    half = small_generator(channels=1)
    half.set_weights(full.get_weights())
    # Eight bits of mantissa, through seven layers.
    np.testing.assert_allclose(half(low_res), expected, rtol=0, atol=0.03)


@pytest.mark.parametrize("policy", HALF_POLICIES)
def test_half_precision_networks_can_be_loaded_without_the_policy(
    policy, tmp_path
):
    low_res = keras.random.uniform((2, 6, 9, 1), seed=0, dtype="float32")
    keras.config.set_dtype_policy(policy)
    model = small_generator(channels=1)
    model.save(tmp_path / "model.keras")
    expected = model(low_res)
    keras.config.set_dtype_policy("float32")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(low_res), expected)
