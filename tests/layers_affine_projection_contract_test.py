"""What Keras and a user may ask of the projection."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_affsr.layers import AffineProjection
from keras_affsr.layers import BoxDownsample
from keras_affsr.layers import GaussianDownsample
from keras_affsr.layers import LinearDownsample
from keras_affsr.layers import PseudoInverseUpsample
from keras_affsr.layers import SeparableDownsample
from tests.layer_checks import low_res_mse
from tests.layer_checks import noise
from tests.layer_checks import rebuilt

# What the package promises; and the bound where the guess has eight bits of
# mantissa and may be some units from the answer.
CONSISTENT = 1e-14
CONSISTENT_WITH_HALF_PRECISION = 1e-12


def consistent_model(downsample, size=(None, None), channels=3):
    """Any model from low to high resolution, and the projection's two lines."""
    inputs = keras.Input((*size, channels))
    tensor = keras.layers.UpSampling2D(downsample.scale)(inputs)
    tensor = keras.layers.Conv2D(8, 3, padding="same", activation="relu")(
        tensor
    )
    outputs = keras.layers.Conv2D(channels, 3, padding="same")(tensor)
    net = keras.Model(inputs, outputs)
    project = AffineProjection(downsample)
    return keras.Model(net.input, project(net.output, net.input))


@pytest.fixture
def downsample():
    return GaussianDownsample(scale=4)


def test_any_model_becomes_consistent_in_two_lines(downsample):
    model = consistent_model(downsample)
    assert model.output_shape == (None, None, None, 3)
    for size in ((1, 1), (5, 7), (3, 70)):
        low_res = noise(4, *size, 3)
        generated = model.predict(low_res, verbose=0)
        assert generated.shape == (4, 4 * size[0], 4 * size[1], 3)
        assert low_res_mse(downsample, generated, low_res) <= CONSISTENT


def test_known_sizes_give_what_unknown_ones_do(downsample):
    model = consistent_model(downsample)
    known = consistent_model(downsample, (5, 7))
    known.set_weights(model.get_weights())
    low_res = noise(2, 5, 7, 3)
    np.testing.assert_allclose(
        known(low_res),
        model(low_res),
        rtol=0,
        atol=2e-6,  # Float32 sums in another order.
    )


