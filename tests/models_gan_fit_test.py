import keras
import numpy as np
import pytest

from keras_affsr.data import unpaired
from keras_affsr.metrics import PSNR
from keras_affsr.metrics import LowResMSE
from keras_affsr.models import GANSuperResolver
from tests.models_tiny import DOWNSAMPLE
from tests.models_tiny import FIT
from tests.models_tiny import assert_same_arrays
from tests.models_tiny import images
from tests.models_tiny import plain_discriminator
from tests.models_tiny import plain_generator
from tests.models_tiny import tiny_discriminator
from tests.models_tiny import tiny_generator
from tests.models_tiny import weights

# Means of float32 numbers, added in another order.
TOLERANCE = {"rtol": 1e-5, "atol": 1e-6}

# Mean square of float32 rounding errors of numbers up to one: about 1e-15.
CONSISTENT = 1e-14


def make_model(generator=None, compile_with=None, **kwargs):
    keras.utils.set_random_seed(1)
    model = GANSuperResolver(
        generator or tiny_generator(),
        tiny_discriminator(),
        DOWNSAMPLE,
        **kwargs,
    )
    arguments = {
        "optimizer": keras.optimizers.Adam(0.01),
        "discriminator_optimizer": keras.optimizers.Adam(0.01),
    }
    model.compile(**{**arguments, **(compile_with or {})})
    return model


def test_metrics_are_means_over_the_epoch():
    high_res = images(count=10)  # The last batch of four is one of two.
    history = make_model(noise_stddev=0.1).fit(high_res, **FIT).history
    assert history.keys() == {"loss", "discriminator_loss"}
    twin = make_model(noise_stddev=0.1)
    batches = []
    for start in (0, 4, 8):
        twin.reset_metrics()
        batch = high_res[start : start + 4]
        batches.append(twin.train_on_batch(batch, return_dict=True))
    for name, values in history.items():
        single = [float(logs[name]) for logs in batches]
        assert np.std(single) > 1e-3
        expected = np.average(single, weights=[4, 4, 2])
        np.testing.assert_allclose(values, [expected], **TOLERANCE)


def test_evaluation_reports_both_losses_and_the_metrics():
    metrics = [PSNR(), LowResMSE(DOWNSAMPLE)]
    model = make_model(compile_with={"metrics": metrics})
    high_res = images()
    model.fit(high_res, validation_data=(high_res,), **FIT)
    logs = model.evaluate(high_res, verbose=0, return_dict=True)
    generated = model(DOWNSAMPLE(high_res))
    real, fake = (
        np.asarray(model.discriminator(each), "float64")
        for each in (high_res, generated)
    )
    np.testing.assert_allclose(logs["loss"], -fake.mean(), **TOLERANCE)
    np.testing.assert_allclose(
        logs["discriminator_loss"],
        np.mean(np.log1p(np.exp(-real))) + np.mean(np.log1p(np.exp(fake))),
        **TOLERANCE,
    )
    error = np.mean((high_res - np.asarray(generated)) ** 2, (1, 2, 3))
    np.testing.assert_allclose(
        logs["psnr"], np.mean(-10 * np.log10(error)), **TOLERANCE
    )
    assert logs["low_res_mse"] <= CONSISTENT


def test_evaluation_repeats_itself():
    generator = tiny_generator(noise_channels=1)
    model = make_model(generator, noise_stddev=0.3)
    first, second = (
        model.evaluate(images(), verbose=0, return_dict=True) for _ in range(2)
    )
    assert first == second


def test_high_res_alone_is_as_good_as_pairs():
    high_res = images()
    results = []
    for data in ((high_res,), (np.asarray(DOWNSAMPLE(high_res)), high_res)):
        model = make_model()
        model.fit(*data, **FIT)
        results.append(weights(model))
    assert_same_arrays(*results)


def test_unpaired_images_will_do():
    dataset = unpaired(images(seed=1), images(seed=2), DOWNSAMPLE, batch_size=4)
    model = make_model()
    before = weights(model)
    history = model.fit(dataset, shuffle=False, verbose=0).history
    assert np.all(np.isfinite(list(history.values())))
    assert any(np.any(a != b) for a, b in zip(weights(model), before))
    again = make_model()
    again.fit(np.asarray(DOWNSAMPLE(images(seed=1))), images(seed=2), **FIT)
    assert_same_arrays(weights(again), weights(model))


