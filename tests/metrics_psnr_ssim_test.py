import keras
import numpy as np
import pytest
import skimage.metrics
from keras import ops

from keras_affsr.data import photograph
from keras_affsr.metrics import PSNR
from keras_affsr.metrics import SSIM

# float32 keeps seven digits of a figure in decibels; the mean of squares over
# an image loses at most one of them.
PSNR_TOLERANCE = {"rtol": 1e-6, "atol": 1e-4}
# A variance of float32 images in [0, 1] may be wrong by 1e-7, which over the
# floor of 9e-4 makes 1e-4 in one window; the mean over windows is far better.
SSIM_TOLERANCE = {"rtol": 0, "atol": 1e-5}


def versions(name):
    """A photograph, and others like it and unlike it."""
    truth = photograph(name)[40:104, 60:140]
    random = np.random.default_rng(0)
    noise = random.normal(size=truth.shape).astype("float32")
    return truth, {
        "equal": truth,
        "nearly equal": np.clip(truth + 0.002 * noise, 0, 1),
        "noisy": np.clip(truth + 0.2 * noise, 0, 1),
        "brighter": np.clip(truth + 0.1, 0, 1),
        "negative": 1 - truth,
        "black": np.zeros_like(truth),
        "white": np.ones_like(truth),
    }


def reference_ssim(truth, other):
    return skimage.metrics.structural_similarity(
        truth.astype("float64"),
        other.astype("float64"),
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=1.0,
        channel_axis=-1,
    )


@pytest.mark.parametrize("name", ["astronaut", "camera", "moon", "coffee"])
def test_ssim_is_that_of_scikit_image(name):
    truth, others = versions(name)
    for label, other in others.items():
        expected = reference_ssim(truth, other)
        measured = SSIM()(truth[None], other[None])
        np.testing.assert_allclose(
            measured, expected, **SSIM_TOLERANCE, err_msg=label
        )


def test_ssim_of_bright_flat_images_is_accurate():
    # The worst case of `mean of squares - square of mean`.
    random = np.random.default_rng(0)
    truth, other = 0.98 + 0.02 * random.uniform(size=(2, 32, 32, 1))
    np.testing.assert_allclose(
        SSIM()(truth[None], other[None]),
        reference_ssim(truth, other),
        **SSIM_TOLERANCE,
    )


def test_ssim_of_equal_images_is_exactly_one():
    truth, _ = versions("astronaut")
    assert float(SSIM()(truth[None], truth[None])) == 1.0


def test_psnr_is_that_of_scikit_image():
    for name in ("astronaut", "camera"):
        truth, others = versions(name)
        del others["equal"]
        for label, other in others.items():
            expected = skimage.metrics.peak_signal_noise_ratio(
                truth.astype("float64"), other, data_range=1.0
            )
            measured = PSNR()(truth[None], other[None])
            np.testing.assert_allclose(
                measured, expected, **PSNR_TOLERANCE, err_msg=label
            )


@pytest.mark.parametrize("metric", [PSNR, SSIM])
def test_an_epoch_is_the_mean_over_its_images(metric):
    truth, others = versions("astronaut")
    others = np.stack(list(others.values()))
    truth = np.broadcast_to(truth, others.shape)
    single = [float(metric()(t[None], o[None])) for t, o in zip(truth, others)]
    epoch = metric()
    epoch.update_state(truth[:5], others[:5])
    epoch.update_state(truth[5:], others[5:])
    np.testing.assert_allclose(
        epoch.result(), np.mean(single), **PSNR_TOLERANCE
    )
    epoch.reset_state()
    weights = np.arange(len(single)).astype("float32")
    epoch.update_state(truth, others, sample_weight=weights)
    expected = np.average(single, weights=weights)
    np.testing.assert_allclose(epoch.result(), expected, **PSNR_TOLERANCE)


@pytest.mark.parametrize("metric", [PSNR, SSIM])
def test_the_border_is_left_out(metric):
    truth, others = versions("coffee")
    noisy = others["noisy"]
    inside = np.s_[None, 4:-4, 4:-4]
    np.testing.assert_allclose(
        metric(border=4)(truth[None], noisy[None]),
        metric()(truth[inside], noisy[inside]),
        **PSNR_TOLERANCE,
    )


@pytest.mark.parametrize("metric", [PSNR, SSIM])
def test_max_value_is_the_unit_of_the_images(metric):
    truth, others = versions("coffee")
    noisy = others["noisy"]
    np.testing.assert_allclose(
        metric(max_value=255.0)(255 * truth[None], 255 * noisy[None]),
        metric()(truth[None], noisy[None]),
        **PSNR_TOLERANCE,
    )


