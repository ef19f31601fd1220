import keras
import numpy as np
import pytest

from keras_affsr.metrics import PSNR
from keras_affsr.metrics import SSIM
from keras_affsr.metrics import LowResMSE
from keras_affsr.models import SuperResolver
from tests.models_tiny import DOWNSAMPLE
from tests.models_tiny import FIT
from tests.models_tiny import assert_same_arrays
from tests.models_tiny import images
from tests.models_tiny import plain_generator
from tests.models_tiny import tiny_generator
from tests.models_tiny import weights

# Means of float32 numbers, added in another order.
TOLERANCE = {"rtol": 1e-5, "atol": 0}

# Mean square of float32 rounding errors of numbers up to one: about 1e-15.
CONSISTENT = 1e-14


def expected_loss(loss, high_res, generated, weight):
    """The docstring's formula, in double precision."""
    error = np.asarray(generated, "float64") - np.asarray(high_res)
    mean = np.mean(error**2 if loss == "mse" else np.abs(error))
    error = np.asarray(DOWNSAMPLE(generated)) - np.asarray(DOWNSAMPLE(high_res))
    return mean + weight * np.mean(np.abs(error))


@pytest.mark.parametrize("loss", ["mse", "mae"])
@pytest.mark.parametrize("weight", [0.0, 0.3])
def test_the_loss_is_that_of_the_formula(loss, weight):
    high_res = images()
    model = SuperResolver(plain_generator(False), DOWNSAMPLE, weight)
    model.compile("adam", loss=loss)
    generated = model(DOWNSAMPLE(high_res))
    expected = expected_loss(loss, high_res, generated, weight)
    logs = model.evaluate(high_res, verbose=0, return_dict=True)
    assert logs.keys() == {"loss"}
    np.testing.assert_allclose(logs["loss"], expected, **TOLERANCE)
    # Of training too, before the first update.
    logs = model.train_on_batch(high_res, return_dict=True)
    np.testing.assert_allclose(logs["loss"], expected, **TOLERANCE)


@pytest.mark.parametrize("weight", [0.0, 0.3])
def test_a_step_goes_down_the_gradient_of_the_formula(weight):
    import tensorflow as tf

    high_res = images()
    model = SuperResolver(plain_generator(False), DOWNSAMPLE, weight)
    model.compile(keras.optimizers.SGD(1.0), loss="mse")
    before = weights(model)
    with tf.GradientTape() as tape:
        low_res = DOWNSAMPLE(high_res)
        generated = model.generator(low_res)
        error = tf.abs(low_res - DOWNSAMPLE(generated))
        loss = tf.reduce_mean((high_res - generated) ** 2)
        loss += weight * tf.reduce_mean(error)
    variables = [variable.value for variable in model.trainable_variables]
    gradients = tape.gradient(loss, variables)
    model.train_on_batch(high_res)
    for new, old, gradient in zip(weights(model), before, gradients):
        assert np.any(gradient != 0)
        # The difference of two numbers near one.
        np.testing.assert_allclose(new - old, -gradient, rtol=1e-3, atol=1e-6)


def test_training_lowers_the_loss_and_stays_consistent():
    high_res = images()
    low_res = DOWNSAMPLE(high_res)
    model = SuperResolver(tiny_generator(), DOWNSAMPLE)
    model.compile(keras.optimizers.Adam(0.01), loss="mse")
    losses = model.fit(high_res, epochs=20, **FIT).history["loss"]
    assert losses[-1] < 0.95 * losses[0]
    error = np.asarray(DOWNSAMPLE(model.predict(low_res, verbose=0))) - low_res
    assert np.mean(error**2) <= CONSISTENT


def test_high_res_alone_is_as_good_as_pairs():
    high_res = images()
    histories, results = [], []
    for data in ((high_res,), (np.asarray(DOWNSAMPLE(high_res)), high_res)):
        keras.utils.set_random_seed(1)
        model = SuperResolver(tiny_generator(), DOWNSAMPLE)
        model.compile("adam", loss="mae")
        history = model.fit(*data, **FIT).history
        history["val_loss"] = model.evaluate(*data, verbose=0)
        histories.append(history)
        results.append(weights(model))
    assert histories[0] == histories[1]
    assert_same_arrays(*results)


def test_a_model_works_at_other_sizes_than_it_was_trained_at():
    model = SuperResolver(tiny_generator(), DOWNSAMPLE)
    model.compile("adam", loss="mse")
    model.fit(images(size=16), **FIT)
    larger = images(size=24)
    low_res = np.asarray(DOWNSAMPLE(larger))
    generated = model.predict(low_res, verbose=0)
    assert generated.shape == larger.shape
    np.testing.assert_allclose(
        model.evaluate(low_res, larger, verbose=0),
        expected_loss("mse", larger, generated, 0.0),
        **TOLERANCE,
    )


