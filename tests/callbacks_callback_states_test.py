"""Callbacks with a state, beside a `Checkpoint`."""

import contextlib

import keras
import ml_dtypes
import numpy as np
import pytest

from keras_affsr.callbacks import state_arrays
from keras_affsr.callbacks.callback_states import warn_of_others
from keras_affsr.callbacks.checkpoint import Checkpoint
from tests.models_tiny import FIT
from tests.models_tiny import assert_same_arrays
from tests.models_tiny import images
from tests.resume_tiny import Interrupt
from tests.resume_tiny import make_plain
from tests.resume_tiny import run
from tests.resume_tiny import states

# Keras swaps two float32 weights of size one half by adding and subtracting.
# Where the swapped ones go on in place of the others, they differ by 1e-3.
SWAPPED = 1e-6


def stopping():
    """Makes a callback that waits from the second epoch on, for two."""
    return keras.callbacks.EarlyStopping(
        "loss", min_delta=1.0, patience=3, restore_best_weights=True
    )


def train(directory, make, stop=None, epochs=6):
    """Trains with callbacks that the checkpoint keeps; returns all."""
    model, callbacks = make_plain(), make(directory)
    run(
        model,
        directory / "checkpoints",
        epochs,
        stop,
        before=callbacks,
        callbacks=callbacks,
    )
    return model, callbacks


def test_early_stopping_goes_on_to_the_last_bit(tmp_path):
    def make(_):
        return [stopping()]

    whole, (expected,) = train(tmp_path / "whole", make)
    _, (stopped,) = train(tmp_path / "killed", make, stop=2)
    assert (stopped.wait, stopped.stopped_epoch) == (1, 0)
    resumed, (found,) = train(tmp_path / "killed", make)
    # The best is of the first epoch, and so are the weights at the end.
    assert found.stopped_epoch == expected.stopped_epoch == 3
    assert (found.best_epoch, found.best) == (0, expected.best)
    assert_same_arrays(found.best_weights, expected.best_weights)
    assert_same_arrays(resumed.get_weights(), whole.get_weights())
    assert_same_arrays(whole.get_weights(), expected.best_weights)
    # Once more, with nothing but the last epoch to be trained.
    again, (found,) = train(tmp_path / "killed", make)
    assert found.stopped_epoch == 3
    assert_same_arrays(again.get_weights(), whole.get_weights())


def test_a_finished_run_ends_with_its_best_weights_again(tmp_path):
    def make(_):
        return [stopping()]

    whole, _ = train(tmp_path, make, epochs=3)
    again, (found,) = train(tmp_path, make, epochs=3)
    assert_same_arrays(again.get_weights(), whole.get_weights())
    assert_same_arrays(again.get_weights(), found.best_weights)


def test_keras_callbacks_with_a_state_go_on_together(tmp_path):
    def make(directory):
        return [
            keras.callbacks.ReduceLROnPlateau(
                "loss", patience=2, min_delta=1.0, cooldown=1
            ),
            keras.callbacks.ModelCheckpoint(
                directory / "best.keras", "loss", save_best_only=True
            ),
            stopping(),
        ]

    whole, expected = train(tmp_path / "whole", make, epochs=4)
    train(tmp_path / "killed", make, stop=2, epochs=4)
    resumed, found = train(tmp_path / "killed", make, epochs=4)
    assert_same_arrays(states(resumed), states(whole))
    assert float(whole.optimizer.learning_rate) < 5e-4
    for ours, theirs in zip(found, expected):
        assert ours.best == theirs.best
    names = ("wait", "cooldown_counter")
    for name in names:
        assert getattr(found[0], name) == getattr(expected[0], name)


class Averages(keras.callbacks.Callback):
    """Keeps running sums of the weights, in half precision."""

    def __init__(self):
        super().__init__()
        self.sums = None

    def on_epoch_end(self, epoch, logs=None):
        now = [w.astype(ml_dtypes.bfloat16) for w in self.model.get_weights()]
        sums = self.sums or [np.zeros_like(each) for each in now]
        self.sums = [one + other for one, other in zip(sums, now)]

    def get_state(self):
        return {"sums": self.sums, "count": np.float32(0.1)}

    def set_state(self, state):
        self.sums = state["sums"]
        assert state["count"] == np.float32(0.1)


def test_arrays_in_states_go_on(tmp_path):
    def make(_):
        return [Averages()]

    _, (expected,) = train(tmp_path / "whole", make, epochs=3)
    train(tmp_path / "killed", make, stop=2, epochs=3)
    _, (found,) = train(tmp_path / "killed", make, epochs=3)
    assert found.sums[0].dtype == ml_dtypes.bfloat16
    assert_same_arrays(found.sums, expected.sums)


def test_arrays_come_back_as_they_were_taken_out():
    rng = np.random.default_rng(0)
    state = {
        "matrix": rng.normal(size=(2, 3)),
        "list": [np.array(2.5, "float16"), None, True, "text", 3],
        "none": np.zeros((0, 2), "int8"),
        "transposed": rng.normal(size=(2, 3)).astype("float32").T,
    }
    plain, arrays = state_arrays.take_out(state)
    assert [each.dtype for each in arrays] == ["uint8"] * 4
    found = state_arrays.put_back(plain, arrays)
    assert found.keys() == state.keys()
    assert found["list"][1:] == state["list"][1:]
    pairs = [(found[name], state[name]) for name in ("matrix", "none")]
    pairs += [(found["transposed"], state["transposed"])]
    pairs += [(found["list"][0], state["list"][0])]
    for one, other in pairs:
        assert one.dtype == other.dtype
        assert one.shape == other.shape
        np.testing.assert_array_equal(one, other)


def test_callbacks_whose_state_is_not_kept_are_named_once(tmp_path):
    plateau = keras.callbacks.ReduceLROnPlateau("loss")
    others = [stopping(), keras.callbacks.TerminateOnNaN(), Averages()]
    with pytest.warns(
        UserWarning, match="not keep the state of Averages, EarlyStopping, of"
    ) as caught:
        run(
            make_plain(),
            tmp_path,
            before=[plateau, *others],
            callbacks=[plateau],
        )
    told = [each for each in caught if "not keep" in str(each.message)]
    assert len(told) == 1


def test_callbacks_without_a_state_or_of_another_fit_are_not(tmp_path):
    # These keep nothing from epoch to epoch; pytest takes warnings as errors.
    files = keras.callbacks.ModelCheckpoint(tmp_path / "{epoch}.keras")
    early = stopping()
    make_plain().fit(images(), callbacks=[early], **FIT)
    run(make_plain(), tmp_path / "run", before=[files])
    checkpoint = Checkpoint(tmp_path / "other")
    checkpoint.set_params({"epochs": 1})
    warn_of_others(checkpoint)


def test_averages_are_swapped_after_the_checkpoint(tmp_path):
    def fit(directory, stop=None):
        optimizer = keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5)
        model = make_plain(optimizer=optimizer)
        checkpoint = Checkpoint(directory)
        swap = keras.callbacks.SwapEMAWeights(swap_on_epoch=True)
        epoch = checkpoint.restore(model)
        callbacks = [checkpoint, swap, Interrupt(stop)]
        kwargs = {"initial_epoch": epoch, "epochs": 4, **FIT}
        with contextlib.suppress(KeyboardInterrupt):
            model.fit(images(), callbacks=callbacks, **kwargs)
        return states(model)

    whole = fit(tmp_path / "whole")
    fit(tmp_path / "killed", stop=2)
    for one, other in zip(whole, fit(tmp_path / "killed"), strict=True):
        np.testing.assert_allclose(other, one, atol=SWAPPED, rtol=0)
