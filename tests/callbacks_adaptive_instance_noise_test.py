import csv
import math

import keras
import numpy as np
import pytest

from keras_affsr.callbacks import AdaptiveInstanceNoise
from keras_affsr.models import GANSuperResolver
from keras_affsr.models import SuperResolver
from tests.models_tiny import DOWNSAMPLE
from tests.models_tiny import FIT
from tests.models_tiny import assert_same_arrays
from tests.models_tiny import images
from tests.models_tiny import mean_discriminator
from tests.models_tiny import plain_generator
from tests.models_tiny import tiny_discriminator
from tests.models_tiny import tiny_generator
from tests.models_tiny import weights

# Sigma is a float32 number, and so are the sums that the loss is taken from.
ROUNDING = {"rtol": 1e-5, "atol": 0}

# Sigma trails a discriminator that never stops learning: with three seeds the
# loss ended 0.1 below its target. Without noise it ends 1.1 below.
TRAIL = 0.3


def make_model(noise_stddev=0.2, rates=(0.01, 0.01), **compile_with):
    keras.utils.set_random_seed(1)
    model = GANSuperResolver(
        tiny_generator(),
        tiny_discriminator(),
        DOWNSAMPLE,
        noise_stddev=noise_stddev,
        name="gan",
    )
    model.compile(*map(keras.optimizers.Adam, rates), **compile_with)
    return model


def still_model(loss, **kwargs):
    """Makes a model whose discriminator has always about the same loss."""
    # Both logits are the offset: softplus(-o) + softplus(o) = loss.
    offset = 2 * math.acosh(math.exp(loss / 2) / 2)
    model = GANSuperResolver(
        plain_generator(),
        mean_discriminator(0.0, offset),
        DOWNSAMPLE,
        noise_stddev=0.2,
    )
    model.compile(
        keras.optimizers.SGD(0.0), keras.optimizers.SGD(0.0), **kwargs
    )
    return model


class Recorder(keras.callbacks.Callback):
    """Keeps the level after each step, and the loss of each step alone."""

    def __init__(self):
        super().__init__()
        self.levels, self.losses = [], []

    def on_train_batch_begin(self, batch, logs=None):
        metric = self.model.discriminator_loss
        self.before = float(metric.total), float(metric.count)

    def on_train_batch_end(self, batch, logs=None):
        metric = self.model.discriminator_loss
        total = float(metric.total) - self.before[0]
        self.losses.append(total / (float(metric.count) - self.before[1]))
        self.levels.append(self.model.instance_noise)


def by_the_formula(stddev, losses, target, rate):
    """Returns the levels that follow, in double precision."""
    levels = []
    for loss in losses:
        stddev *= np.exp(rate * np.clip(target - loss, -target, target))
        levels.append(stddev)
    return levels


@pytest.mark.parametrize("target", [0.4, 1.3])
def test_sigma_follows_the_formula(target):
    # The losses are those of single batches, from a model that does not learn,
    # so that each is known; the last batch of an epoch is a smaller one.
    high_res = images(count=10)
    model, twin = make_model(rates=(0.0, 0.0)), make_model(rates=(0.0, 0.0))
    before = weights(twin)
    recorder = Recorder()
    adapt = AdaptiveInstanceNoise(target, rate=0.2)
    model.fit(high_res, epochs=2, callbacks=[adapt, recorder], **FIT)
    losses = []
    for level, start in zip([0.2, *recorder.levels], [0, 4, 8] * 2):
        # Of the batch norms' averages, which training does not use.
        twin.set_weights(before)
        twin.instance_noise = level
        logs = twin.train_on_batch(
            high_res[start : start + 4], return_dict=True
        )
        losses.append(float(logs["discriminator_loss"]))
    assert np.std(losses) > 1e-3
    np.testing.assert_allclose(
        recorder.levels, by_the_formula(0.2, losses, target, 0.2), **ROUNDING
    )


@pytest.mark.parametrize("loss", [2.5, 1.5, 1.4])
def test_a_loss_above_the_target_lowers_sigma_at_the_rate(loss):
    model, recorder = still_model(loss), Recorder()
    adapt = AdaptiveInstanceNoise(1.0, rate=0.1)
    model.fit(images(), callbacks=[adapt, recorder], **FIT)
    # The loss counts as at most twice the target.
    step = 0.1 * max(1.0 - loss, -1.0)
    np.testing.assert_allclose(
        recorder.levels, 0.2 * np.exp([step, 2 * step]), **ROUNDING
    )


def test_the_level_that_follows_is_that_of_the_formula():
    adapt = AdaptiveInstanceNoise(0.8, rate=0.5, minimum=0.01, maximum=2.0)
    assert adapt.adapt(0.1, 0.8) == 0.1
    assert adapt.adapt(0.1, 0.3) == pytest.approx(0.1 * math.exp(0.25))
    assert adapt.adapt(0.1, 1.0) == pytest.approx(0.1 * math.exp(-0.1))
    assert adapt.adapt(0.1, 1.0, 3) == pytest.approx(0.1 * math.exp(-0.3))
    # A wild loss counts no more than none at all does on the other side.
    assert adapt.adapt(0.1, 50.0) == pytest.approx(0.1 * math.exp(-0.4))
    assert adapt.adapt(0.1, math.inf) == adapt.adapt(0.1, 50.0)
    assert adapt.adapt(0.1, 0.0) == pytest.approx(0.1 * math.exp(0.4))
    assert adapt.adapt(0.1, math.nan) == 0.1


