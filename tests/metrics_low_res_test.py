import keras
import numpy as np
import pytest

from keras_affsr.data import photograph
from keras_affsr.layers import GaussianDownsample
from keras_affsr.layers import LinearDownsample
from keras_affsr.metrics import LowResMSE
from keras_affsr.metrics import LowResPSNR

# A mean of squares of float32 numbers, and its logarithm.
TOLERANCE = {"rtol": 1e-5, "atol": 0}


@pytest.fixture
def downsample():
    return GaussianDownsample(scale=4)


@pytest.fixture
def images():
    """Truth and noisy versions of it, a quiet and a loud one."""
    truth = photograph("astronaut")[None, :32, :48].repeat(2, axis=0)
    noise = np.random.default_rng(0).normal(size=truth.shape)
    loudness = np.array([0.01, 0.1]).reshape(2, 1, 1, 1)
    return truth, (truth + loudness * noise).astype("float32")


def errors(downsample, truth, generated):
    shrunk = np.asarray(downsample(generated), "float64")
    return np.mean((shrunk - np.asarray(downsample(truth))) ** 2, (1, 2, 3))


def test_each_image_is_compared_at_low_resolution(downsample, images):
    expected = errors(downsample, *images)
    assert expected[1] > 10 * expected[0]
    np.testing.assert_allclose(
        LowResMSE(downsample)(*images), expected.mean(), **TOLERANCE
    )
    np.testing.assert_allclose(
        LowResPSNR(downsample)(*images),
        np.mean(-10 * np.log10(expected)),
        **TOLERANCE,
    )


@pytest.mark.parametrize("metric", [LowResMSE, LowResPSNR])
def test_the_measurement_may_be_given_itself(metric, downsample, images):
    truth, generated = images
    np.testing.assert_array_equal(
        metric(downsample)(downsample(truth), generated),
        metric(downsample)(truth, generated),
    )


def test_images_that_agree_have_no_error(downsample, images):
    truth, _ = images
    assert float(LowResMSE(downsample)(truth, truth)) == 0.0
    # Capped, so that the mean over images stays finite.
    np.testing.assert_allclose(
        LowResPSNR(downsample)(truth, truth), 200.0, **TOLERANCE
    )


def test_an_error_of_rounding_still_shows(downsample, images):
    truth, _ = images
    nearly = truth * np.float32(1 + 1e-7)  # One unit in the last place.
    measured = float(LowResPSNR(downsample)(truth, nearly))
    assert 140 < measured < 170


def test_weights_are_those_of_images(downsample, images):
    expected = np.average(errors(downsample, *images), weights=[1, 3])
    metric = LowResMSE(downsample)
    metric.update_state(*images, sample_weight=np.array([1.0, 3.0]))
    np.testing.assert_allclose(metric.result(), expected, **TOLERANCE)


def test_max_value_is_the_unit_of_the_images(downsample, images):
    truth, generated = images
    np.testing.assert_allclose(
        LowResPSNR(downsample, max_value=255.0)(255 * truth, 255 * generated),
        LowResPSNR(downsample)(truth, generated),
        **TOLERANCE,
    )


def test_vectors_of_the_toy_problem_are_measured():
    downsample = LinearDownsample([[0.5, 0.5]])
    truth = np.array([[1.0, 3.0], [0.0, 2.0]], "float32")
    generated = np.array([[2.0, 4.0], [1.0, 1.0]], "float32")
    metric = LowResMSE(downsample)
    np.testing.assert_allclose(metric(truth, generated), 0.5, **TOLERANCE)
    metric.reset_state()
    low_res = np.array([[2.0], [1.0]], "float32")
    np.testing.assert_allclose(metric(low_res, generated), 0.5, **TOLERANCE)


def build_model(downsample, size=(None, None), **kwargs):
    inputs = keras.Input((*size, 3))
    outputs = keras.layers.Dense(3, kernel_initializer="identity")(inputs)
    model = keras.Model(inputs, outputs)
    metrics = [LowResMSE(downsample), LowResPSNR(downsample)]
    model.compile("sgd", loss="mse", metrics=metrics, **kwargs)
    return model


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("size", [(32, 48), (None, None)])
def test_metrics_work_in_fit_and_evaluate(
    downsample, images, size, jit_compile
):
    truth, generated = images
    model = build_model(downsample, size, jit_compile=jit_compile)
    logs = model.evaluate(generated, truth, verbose=0, return_dict=True)
    expected = errors(downsample, truth, generated).mean()
    np.testing.assert_allclose(logs["low_res_mse"], expected, **TOLERANCE)
    history = model.fit(generated, truth, verbose=0).history
    assert history["low_res_psnr"][0] > 0


@pytest.mark.parametrize("low", [False, True])
def test_sizes_may_be_unknown_until_the_graph_runs(downsample, images, low):
    import tensorflow as tf

    truth, generated = images
    y_true = downsample(truth) if low else truth
    metric = LowResMSE(downsample)
    spec = tf.TensorSpec((None, None, None, 3))
    tf.function(metric.update_state, input_signature=[spec, spec])(
        y_true, generated
    )
    expected = errors(downsample, truth, generated).mean()
    np.testing.assert_allclose(metric.result(), expected, **TOLERANCE)


def test_a_saved_model_evaluates_the_same(downsample, images, tmp_path):
    truth, generated = images
    model = build_model(downsample)
    before = model.evaluate(generated, truth, verbose=0, return_dict=True)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    after = loaded.evaluate(generated, truth, verbose=0, return_dict=True)
    assert after == before


def test_the_config_makes_the_same_metric(downsample):
    original = LowResPSNR(downsample, max_value=2.0, name="other")
    config = keras.saving.serialize_keras_object(original)
    clone = keras.saving.deserialize_keras_object(config)
    assert clone.get_config() == original.get_config()
    assert clone.downsample.sigma == downsample.sigma
    assert (clone.max_value, clone.name) == (2.0, "other")
    config = LowResMSE(downsample, name="other").get_config()
    assert LowResMSE.from_config(config).get_config() == config


def test_half_precision_policy_measures_in_float32(images):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        metric = LowResMSE(GaussianDownsample(scale=4))
        measured = float(metric(*images))
    finally:
        keras.config.set_dtype_policy(before)
    assert {variable.dtype for variable in metric.variables} == {"float32"}
    expected = float(LowResMSE(GaussianDownsample(scale=4))(*images))
    assert measured == expected


def test_checkpoints_know_which_way_is_better(downsample, images, tmp_path):
    model = build_model(downsample)
    for name, better, worse in (
        ("low_res_mse", 1.0, 2.0),
        ("low_res_psnr", 2.0, 1.0),
    ):
        checkpoint = keras.callbacks.ModelCheckpoint(
            tmp_path / "best.keras", monitor=name, save_best_only=True
        )
        model.fit(*images, verbose=0, callbacks=[checkpoint])
        assert checkpoint.monitor_op(better, worse)


def test_arguments_that_will_not_do_are_refused(downsample, images):
    truth, generated = images
    with pytest.raises(
        ValueError, match=r"`low_res_mse` needs .* downsample=4"
    ):
        LowResMSE(4)
    with pytest.raises(ValueError, match="or of the low-resolution images"):
        LowResMSE(downsample)(truth[:, :16], generated)
    with pytest.raises(ValueError, match="`y_true` as floats"):
        LowResPSNR(downsample)(truth.astype("uint8"), generated)
    with pytest.raises(ValueError, match="max_value=-1"):
        LowResPSNR(downsample, max_value=-1)
