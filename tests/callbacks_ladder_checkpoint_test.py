import logging

import h5py
import keras
import numpy as np
import pytest

from keras_affsr.callbacks import LadderCheckpoint
from keras_affsr.callbacks import ladder_files
from tests.models_guided_tiny import tiny_denoiser
from tests.models_tiny import FIT
from tests.models_tiny import assert_same_arrays
from tests.models_tiny import images
from tests.models_tiny import weights
from tests.priors_tiny import images as image_levels
from tests.priors_tiny import tiny_prior

# An epoch has two steps.
FALLING = keras.optimizers.schedules.PolynomialDecay(0.5, 8, 0.1)
DOWN_AND_UP = keras.optimizers.schedules.PiecewiseConstantDecay(
    [1, 3, 5], [0.5, 0.3, 0.4, 0.2]
)


def make_prior(noise_stddev=FALLING, pretrained=False, seed=1):
    keras.utils.set_random_seed(seed)
    prior = tiny_denoiser(noise_stddev, pretrained)
    prior.compile(keras.optimizers.Adam(0.01))
    return prior


def fit(prior, directory, epochs=4, every=1, **kwargs):
    callbacks = [LadderCheckpoint(directory, every)]
    return prior.fit(
        images(), epochs=epochs, callbacks=callbacks, **kwargs, **FIT
    )


def rungs(directory):
    """Returns the coarseness of each file, by its name."""
    found = {}
    for path in sorted(directory.iterdir()):
        prior = tiny_denoiser(pretrained=False)
        prior.load_weights(path)
        found[path.name] = float(prior.coarseness)
    return found


def expected(*steps, schedule=FALLING):
    return {
        f"rung_{number:04d}.weights.h5": float(schedule(step))
        for number, step in enumerate(steps, start=1)
    }


def test_every_epoch_has_a_rung_of_its_weights(tmp_path, caplog):
    prior, epochs = make_prior(), []
    keep = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda *_: epochs.append(weights(prior))
    )
    with caplog.at_level(logging.INFO):
        prior.fit(
            images(),
            epochs=3,
            callbacks=[LadderCheckpoint(tmp_path / "new" / "ladder"), keep],
            **FIT,
        )
    directory = tmp_path / "new" / "ladder"
    assert rungs(directory) == expected(1, 3, 5)
    for path, values in zip(sorted(directory.iterdir()), epochs):
        rung = tiny_denoiser(pretrained=False)
        rung.load_weights(path)
        assert_same_arrays(weights(rung), values)
    messages = [each.getMessage() for each in caplog.records]
    assert f"Wrote {directory}/rung_0002.weights.h5, of coarseness 0.35." in (
        messages
    )


def test_training_is_the_same_with_it_and_without(tmp_path):
    one, other = make_prior(), make_prior()
    history = fit(one, tmp_path, 3).history
    assert history == other.fit(images(), epochs=3, **FIT).history
    assert_same_arrays(weights(one), weights(other))


def test_other_epochs_are_left_out(tmp_path):
    fit(make_prior(), tmp_path, epochs=5, every=2)
    assert rungs(tmp_path) == expected(3, 7)


def test_a_prior_that_is_not_finer_has_no_rung(tmp_path):
    fit(make_prior(DOWN_AND_UP), tmp_path, epochs=4)
    # Epochs end at 0.5, 0.3 (step 3), 0.4 (step 5) and 0.2.
    assert rungs(tmp_path) == expected(1, 3, 7, schedule=DOWN_AND_UP)


def test_a_rung_holds_no_state_of_an_optimizer(tmp_path):
    prior = make_prior()
    fit(prior, tmp_path, epochs=1)
    prior.save_weights(tmp_path / "all.weights.h5")
    groups = []
    for path in sorted(tmp_path.iterdir()):
        with h5py.File(path) as file:
            groups.append(set(file))
    assert groups[0] - groups[1] == {"optimizer"}


def test_a_density_has_rungs_of_its_code_length(tmp_path):
    prior = tiny_prior()
    prior.compile()
    history = prior.fit(
        image_levels(16),
        batch_size=8,
        epochs=3,
        callbacks=[LadderCheckpoint(tmp_path)],
        verbose=0,
    ).history
    assert history["loss"][0] > history["loss"][-1]
    twin = ladder_files.twin(prior)
    found = []
    for path in sorted(tmp_path.iterdir()):
        twin.load_weights(path)
        found.append(float(twin.coarseness))
    assert len(found) == 3 and sorted(found, reverse=True) == found
    assert found[-1] == float(prior.coarseness)