def test_the_loss_is_one_that_callbacks_can_watch():
    high_res = images()
    high_res[4] = np.nan
    model = make_model()
    stop = keras.callbacks.TerminateOnNaN()
    history = model.fit(high_res, epochs=3, callbacks=[stop], **FIT).history
    assert model.stop_training
    assert len(history["loss"]) == 1
    assert np.isnan(history["loss"][0])


def test_learning_rate_callbacks_drive_the_generator():
    model = make_model()
    schedule = keras.callbacks.LearningRateScheduler(lambda epoch: 0.125)
    model.fit(images(), callbacks=[schedule], **FIT)
    assert float(model.optimizer.learning_rate) == 0.125
    np.testing.assert_allclose(
        model.discriminator_optimizer.learning_rate, 0.01
    )


def test_soft_consistency_grows_with_its_weight():
    high_res = images()
    low_res = np.asarray(DOWNSAMPLE(high_res))
    errors = []
    for weight in (0.0, 30.0):
        model = make_model(
            tiny_generator(project=False), consistency_weight=weight
        )
        model.fit(high_res, epochs=40, **FIT)
        generated = model.predict(low_res, verbose=0)
        assert np.all(np.abs(generated - 0.5) <= 0.5)
        errors.append(np.mean(np.abs(DOWNSAMPLE(generated) - low_res)))
    assert errors[1] < 0.5 * errors[0]
    assert errors[1] ** 2 > 1e8 * CONSISTENT  # Encouraged, not guaranteed.


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_the_training_can_be_compiled_by_xla(policy):
    keras.config.set_dtype_policy(policy)
    model = make_model(
        tiny_generator(noise_channels=1),
        compile_with={"jit_compile": True, "metrics": [PSNR()]},
        noise_stddev=keras.optimizers.schedules.PolynomialDecay(0.3, 12, 0.0),
        discriminator_steps=2,
        consistency_weight=0.1,
    )
    before = weights(model)
    history = model.fit(images(), **FIT).history
    assert np.all(np.isfinite(list(history.values())))
    assert np.any(weights(model)[0] != before[0])
    assert np.isfinite(model.evaluate(images(), verbose=0)).all()
    low_res = np.asarray(DOWNSAMPLE(images()))
    error = np.asarray(DOWNSAMPLE(model.predict(low_res, verbose=0))) - low_res
    assert np.mean(error**2) <= CONSISTENT


def test_xla_computes_the_same_step():
    results = []
    for jit_compile in (False, True):
        model = make_model(compile_with={"jit_compile": jit_compile})
        results.append(model.fit(images(), **FIT).history)
    for name, values in results[0].items():
        # XLA fuses and reorders.
        np.testing.assert_allclose(results[1][name], values, rtol=1e-3)


def test_several_steps_per_execution_give_the_same_model():
    results = []
    for steps in (1, 2):
        model = make_model(
            compile_with={"steps_per_execution": steps}, noise_stddev=0.1
        )
        model.fit(images(), **FIT)
        results.append(weights(model))
    assert_same_arrays(*results)


def test_two_optimizers_and_no_loss_are_needed():
    model = GANSuperResolver(
        plain_generator(), plain_discriminator(), DOWNSAMPLE, name="mine"
    )
    with pytest.raises(ValueError, match=r"`mine` .* Received: optimizer=None"):
        model.compile()
    with pytest.raises(ValueError, match=r"discriminator_optimizer=None.*Call"):
        model.compile("adam")
    with pytest.raises(ValueError, match=r"own losses. Received: loss='mse'"):
        model.compile("adam", "adam", loss="mse")
    both = keras.optimizers.Adam()
    with pytest.raises(ValueError, match="the same object as optimizer and"):
        model.compile(both, both)
    model.compile("adam", discriminator_optimizer="sgd")
    assert isinstance(model.optimizer, keras.optimizers.Adam)
    assert isinstance(model.discriminator_optimizer, keras.optimizers.SGD)


def test_networks_that_will_not_do_are_refused():
    generator = plain_generator()
    with pytest.raises(ValueError, match=r"discriminator whose weights exist"):
        GANSuperResolver(
            generator, keras.Sequential([keras.layers.Dense(1)]), DOWNSAMPLE
        )
    with pytest.raises(ValueError, match="a Model as discriminator"):
        GANSuperResolver(generator, None, DOWNSAMPLE)
    with pytest.raises(ValueError, match="discriminator_steps=0"):
        GANSuperResolver(
            generator, plain_discriminator(), DOWNSAMPLE, discriminator_steps=0
        )
