import warnings

import keras
import numpy as np
import pytest

from keras_affsr.callbacks import PriorLadder
from keras_affsr.metrics import PSNR
from keras_affsr.models import DenoiserGuidedSuperResolver
from keras_affsr.models import DensityGuidedSuperResolver
from tests.models_guided_tiny import stochastic_generator
from tests.models_guided_tiny import tiny_denoiser
from tests.models_guided_tiny import write_ladder
from tests.models_tiny import DOWNSAMPLE
from tests.models_tiny import FIT
from tests.models_tiny import assert_same_arrays
from tests.models_tiny import images
from tests.models_tiny import weights
from tests.priors_tiny import tiny_prior

POLICIES = ["float32", "mixed_float16", "mixed_bfloat16"]
LEVELS = keras.optimizers.schedules.PolynomialDecay(0.5, 12, 0.1)


def by_ladder():
    return DenoiserGuidedSuperResolver(
        stochastic_generator(),
        tiny_denoiser(pretrained=False),
        DOWNSAMPLE,
        consistency_weight=0.1,
        noisy_input=True,
        seed=5,
    )


def by_levels():
    prior = tiny_denoiser((0.1, 0.5), noise_conditional=True)
    # As after a training of its own, whose optimizer comes along.
    prior.compile("adam")
    prior.fit(images(), **FIT)
    return DenoiserGuidedSuperResolver(
        stochastic_generator(),
        prior,
        DOWNSAMPLE,
        noise_stddev=LEVELS,
        noisy_input=True,
        seed=5,
    )


def by_density():
    prior = tiny_prior()
    prior._coarseness.assign(7.0)
    return DensityGuidedSuperResolver(
        stochastic_generator(),
        prior,
        DOWNSAMPLE,
        consistency_weight=0.1,
        target_bits=6.0,
        seed=5,
    )


KINDS = [by_ladder, by_levels, by_density]


def make_model(kind, seed=1):
    keras.utils.set_random_seed(seed)
    model = kind()
    model.compile(keras.optimizers.Adam(0.01, beta_1=0.5), metrics=[PSNR()])
    return model


@pytest.fixture
def callbacks(request, tmp_path):
    """Makes the callbacks of a kind of model."""
    directory = tmp_path / "ladder"
    write_ladder(directory)

    def make(kind):
        return [PriorLadder(directory, 2)] if kind is by_ladder else []

    return make


def states(model):
    """Returns all that training changes."""
    optimizer = [np.asarray(each) for each in model.optimizer.variables]
    return weights(model) + optimizer


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("policy", POLICIES)
def test_a_loaded_model_goes_on_as_if_never_stopped(
    policy, kind, callbacks, tmp_path
):
    keras.config.set_dtype_policy(policy)
    high_res = images()
    model = make_model(kind)
    model.fit(high_res, epochs=2, callbacks=callbacks(kind), **FIT)
    model.save(tmp_path / "model.keras")
    with warnings.catch_warnings():
        # "Skipping variable loading for optimizer", were one not built.
        warnings.simplefilter("error", UserWarning)
        loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert int(loaded.optimizer.iterations) == 4
    assert loaded.guide.compiled == model.guide.compiled
    assert_same_arrays(states(loaded), states(model))
    histories = [
        each.fit(high_res, callbacks=callbacks(kind), **FIT).history
        for each in (model, loaded)
    ]
    assert histories[0] == histories[1]
    assert_same_arrays(states(loaded), states(model))
    assert loaded.evaluate(high_res, verbose=0) == model.evaluate(
        high_res, verbose=0
    )


@pytest.mark.parametrize("kind", KINDS)
def test_a_loaded_model_has_all_its_settings(kind, tmp_path):
    model = make_model(kind)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    names = ["consistency_weight", "seed"]
    if kind is by_density:
        names += ["target_bits"]
    else:
        names += ["noisy_input"]
        assert type(loaded.noise_stddev) is type(model.noise_stddev)
    for name in names:
        assert getattr(loaded, name) == getattr(model, name)
    if kind is by_levels:
        assert loaded.noise_stddev.get_config() == LEVELS.get_config()
        assert_same_arrays(
            loaded.guide.optimizer.variables, model.guide.optimizer.variables
        )


class Interrupt(keras.callbacks.Callback):
    """Stops as a killed process would, at the start of an epoch."""

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 2:
            raise KeyboardInterrupt


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("ladder_first", [False, True])
def test_an_interrupted_training_resumes_at_its_last_epoch(
    kind, ladder_first, callbacks, tmp_path
):
    high_res = images()
    whole = make_model(kind)
    whole.fit(high_res, epochs=3, callbacks=callbacks(kind), **FIT)

    def all_callbacks():
        backup = keras.callbacks.BackupAndRestore(tmp_path / "backup")
        ladder = callbacks(kind)
        return [*ladder, backup] if ladder_first else [backup, *ladder]

    killed = make_model(kind)
    with pytest.raises(KeyboardInterrupt):
        killed.fit(
            high_res, epochs=3, callbacks=[*all_callbacks(), Interrupt()], **FIT
        )
    resumed = make_model(kind, seed=2)
    history = resumed.fit(high_res, epochs=3, callbacks=all_callbacks(), **FIT)
    assert history.epoch == [2]
    assert_same_arrays(states(resumed), states(whole))
    if kind is by_ladder:
        assert history.history["rung"] == [3]


@pytest.mark.parametrize("kind", KINDS)
def test_weights_alone_bring_the_optimizer_and_the_prior(kind, tmp_path):
    model, other = make_model(kind), make_model(kind, seed=2)
    model.optimizer.iterations.assign(7)
    model.save_weights(tmp_path / "model.weights.h5")
    other.load_weights(tmp_path / "model.weights.h5")
    assert_same_arrays(states(other), states(model))


@pytest.mark.parametrize("kind", KINDS)
def test_the_generator_alone_can_be_saved_and_loaded(kind, tmp_path):
    model = make_model(kind)
    model.generator.save(tmp_path / "generator.keras")
    loaded = keras.saving.load_model(tmp_path / "generator.keras")
    inputs = [images(size=8), np.zeros((8, 8, 8, 2), "float32")]
    np.testing.assert_array_equal(loaded(inputs), model(*inputs))