@pytest.mark.parametrize("backup_first", [False, True])
def test_an_interrupted_training_goes_on_with_its_ladder(
    backup_first, tmp_path
):
    def callbacks():
        backup = keras.callbacks.BackupAndRestore(tmp_path / "backup")
        ladder = LadderCheckpoint(tmp_path / "ladder")
        return [backup, ladder] if backup_first else [ladder, backup]

    def interrupt(epoch, logs):
        if epoch == 2:
            raise KeyboardInterrupt

    interrupting = keras.callbacks.LambdaCallback(on_epoch_begin=interrupt)
    with pytest.raises(KeyboardInterrupt):
        make_prior().fit(
            images(), epochs=4, callbacks=[*callbacks(), interrupting], **FIT
        )
    assert rungs(tmp_path / "ladder") == expected(1, 3)
    resumed = make_prior(seed=2)
    resumed.fit(images(), epochs=4, callbacks=callbacks(), **FIT)
    assert rungs(tmp_path / "ladder") == expected(1, 3, 5, 7)
    whole = make_prior()
    whole.fit(images(), epochs=4, **FIT)
    assert_same_arrays(weights(resumed), weights(whole))


def test_a_second_fit_adds_to_the_ladder(tmp_path):
    prior = make_prior()
    fit(prior, tmp_path, epochs=2)
    fit(prior, tmp_path, epochs=2)
    assert rungs(tmp_path) == expected(1, 3, 5, 7)


def test_a_file_is_there_whole_or_not_at_all(tmp_path):
    path = tmp_path / "file.txt"
    path.write_text("old")

    def save(partial):
        with open(partial, "w") as file:
            file.write("ne")
            assert path.read_text() == "old"
            raise OSError("No space left on device")

    with pytest.raises(OSError, match="No space left"):
        ladder_files.write_then_move(save, str(path))
    assert path.read_text() == "old"
    # What is left of it is no rung.
    partial = tmp_path / "partial_rung_0001.weights.h5"
    (tmp_path / "partial_file.txt").rename(partial)
    assert ladder_files.rungs_in(tmp_path) == {}


def test_an_untrained_prior_does_not_add_to_a_ladder(tmp_path):
    fit(make_prior(), tmp_path, epochs=2)
    message = (
        r"untrained prior to a ladder of 2 in .*Give another directory.*"
        r"load_weights\('.*rung_0002.weights.h5'\)` before"
    )
    with pytest.raises(ValueError, match=message):
        fit(make_prior(), tmp_path)
    assert rungs(tmp_path) == expected(1, 3)
    # As the message says.
    prior = tiny_denoiser(FALLING, pretrained=False)
    prior.load_weights(tmp_path / "rung_0002.weights.h5")
    prior.compile("adam")
    prior.optimizer.iterations.assign(4)
    fit(prior, tmp_path, epochs=1)
    assert rungs(tmp_path) == expected(1, 3, 5)


@pytest.mark.filterwarnings("ignore")  # Keras warns before it raises.
def test_the_ladder_of_another_prior_is_left_alone(tmp_path):
    fit(make_prior(), tmp_path, epochs=1)
    prior = tiny_denoiser(0.05, normalization=None)
    prior.compile("adam")
    message = "ladder of another prior in .*0001.weights.h5 does not fit `deno"
    with pytest.raises(ValueError, match=message):
        fit(prior, tmp_path)
    assert rungs(tmp_path) == expected(1)


def test_models_that_are_no_prior_are_refused(tmp_path):
    model = keras.Sequential(
        [keras.Input((1,)), keras.layers.Dense(1)], name="net"
    )
    model.compile("sgd", loss="mse")
    message = "keeps a prior.*Received: a model `net` of type Sequential"
    with pytest.raises(ValueError, match=message):
        model.fit(
            np.ones((4, 1)),
            np.ones((4, 1)),
            callbacks=[LadderCheckpoint(tmp_path)],
            verbose=0,
        )
    with pytest.raises(ValueError, match="at least 1 as every"):
        LadderCheckpoint(tmp_path, every=0)
