import json

import keras
import numpy as np
import pytest

from keras_affsr.callbacks.checkpoint import Checkpoint
from tests.models_tiny import FIT
from tests.models_tiny import assert_same_arrays
from tests.models_tiny import images
from tests.resume_tiny import CONFIG
from tests.resume_tiny import contents
from tests.resume_tiny import make_gan
from tests.resume_tiny import make_plain
from tests.resume_tiny import names
from tests.resume_tiny import run
from tests.resume_tiny import states


def test_another_config_is_refused(tmp_path):
    run(make_plain(), tmp_path, config={"same": 1, "old": (1, 2), "rate": 0.1})
    before = contents(tmp_path)
    with pytest.raises(
        ValueError,
        match=r"epoch_0003.*: new: nothing then, 'a' now; old: \[1, 2\] then, "
        r"nothing now; rate: 0.1 then, 0.2 now. Start with the same values",
    ):
        run(make_plain(), tmp_path, config={"same": 1, "new": "a", "rate": 0.2})
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (make_gan, "class 'SuperResolver', and .* received 'GANSuperResolver'"),
        (
            lambda: make_plain(optimizer="sgd"),
            r"Adam as number 1 of its optimizers, and .* has SGD",
        ),
        (
            lambda: make_plain(optimizer=keras.optimizers.Adam(amsgrad=True)),
            r"\d+ variables, and .* has \d+",
        ),
    ],
)
def test_another_model_is_refused_and_left_as_it_is(make, message, tmp_path):
    run(make_plain(), tmp_path)
    model = make()
    before = states(model)
    with pytest.raises(ValueError, match=message):
        Checkpoint(tmp_path, CONFIG).restore(model)
    assert_same_arrays(states(model), before)


def test_a_network_of_other_sizes_is_refused(tmp_path):
    def make(units):
        model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(units)])
        model.compile(loss="mse")
        return model

    data = np.ones((4, 3)), np.ones((4, 1))
    make(1).fit(*data, callbacks=[Checkpoint(tmp_path)], verbose=0)
    with pytest.raises(
        ValueError,
        match=r"float32 \[3, 1\] as number 1 of its variables, .* \[3, 2\]",
    ):
        Checkpoint(tmp_path).restore(make(2))


def test_another_precision_is_refused(tmp_path):
    run(make_plain(), tmp_path)
    keras.config.set_dtype_policy("mixed_bfloat16")
    with pytest.raises(ValueError, match="dtype policy 'float32', and"):
        Checkpoint(tmp_path, CONFIG).restore(make_plain())


def test_a_model_that_is_not_compiled_is_refused(tmp_path):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    with pytest.raises(ValueError, match="not built or not compiled yet"):
        Checkpoint(tmp_path).restore(model)


def fit(model, directory, **kwargs):
    checkpoint = Checkpoint(directory, CONFIG)
    model.fit(images(), callbacks=[checkpoint], **kwargs, **FIT)


def test_a_run_is_not_begun_anew_over_another(tmp_path):
    run(make_plain(), tmp_path)
    before = contents(tmp_path)
    with pytest.raises(ValueError, match=r"found a run of 3 epochs .*restore"):
        fit(make_plain(), tmp_path)
    assert contents(tmp_path) == before


def test_a_training_begins_with_the_epoch_that_was_restored(tmp_path):
    run(make_plain(), tmp_path)
    model, checkpoint = make_plain(), Checkpoint(tmp_path, CONFIG)
    checkpoint.restore(model)
    with pytest.raises(ValueError, match=r"for 3 epochs, .* initial_epoch=1."):
        model.fit(
            images(),
            initial_epoch=1,
            epochs=5,
            callbacks=[checkpoint],
            **FIT,
        )


class Ruin(keras.callbacks.Callback):
    """Does to a weight what a step too large does, in the second epoch."""

    def __init__(self, value):
        super().__init__()
        self.value = value

    def on_epoch_end(self, epoch, logs=None):
        if epoch == 1:
            weight = self.model.generator.trainable_weights[-1]
            weight.assign(np.full(weight.shape, self.value))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_ruined_model_is_not_kept(value, tmp_path):
    with pytest.raises(
        FloatingPointError,
        match=r"4 of 4 numbers in .*bias are NaN",
    ):
        run(make_plain(), tmp_path, before=[Ruin(value)])
    assert names(tmp_path) == ["epoch_0000.weights.h5", "epoch_0001.weights.h5"]


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"every": 0}, "at least 1 as every"),
        ({"keep": 0}, "at least 1 as keep"),
        ({"config": {"a": 1, "b": {2}}}, r"JSON knows. Received: b=\{2\}"),
        (
            {"callbacks": [keras.callbacks.TerminateOnNaN()]},
            r"get_state\(\) and set_state\(state\), .*with a TerminateOnNaN",
        ),
    ],
)
def test_bad_arguments_are_refused(kwargs, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        Checkpoint(tmp_path, **kwargs)


def test_the_states_of_other_callbacks_are_refused(tmp_path):
    plateau = keras.callbacks.ReduceLROnPlateau("loss")
    kwargs = {"before": [plateau], "callbacks": [plateau]}
    run(make_plain(), tmp_path, stop=1, **kwargs)
    with pytest.raises(
        ValueError, match=r"\['ReduceLROnPlateau'\] in .* callbacks=\[\] now"
    ):
        run(make_plain(), tmp_path)


def test_a_config_is_compared_as_it_is_written(tmp_path):
    config = {"pair": (1, 2), "rate": 1e-3, "none": None}
    run(make_plain(), tmp_path, config=config)
    checkpoint = Checkpoint(tmp_path, json.loads(json.dumps(config)))
    assert checkpoint.restore(make_plain()) == 3


@pytest.mark.parametrize(("at_once", "taken"), [(3, 3), (4, 4)])
def test_epochs_that_would_take_more_batches_are_refused(
    at_once, taken, tmp_path
):
    model = make_plain()
    model.compile("adam", "mse", steps_per_execution=at_once)
    with pytest.raises(
        ValueError, match=rf"2 steps, .*={at_once}, .* take {taken} batches"
    ):
        run(model, tmp_path)
    assert names(tmp_path) == []


def test_several_steps_at_once_are_taken_if_epochs_are_whole(tmp_path):
    model = make_plain()
    model.compile("adam", "mse", steps_per_execution=2)
    run(model, tmp_path)
    assert int(model.optimizer.iterations) == 6