def test_metrics_are_means_over_the_epoch():
    high_res = images(count=10)  # The last batch of four is one of two.
    models = []
    for _ in range(2):
        keras.utils.set_random_seed(1)
        model = SuperResolver(tiny_generator(project=False), DOWNSAMPLE)
        metrics = [PSNR(), SSIM(), LowResMSE(DOWNSAMPLE)]
        model.compile(keras.optimizers.Adam(0.01), loss="mse", metrics=metrics)
        models.append(model)
    history = models[0].fit(high_res, **FIT).history
    assert history.keys() == {"loss", "psnr", "ssim", "low_res_mse"}
    batches = []
    for start in (0, 4, 8):
        models[1].reset_metrics()
        batch = high_res[start : start + 4]
        batches.append(models[1].train_on_batch(batch, return_dict=True))
    for name, values in history.items():
        single = [float(logs[name]) for logs in batches]
        expected = np.average(single, weights=[4, 4, 2])
        np.testing.assert_allclose(values, [expected], **TOLERANCE)


class Doubler(keras.Model):
    """A user's model, as one would write it."""

    def __init__(self):
        super().__init__()
        self.enlarge = keras.layers.UpSampling2D(2)
        self.convolve = keras.layers.Conv2D(1, 3, padding="same")

    def call(self, low_res):
        return self.convolve(self.enlarge(low_res))


@pytest.mark.parametrize("kind", ["subclass", "sequential"])
def test_any_model_can_be_a_generator(kind):
    generator = Doubler()
    if kind == "sequential":
        generator = keras.Sequential([generator.enlarge, generator.convolve])
    high_res = images()
    low_res = np.asarray(DOWNSAMPLE(high_res))
    generator(low_res)
    model = SuperResolver(generator, DOWNSAMPLE, consistency_weight=1.0)
    model.compile("adam", loss="mse")
    losses = model.fit(low_res, high_res, epochs=3, **FIT).history["loss"]
    assert losses[-1] < losses[0]
    assert model.predict(low_res, verbose=0).shape == high_res.shape


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_half_precision_does_not_round_the_measurement(policy):
    keras.config.set_dtype_policy(policy)
    high_res = images()
    low_res = np.asarray(DOWNSAMPLE(high_res))
    model = SuperResolver(tiny_generator(), DOWNSAMPLE)
    model.compile("adam", loss="mse", metrics=[LowResMSE(DOWNSAMPLE)])
    logs = model.evaluate(high_res, verbose=0, return_dict=True)
    # Rounding to half precision would leave 1e-8 (float16) or 1e-6.
    assert logs["low_res_mse"] <= CONSISTENT
    for generated in (model(low_res), model.predict(low_res, verbose=0)):
        assert generated.dtype == "float32"
        error = np.asarray(DOWNSAMPLE(generated)) - low_res
        assert np.mean(error**2) <= CONSISTENT


def test_the_training_can_be_compiled_by_xla():
    results = []
    for jit_compile in (False, True):
        keras.utils.set_random_seed(1)
        model = SuperResolver(tiny_generator(), DOWNSAMPLE, 0.1)
        model.compile("sgd", loss="mae", jit_compile=jit_compile)
        results.append(model.fit(images(), **FIT).history["loss"])
    # XLA fuses and reorders.
    np.testing.assert_allclose(*results, rtol=1e-4, atol=0)


def test_arguments_that_will_not_do_are_refused():
    with pytest.raises(
        ValueError, match=r"generator whose weights exist.*Call"
    ):
        SuperResolver(Doubler(), DOWNSAMPLE)
    with pytest.raises(
        ValueError, match=r"needs a Model as generator.*<lambda"
    ):
        SuperResolver(lambda low_res: low_res, DOWNSAMPLE)
    generator = plain_generator()
    with pytest.raises(ValueError, match="needs a Downsample as downsample"):
        SuperResolver(generator, 2)
    with pytest.raises(ValueError, match="consistency_weight=-1"):
        SuperResolver(generator, DOWNSAMPLE, consistency_weight=-1)
    with pytest.raises(ValueError, match=r"`mine` .* seed=0.5"):
        SuperResolver(generator, DOWNSAMPLE, seed=0.5, name="mine")


def test_training_without_a_loss_says_so():
    model = SuperResolver(plain_generator(), DOWNSAMPLE)
    model.compile("adam")
    with pytest.raises(ValueError, match="No loss to compute"):
        model.fit(images(), **FIT)


def test_sample_weights_are_refused_rather_than_ignored():
    high_res = images()
    model = SuperResolver(plain_generator(), DOWNSAMPLE)
    model.compile("adam", loss="mse")
    low_res = np.asarray(DOWNSAMPLE(high_res))
    for method in (model.fit, model.evaluate):
        with pytest.raises(ValueError, match="no sample weights"):
            method(low_res, high_res, sample_weight=np.ones(8), verbose=0)
