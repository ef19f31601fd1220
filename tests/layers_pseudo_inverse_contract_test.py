"""What Keras and a user may ask of the layers and reports about `A+`."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_affsr.layers import AffineProjection
from keras_affsr.layers import BoxDownsample
from keras_affsr.layers import GaussianDownsample
from keras_affsr.layers import LinearDownsample
from keras_affsr.layers import PseudoInverseUpsample
from keras_affsr.layers import SubPixel
from keras_affsr.layers import fit_pseudo_inverse
from keras_affsr.layers import local_inverse
from keras_affsr.layers import penrose_report
from tests.layer_checks import noise
from tests.layer_checks import rebuilt
from tests.layer_checks import with_unknown_sizes


@pytest.fixture
def downsample():
    return GaussianDownsample(scale=(2, 4))


def test_exact_has_no_weights(downsample):
    upsample = PseudoInverseUpsample(downsample, trainable=True)
    assert upsample(noise(1, 2, 3, 3)).shape == (1, 4, 12, 3)
    assert upsample.weights == []


@pytest.mark.parametrize("trainable", [False, True])
def test_the_kernel_is_trained_only_if_asked(downsample, trainable):
    upsample = PseudoInverseUpsample(downsample, "conv", trainable=trainable)
    project = AffineProjection(downsample, upsample)
    low_res = noise(2, 3, 3, 1)
    inputs = keras.Input((None, None, 1))
    guess = keras.layers.UpSampling2D((2, 4))(inputs)
    guess = keras.layers.Conv2D(1, 3, padding="same", use_bias=False)(guess)
    model = keras.Model(inputs, project(guess, inputs))
    assert len(model.trainable_weights) == 1 + trainable
    assert len(model.weights) == 2
    before = np.array(upsample.kernel)
    model.compile("sgd", loss="mse")
    model.fit(low_res, noise(2, 6, 12, 1), verbose=0)
    assert np.any(before != np.asarray(upsample.kernel)) == trainable


def test_the_kernel_starts_where_the_initializer_says(downsample):
    def kernel(initializer):
        upsample = PseudoInverseUpsample(
            downsample, "conv", 3, kernel_initializer=initializer
        )
        upsample.build((None, None, None, 3))
        return np.asarray(upsample.kernel)

    expected = local_inverse(downsample, 3).astype("float32")
    np.testing.assert_array_equal(kernel("pseudo_inverse"), expected)
    np.testing.assert_array_equal(kernel("ones"), np.ones((3, 3, 8)))
    random = kernel(keras.initializers.GlorotUniform(seed=1))
    assert random.shape == (3, 3, 8) and random.std() > 0.01
    again = kernel(keras.initializers.GlorotUniform(seed=1))
    np.testing.assert_array_equal(again, random)


def test_the_kernel_may_start_from_gradient_descent(downsample, monkeypatch):
    def fit_shortly(downsample, kernel_size):
        return fit_pseudo_inverse(downsample, kernel_size, 5, verbose=0)

    module = PseudoInverseUpsample.__module__
    monkeypatch.setattr(f"{module}.fit_pseudo_inverse", fit_shortly)
    upsample = PseudoInverseUpsample(
        downsample, "conv", 3, kernel_initializer="fit"
    )
    upsample.build((None, None, None, 1))
    expected, loss = fit_shortly(downsample, 3)
    np.testing.assert_array_equal(upsample.kernel, expected)
    assert 0 < loss < np.inf


@pytest.mark.parametrize("method", ["exact", "conv"])
@pytest.mark.parametrize("initializer", ["pseudo_inverse", "glorot_uniform"])
def test_a_saved_model_computes_the_same(
    downsample, method, initializer, tmp_path
):
    upsample = PseudoInverseUpsample(
        downsample, method, 3, True, initializer, name="me"
    )
    clone = rebuilt(upsample)
    assert (clone.name, clone.method, clone.kernel_size) == ("me", method, 3)
    assert clone.trainable
    inputs = keras.Input((None, None, 2))
    model = keras.Model(inputs, upsample(inputs))
    assert model.output_shape == (None, None, None, 2)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    low_res = noise(1, 3, 4, 2)
    np.testing.assert_array_equal(loaded(low_res), model(low_res))


@pytest.mark.parametrize("method", ["exact", "conv"])
def test_half_precision_policy_upsamples_in_float32(downsample, method):
    low_res = noise(1, 3, 4, 2)
    expected = PseudoInverseUpsample(downsample, method)(low_res)
    keras.config.set_dtype_policy("mixed_float16")
    upsample = PseudoInverseUpsample(downsample, method)
    found = upsample(low_res)
    assert found.dtype == "float32"
    assert {weight.dtype for weight in upsample.weights} <= {"float32"}
    np.testing.assert_array_equal(found, expected)


def test_the_report_prints(downsample):
    upsample = PseudoInverseUpsample(downsample)
    report = penrose_report(downsample, upsample, (3, 2))
    assert report.size == (3, 2) and report.margin == 1
    text = str(report)
    assert "3 x 2 pixels" in text
    assert f"|A B A - A|        {report.aba:.1e}" in text
    assert "(within 1 pixels)" in text
    assert max(map(len, text.splitlines())) <= 80
    single = penrose_report(downsample, upsample, 1)
    assert np.isnan(single.inside_error) and single.border_error < 1e-5


def test_an_image_too_large_to_report_on_is_refused(downsample):
    upsample = PseudoInverseUpsample(downsample)
    with pytest.raises(ValueError, match=r"size=500.*Ask for a smaller size"):
        penrose_report(downsample, upsample, 500)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda d: PseudoInverseUpsample(4), "needs a Downsample"),
        (lambda d: PseudoInverseUpsample(d, "dense"), "'dense'.*'exact'"),
        (lambda d: PseudoInverseUpsample(d, "conv", 4), "odd.*kernel_size=4"),
        (lambda d: PseudoInverseUpsample(d, "conv", 0), "kernel_size=0"),
        (
            lambda d: PseudoInverseUpsample(d, kernel_initializer="best"),
            "'best'.*'pseudo_inverse', 'fit' or a Keras initializer",
        ),
        (
            lambda d: PseudoInverseUpsample(LinearDownsample([[1.0]]), "conv"),
            "needs a SeparableDownsample as downsample",
        ),
        (lambda d: local_inverse(d, 4), "odd.*kernel_size=4"),
        (lambda d: fit_pseudo_inverse(d, 2), "odd.*kernel_size=2"),
        (
            lambda d: PseudoInverseUpsample(
                BoxDownsample(4, 8, "circular"), name="me"
            )(noise(1, 2, 2, 3)),
            r"`me` cannot invert.*\(1, 2, 2, 3\).*rank-deficient",
        ),
        (
            lambda d: PseudoInverseUpsample(d)(noise(2, 2, 3)),
            r"low_res` of shape \(batch, .*images\[None\]",
        ),
    ],
)
def test_arguments_that_will_not_do_are_refused(downsample, make, message):
    with pytest.raises(ValueError, match=message):
        make(downsample)


@pytest.mark.parametrize("method", ["exact", "conv"])
def test_integers_are_refused(downsample, method):
    with pytest.raises(ValueError, match=r"`low_res` as floats.*dtype uint8"):
        PseudoInverseUpsample(downsample, method)(
            np.zeros((1, 2, 2, 3), "uint8")
        )


def test_sub_pixel_is_depth_to_space():
    features = noise(2, 3, 5, 48)
    shuffled = SubPixel(4)(features)
    np.testing.assert_array_equal(shuffled, tf.nn.depth_to_space(features, 4))
    for jit_compile in (False, True):
        found = with_unknown_sizes(
            SubPixel(4), features, jit_compile=jit_compile
        )
        np.testing.assert_array_equal(found, shuffled)


def test_sub_pixel_may_differ_per_axis():
    features = noise(1, 2, 3, 2 * 3 * 2)
    layer = rebuilt(SubPixel((2, 3), name="me"))
    shuffled = np.asarray(layer(features))
    assert shuffled.shape == (1, 4, 9, 2)
    for p, q, c in np.ndindex(2, 3, 2):
        np.testing.assert_array_equal(
            shuffled[:, p::2, q::3, c], features[..., (p * 3 + q) * 2 + c]
        )
    inputs = keras.Input((None, 3, 12))
    assert layer(inputs).shape == (None, None, 9, 2)


def test_sub_pixel_refuses_channels_that_do_not_divide():
    with pytest.raises(ValueError, match=r"multiple of 16.*10 channels"):
        SubPixel(4)(noise(1, 2, 2, 10))
    with pytest.raises(ValueError, match="at least 1 as scale"):
        SubPixel(0)
    with pytest.raises(ValueError, match=r"`features`.*images\[None\]"):
        SubPixel(2)(noise(2, 2, 4))