def test_psnr_of_equal_images_is_capped_at_100_decibels():
    truth, _ = versions("coffee")
    np.testing.assert_allclose(
        PSNR()(truth[None], truth[None]), 100.0, **PSNR_TOLERANCE
    )


def build_model(metrics, **kwargs):
    """A model that returns its input, until it is trained."""
    inputs = keras.Input((None, None, 3))
    outputs = keras.layers.Dense(3, kernel_initializer="identity")(inputs)
    model = keras.Model(inputs, outputs)
    model.compile("sgd", loss="mse", metrics=metrics, **kwargs)
    return model


@pytest.fixture
def batch():
    truth, others = versions("astronaut")
    others = np.stack(list(others.values())).astype("float32")
    return others, np.broadcast_to(truth, others.shape).copy()


def expected_logs(batch):
    others, truth = batch
    return [float(metric()(truth, others)) for metric in (PSNR, SSIM)]


@pytest.mark.parametrize("jit_compile", [False, True])
def test_metrics_work_in_fit_and_evaluate(batch, jit_compile):
    model = build_model([PSNR(), SSIM()], jit_compile=jit_compile)
    logs = model.evaluate(*batch, batch_size=3, verbose=0, return_dict=True)
    np.testing.assert_allclose(
        [logs["psnr"], logs["ssim"]], expected_logs(batch), **PSNR_TOLERANCE
    )
    history = model.fit(*batch, verbose=0, validation_data=batch).history
    assert np.isfinite(history["val_psnr"][0] + history["val_ssim"][0])


def test_a_saved_model_evaluates_the_same(batch, tmp_path):
    model = build_model([PSNR(border=2), SSIM(border=3, name="s")])
    path = tmp_path / "model.keras"
    before = model.evaluate(*batch, verbose=0, return_dict=True)
    model.save(path)
    loaded = keras.saving.load_model(path)
    assert loaded.evaluate(*batch, verbose=0, return_dict=True) == before


@pytest.mark.parametrize("metric", [PSNR, SSIM])
def test_the_config_makes_the_same_metric(metric):
    original = metric(max_value=2.0, border=3, name="other")
    config = keras.saving.serialize_keras_object(original)
    assert config["registered_name"] == f"keras_affsr>{metric.__name__}"
    clone = keras.saving.deserialize_keras_object(config)
    assert clone.get_config() == original.get_config()
    assert (clone.max_value, clone.border, clone.name) == (2.0, 3, "other")


def test_half_precision_images_are_measured_in_float32(batch):
    others, truth = batch
    half = ops.cast(others, "float16")
    metric = PSNR()
    metric.update_state(truth, half)
    assert {variable.dtype for variable in metric.variables} == {"float32"}
    expected = PSNR()(truth, np.asarray(half).astype("float32"))
    np.testing.assert_array_equal(metric.result(), expected)


@pytest.mark.parametrize("name", ["psnr", "ssim"])
def test_checkpoints_know_that_more_is_better(name, batch, tmp_path):
    model = build_model([PSNR(), SSIM()])
    checkpoint = keras.callbacks.ModelCheckpoint(
        tmp_path / "best.keras", monitor=f"val_{name}", save_best_only=True
    )
    model.fit(*batch, validation_data=batch, verbose=0, callbacks=[checkpoint])
    assert checkpoint.monitor_op(2.0, 1.0)


@pytest.mark.parametrize("metric", [PSNR, SSIM])
def test_images_that_will_not_do_are_refused(metric):
    images = np.zeros((2, 16, 16, 3), "float32")
    name = metric().name
    with pytest.raises(ValueError, match=f"`{name}` compares .* same shape"):
        metric()(images, images[..., :1])
    with pytest.raises(ValueError, match=r"dtype uint8.* / 255.0"):
        metric()(images.astype("uint8"), images)
    with pytest.raises(ValueError, match=r"images\[None\]"):
        metric()(images[0], images[0])
    with pytest.raises(ValueError, match="weighs images, not their pixels"):
        metric()(images, images, sample_weight=images)


def test_images_too_small_for_the_window_or_border_are_refused():
    images = np.zeros((2, 16, 16, 3), "float32")
    with pytest.raises(ValueError, match=r"at least 17 x 17 .* height is 16"):
        SSIM(border=3)(images, images)
    with pytest.raises(ValueError, match="at least 17 x 17"):
        PSNR(border=8)(images, images)
    with pytest.raises(ValueError, match="border=-1"):
        PSNR(border=-1)
    with pytest.raises(ValueError, match="max_value=0"):
        SSIM(max_value=0)
