import hashlib
import json

import keras
import numpy as np
import pytest

from keras_affsr.callbacks import LadderCheckpoint
from keras_affsr.callbacks.checkpoint import Checkpoint
from tests.models_guided_tiny import tiny_denoiser
from tests.models_tiny import FIT
from tests.models_tiny import assert_same_arrays
from tests.models_tiny import images
from tests.models_tiny import weights
from tests.resume_tiny import CONFIG
from tests.resume_tiny import Interrupt
from tests.resume_tiny import make_gan
from tests.resume_tiny import make_plain
from tests.resume_tiny import names
from tests.resume_tiny import run
from tests.resume_tiny import states

POLICIES = ["float32", "mixed_float16", "mixed_bfloat16"]


@pytest.mark.parametrize("policy", POLICIES)
def test_an_interrupted_training_ends_as_a_whole_one(policy, tmp_path):
    keras.config.set_dtype_policy(policy)
    whole, killed, resumed = make_gan(), make_gan(), make_gan(seed=2)
    run(whole, tmp_path / "whole")
    run(killed, tmp_path / "killed", stop=2)
    run(resumed, tmp_path / "killed")
    assert_same_arrays(states(resumed), states(whole))


def test_a_new_run_begins_with_the_weights_of_the_one_that_was_killed(tmp_path):
    killed, resumed = make_plain(), make_plain(seed=2)
    initial = states(killed)
    run(killed, tmp_path, stop=0)
    assert names(tmp_path) == ["epoch_0000.weights.h5"]
    assert Checkpoint(tmp_path, CONFIG).restore(resumed) == 0
    assert_same_arrays(states(resumed), initial)


def test_a_checkpoint_ends_in_its_state_and_checksum(tmp_path):
    model = make_plain()
    run(model, tmp_path)
    content = (tmp_path / "epoch_0003.weights.h5").read_bytes()
    *_, state, digest, rest = content.split(b"\n")
    assert rest == b""
    whole = content[: -len(digest) - 1]
    assert digest.decode() == hashlib.sha256(whole).hexdigest()
    state = json.loads(state)
    assert (state["epoch"], state["config"]) == (3, CONFIG)


def test_a_checkpoint_is_a_file_of_weights_for_keras(tmp_path):
    model, other = make_gan(), make_gan(seed=2)
    run(model, tmp_path)
    other.load_weights(tmp_path / "epoch_0003.weights.h5")
    assert_same_arrays(states(other), states(model))


@pytest.mark.parametrize(
    ("every", "keep", "expected"),
    [(1, 2, [4, 5]), (2, 2, [4, 5]), (2, 3, [2, 4, 5]), (9, 1, [5])],
)
def test_the_last_checkpoints_are_kept(every, keep, expected, tmp_path):
    (tmp_path / "notes.txt").write_text("not ours")
    run(make_plain(), tmp_path, epochs=5, every=every, keep=keep)
    expected = [f"epoch_{epoch:04d}.weights.h5" for epoch in expected]
    assert names(tmp_path) == [*expected, "notes.txt"]


def test_what_a_kill_left_half_written_is_removed(tmp_path):
    partial = tmp_path / "partial_epoch_0007.weights.h5"
    partial.write_bytes(b"half")
    run(make_plain(), tmp_path)
    assert not partial.exists()


def test_a_finished_run_has_nothing_left_to_train(tmp_path):
    model, again = make_plain(), make_plain(seed=2)
    run(model, tmp_path)
    run(again, tmp_path)
    assert_same_arrays(states(again), states(model))
    assert Checkpoint(tmp_path, CONFIG).restore(again) == 3


def test_an_epoch_that_was_cut_short_is_not_kept(tmp_path):
    class Stop(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.stop_training = self.model.optimizer.iterations == 3

    run(make_plain(), tmp_path, before=[Stop()])
    assert names(tmp_path) == ["epoch_0000.weights.h5", "epoch_0001.weights.h5"]


def test_random_states_of_layers_go_on(tmp_path):
    def make():
        keras.utils.set_random_seed(1)
        inputs = keras.Input((4,))
        tensor = keras.layers.Dropout(0.5, seed=3)(inputs)
        model = keras.Model(inputs, keras.layers.Dense(1)(tensor))
        model.compile("sgd", loss="mse")
        return model

    def fit(model, directory, epochs):
        checkpoint = Checkpoint(directory)
        epoch = checkpoint.restore(model)
        data = np.ones((8, 4)), np.ones((8, 1))
        kwargs = {"initial_epoch": epoch, "epochs": epochs, **FIT}
        model.fit(*data, callbacks=[checkpoint], **kwargs)

    whole, killed, resumed = make(), make(), make()
    fit(whole, tmp_path / "whole", 4)
    fit(killed, tmp_path / "killed", 2)
    fit(resumed, tmp_path / "killed", 4)
    assert_same_arrays(resumed.get_weights(), whole.get_weights())


class Counter(keras.callbacks.Callback):
    """Counts epochs, also over a restart."""

    count = 0

    def on_epoch_end(self, epoch, logs=None):
        self.count += 1

    def get_state(self):
        return {"count": self.count}

    def set_state(self, state):
        self.count = state["count"]


def test_the_states_of_callbacks_go_on(tmp_path):
    def make():
        plateau = keras.callbacks.ReduceLROnPlateau("loss", patience=2)
        return [Counter(), plateau]

    killed, resumed = make(), make()
    # No loss is lower by one: each epoch after the first is one to wait.
    for callbacks, stop in ((killed, 2), (resumed, None)):
        callbacks[1].min_delta = 1.0
        run(
            make_plain(),
            tmp_path,
            stop=stop,
            before=callbacks,
            callbacks=callbacks,
        )
    assert killed[1].wait == 1
    assert resumed[0].count == 3
    assert resumed[1].best == killed[1].best
    assert float(resumed[1].model.optimizer.learning_rate) < 5e-4


def test_a_ladder_written_before_the_first_checkpoint_is_gone_on_with(tmp_path):
    def train(directory, stop=None):
        keras.utils.set_random_seed(1)
        schedule = keras.optimizers.schedules.PolynomialDecay(0.5, 8, 0.1)
        prior = tiny_denoiser(schedule, pretrained=False)
        prior.compile("adam")
        ladder = LadderCheckpoint(directory / "ladder")
        run(
            prior,
            directory / "checkpoints",
            stop=stop,
            before=[ladder],
            every=3,
            callbacks=[ladder],
        )
        return directory / "ladder"

    train(tmp_path / "killed", stop=2)
    assert len(names(tmp_path / "killed" / "ladder")) == 2
    killed, whole = train(tmp_path / "killed"), train(tmp_path / "whole")
    assert names(killed) == names(whole)
    assert len(names(whole)) == 3
    for name in names(whole):
        rungs = [tiny_denoiser(pretrained=False) for _ in range(2)]
        for rung, directory in zip(rungs, (killed, whole)):
            rung.load_weights(directory / name)
        assert_same_arrays(weights(rungs[0]), weights(rungs[1]))


def test_training_is_the_same_with_it_and_without(tmp_path):
    one, other = make_gan(), make_gan()
    run(one, tmp_path)
    other.fit(images(), epochs=3, callbacks=[Interrupt(None)], **FIT)
    assert_same_arrays(states(one), states(other))


def test_a_run_can_be_made_longer_where_the_config_allows_it(tmp_path):
    longer = {**CONFIG, "epochs": 4}
    run(make_plain(), tmp_path)
    run(make_plain(), tmp_path, 4, config=longer, may_change=["epochs"])
    assert names(tmp_path)[-1] == "epoch_0004.weights.h5"