def test_sigma_stays_between_its_bounds():
    for loss, bound in ((0.0, 0.7), (3.0, 0.02)):
        adapt = AdaptiveInstanceNoise(1.0, 0.5, minimum=0.02, maximum=0.7)
        level, levels = 0.2, []
        for _ in range(20):
            level = adapt.adapt(level, loss)
            levels.append(level)
        assert levels[-1] == bound
        assert all(0.02 <= each <= 0.7 for each in levels)
    model = still_model(3.0)
    adapt = AdaptiveInstanceNoise(1.0, 10.0, minimum=0.0625)
    model.fit(images(), callbacks=[adapt], **FIT)
    assert model.instance_noise == 0.0625


def last_losses(*callbacks):
    """Returns the losses that a discriminator much the faster ends with."""
    recorder = Recorder()
    model = make_model(noise_stddev=0.02, rates=(1e-4, 0.02))
    callbacks = [*callbacks, recorder]
    model.fit(images(count=32), epochs=25, callbacks=callbacks, **FIT)
    return np.mean(recorder.losses[-40:])


@pytest.mark.slow
def test_the_loss_of_a_real_training_is_kept_at_the_target():
    assert last_losses() < 0.2
    adapted = last_losses(AdaptiveInstanceNoise(1.2, rate=0.3))
    assert abs(adapted - 1.2) < TRAIL


def test_several_steps_per_execution_move_sigma_as_far():
    # By the mean loss under one level, in place of two.
    levels = []
    for steps in (1, 2):
        model = still_model(1.5, steps_per_execution=steps)
        adapt = AdaptiveInstanceNoise(1.0, rate=0.1)
        model.fit(images(count=20), callbacks=[adapt], **FIT)
        levels.append(model.instance_noise)
    np.testing.assert_allclose(levels, 0.2 * np.exp(-5 * 0.1 * 0.5), **ROUNDING)


def test_the_logs_of_each_epoch_have_it(tmp_path):
    model, recorder = make_model(), Recorder()
    logger = keras.callbacks.CSVLogger(tmp_path / "log.csv")
    history = model.fit(
        images(),
        validation_data=(images(seed=1),),
        epochs=3,
        callbacks=[AdaptiveInstanceNoise(1.0, 0.1), recorder, logger],
        **FIT,
    ).history
    assert history["noise_stddev"] == recorder.levels[1::2]
    assert len(set(history["noise_stddev"])) == 3
    with open(tmp_path / "log.csv") as file:
        written = [float(row["noise_stddev"]) for row in csv.DictReader(file)]
    assert written == history["noise_stddev"]


class Interrupt(keras.callbacks.Callback):
    """Stops as a killed process would, at the start of an epoch."""

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 2:
            raise KeyboardInterrupt


@pytest.mark.parametrize(
    "policy", ["float32", "mixed_float16", "mixed_bfloat16"]
)
def test_an_interrupted_training_resumes_bit_exactly(policy, tmp_path):
    keras.config.set_dtype_policy(policy)

    def train(model, *callbacks, epochs=3):
        adapt = AdaptiveInstanceNoise(1.0, rate=0.3)
        model.fit(images(), epochs=epochs, callbacks=[adapt, *callbacks], **FIT)
        return model

    def backup():
        return keras.callbacks.BackupAndRestore(tmp_path / "backup")

    whole = train(make_model())
    with pytest.raises(KeyboardInterrupt):
        train(make_model(), backup(), Interrupt())
    resumed = train(make_model(noise_stddev=0.9), backup())
    train(make_model(), epochs=2).save(tmp_path / "model.keras")
    loaded = train(keras.saving.load_model(tmp_path / "model.keras"), epochs=1)
    assert whole.instance_noise not in (0.2, 0.9)
    for model in (resumed, loaded):
        assert model.instance_noise == whole.instance_noise
        assert_same_arrays(weights(model), weights(whole))
    # The noise does something, so that equal weights mean equal noise.
    assert np.any(weights(make_model(0.9))[0] != weights(whole)[0])


@pytest.mark.slow
def test_it_adapts_a_training_compiled_by_xla():
    model = make_model(jit_compile=True)
    model.fit(images(), callbacks=[AdaptiveInstanceNoise(1.3, 0.5)], **FIT)
    assert abs(math.log(model.instance_noise / 0.2)) > 1e-3


def test_settings_that_will_not_do_are_refused():
    for target in (2 * math.log(2), 2):
        with pytest.raises(ValueError, match=r"below 2 ln 2 .* target=.* Try"):
            AdaptiveInstanceNoise(target)
    for target in (0.0, -1.0, math.inf):
        with pytest.raises(ValueError, match="positive target"):
            AdaptiveInstanceNoise(target)
    for name in ("rate", "minimum", "maximum"):
        with pytest.raises(ValueError, match=f"positive {name}"):
            AdaptiveInstanceNoise(1.0, **{name: 0})
    with pytest.raises(ValueError, match=r"minimum=0.5 and maximum=0.1"):
        AdaptiveInstanceNoise(1.0, minimum=0.5, maximum=0.1)


def test_models_that_will_not_do_are_refused():
    adapt = AdaptiveInstanceNoise(1.0)
    plain = SuperResolver(plain_generator(), DOWNSAMPLE)
    plain.compile("adam", "mse")
    with pytest.raises(ValueError, match="needs a GANSuperResolver as model"):
        plain.fit(images(), callbacks=[adapt], **FIT)
    schedule = keras.optimizers.schedules.PolynomialDecay(0.3, 12, 0.0)
    for level, shown in ((0.0, "noise_stddev=0.0"), (schedule, "Polynomial")):
        with pytest.raises(
            ValueError, match=rf"the model `gan` .*{shown}.* Make it with a"
        ):
            make_model(level).fit(images(), callbacks=[adapt], **FIT)