@pytest.mark.parametrize("jit_compile", [False, True])
def test_a_consistent_model_learns_and_stays_consistent(
    downsample, jit_compile
):
    model = consistent_model(downsample)
    model.compile("adam", loss="mse", jit_compile=jit_compile)
    high_res = noise(4, 16, 24, 3)
    low_res = np.asarray(downsample(high_res))
    losses = model.fit(low_res, high_res, epochs=3, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    generated = model.predict(low_res, verbose=0)
    assert low_res_mse(downsample, generated, low_res) <= CONSISTENT


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_a_network_of_half_precision_is_as_consistent(downsample, policy):
    keras.config.set_dtype_policy(policy)
    model = consistent_model(GaussianDownsample(scale=4))
    assert model.layers[1].compute_dtype == policy.removeprefix("mixed_")
    low_res = noise(4, 8, 6, 3)
    generated = model(low_res)
    assert generated.dtype == "float32"
    error = low_res_mse(downsample, generated, low_res)
    assert error <= CONSISTENT_WITH_HALF_PRECISION
    assert model.predict(low_res, verbose=0).dtype == "float32"


def test_a_guess_of_half_precision_is_cast_first(downsample):
    guess = keras.ops.cast(noise(1, 8, 8, 3), "bfloat16")
    low_res = noise(1, 2, 2, 3)
    project = AffineProjection(downsample)
    np.testing.assert_array_equal(
        project(guess, low_res),
        project(keras.ops.cast(guess, "float32"), low_res),
    )


def test_a_saved_model_is_as_consistent(downsample, tmp_path):
    model = consistent_model(downsample)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    for size in ((2, 3), (5, 7)):
        low_res = noise(2, *size, 3)
        generated = loaded(low_res)
        np.testing.assert_array_equal(generated, model(low_res))
        assert low_res_mse(downsample, generated, low_res) <= CONSISTENT


def test_a_saved_model_keeps_a_convolution_as_upsample(downsample, tmp_path):
    upsample = PseudoInverseUpsample(downsample, method="conv", trainable=True)
    guess = keras.Input((None, None, 1))
    low_res = keras.Input((None, None, 1))
    project = AffineProjection(downsample, upsample)
    model = keras.Model([guess, low_res], project(guess, low_res))
    # Other kernels than those that a new layer computes.
    model.set_weights([1.1 * weight for weight in model.get_weights()])
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    arrays = [noise(2, 16, 24, 1), noise(2, 4, 6, 1)]
    np.testing.assert_array_equal(loaded(arrays), model(arrays))


def test_an_exported_model_is_as_consistent(downsample, tmp_path):
    model = consistent_model(downsample)
    model.export(tmp_path / "exported", verbose=False)
    loaded = tf.saved_model.load(tmp_path / "exported")
    for size in ((2, 3), (5, 7), (1, 1), (66, 3)):
        low_res = noise(2, *size, 3)
        generated = loaded.serve(low_res)
        assert low_res_mse(downsample, generated, low_res) <= CONSISTENT


@pytest.mark.parametrize(
    "make",
    [
        lambda: AffineProjection(GaussianDownsample((2, 4), 5), name="me"),
        lambda: AffineProjection(
            BoxDownsample(2, dtype="float64"), dtype="float64"
        ),
        lambda: AffineProjection(
            BoxDownsample(4),
            PseudoInverseUpsample(BoxDownsample(4), "conv", 3, trainable=True),
        ),
        lambda: AffineProjection(LinearDownsample([[1.0, 2.0]])),
    ],
)
def test_the_config_makes_the_same_layer(make):
    project = make()
    clone = rebuilt(project)
    assert clone.dtype_policy == project.dtype_policy
    assert clone.name == project.name
    shape = (1, 2) if project.downsample.scale == 2 else (1, 4, 8, 1)
    if isinstance(project.downsample, BoxDownsample):
        shape = (1, 4, 8, 1)
    guess = noise(*shape)
    low_res = noise(*project.downsample.compute_output_shape(shape))
    np.testing.assert_array_equal(
        clone(guess, low_res), project(guess, low_res)
    )


def test_double_precision_is_kept_when_asked_for():
    downsample = GaussianDownsample(scale=4, dtype="float64")
    guess, low_res = noise(1, 8, 8, 1), noise(1, 2, 2, 1)
    projected = AffineProjection(downsample, dtype="float64")(guess, low_res)
    assert projected.dtype == "float64"
    error = np.asarray(downsample(projected)) - low_res.astype("float64")
    assert np.mean(error**2) <= 1e-28  # Fifteen digits, squared.


@pytest.mark.parametrize(
    "downsample",
    [
        BoxDownsample(4, 8, padding="circular"),
        SeparableDownsample([1.0, -1.0], 1, "symmetric"),
        SeparableDownsample([1.0, -1.0], (1, 2), "circular"),
        SeparableDownsample([0.0, 0.0], 2),
    ],
)
@pytest.mark.parametrize("size", [(2, 2), (6, 1), (None, None), (None, 3)])
def test_rank_deficient_operators_are_refused_at_building(downsample, size):
    with pytest.raises(ValueError, match=r"rank-deficient.*another padding"):
        consistent_model(downsample, size, 1)


def test_rank_deficiency_may_depend_on_the_size():
    downsample = BoxDownsample(4, 8, padding="circular")
    project = AffineProjection(downsample)
    low_res = noise(20, 3, 5, 1)
    projected = project(noise(20, 12, 20, 1), low_res)
    assert low_res_mse(downsample, projected, low_res) <= CONSISTENT
    with pytest.raises(ValueError, match=r"shape \(20, 4, 5, 1\).*rank"):
        project(noise(20, 16, 20, 1), noise(20, 4, 5, 1))


def test_images_that_will_not_do_are_refused(downsample):
    project = AffineProjection(downsample)
    low_res = noise(1, 2, 2, 3)
    for shape in ((1, 8, 12, 3), (1, 8, 8, 1), (2, 8, 8, 3)):
        with pytest.raises(ValueError, match=r"guess and a low_res.*\(scale=4"):
            project(noise(*shape), low_res)
    with pytest.raises(ValueError, match=r"height of 9 .*crop_to_multiple"):
        project(noise(1, 9, 8, 3), low_res)
    with pytest.raises(ValueError, match=r"images\[None\]"):
        project(noise(8, 8, 3), low_res[0])
    integers = np.zeros((1, 8, 8, 3), "uint8")
    with pytest.raises(ValueError, match=r"`guess` as floats.*/ 255"):
        project(integers, low_res)
    with pytest.raises(ValueError, match=r"`low_res` as floats.*dtype uint8"):
        project(noise(1, 8, 8, 3), integers[:, ::4, ::4])


def test_an_operator_that_is_none_is_refused():
    with pytest.raises(ValueError, match=r"needs a Downsample as downsample"):
        AffineProjection(4)


def test_a_projection_and_operator_of_other_dtypes_are_refused(downsample):
    with pytest.raises(ValueError, match="Give both the same `dtype`"):
        AffineProjection(downsample, dtype="float64")
    exact = GaussianDownsample(scale=4, dtype="float64")
    assert AffineProjection(exact, dtype="float64").upsample.dtype == "float64"
