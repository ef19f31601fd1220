import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_affsr.callbacks.checkpoint import Checkpoint
from keras_affsr.callbacks.stop_on_nan import StopOnNaN
from tests.models_tiny import assert_same_arrays
from tests.resume_tiny import make_plain
from tests.resume_tiny import names
from tests.resume_tiny import states

STEPS = 4


def batches(bad=None, value=np.nan):
    """Returns a dataset of three epochs of batches, one of them with NaN."""
    rng = np.random.default_rng(0)
    values = rng.random((3 * STEPS, 2, 8, 8, 1), dtype="float32")
    if bad is not None:
        values[bad] = value
    return tf.data.Dataset.from_tensor_slices(values)


def fit(model, data, callbacks, epochs=3):
    model.fit(
        data,
        epochs=epochs,
        steps_per_epoch=STEPS,
        shuffle=False,
        callbacks=callbacks,
        verbose=0,
    )


def test_a_nan_brings_the_last_checkpoint_back(tmp_path):
    model, good = make_plain(), make_plain()
    fit(good, batches(), [], epochs=1)
    checkpoint = Checkpoint(tmp_path)
    with pytest.raises(
        FloatingPointError,
        match=r"`StopOnNaN` found loss=nan in batch 2 of epoch 1, which is "
        r"batch 6 of the run with seed=0 \(file_6.png\). The model is back at "
        r"the end of 1 epochs, as in .*global_clipnorm=1.0",
    ):
        fit(
            model,
            batches(bad=6),
            [StopOnNaN(checkpoint, "file_{}.png".format), checkpoint],
        )
    assert_same_arrays(states(model), states(good))
    assert names(tmp_path) == ["epoch_0000.weights.h5", "epoch_0001.weights.h5"]


def test_in_the_first_epoch_the_beginning_comes_back(tmp_path):
    model, checkpoint = make_plain(), Checkpoint(tmp_path)
    before = states(model)
    with pytest.raises(FloatingPointError, match="the end of 0 epochs"):
        fit(model, batches(bad=1), [StopOnNaN(checkpoint), checkpoint])
    assert_same_arrays(states(model), before)


def test_without_a_checkpoint_the_error_says_so():
    with pytest.raises(
        FloatingPointError, match=r"batch 5 of the run .* The model is ruined"
    ):
        fit(make_plain(), batches(bad=5), [StopOnNaN()])


def test_a_checkpoint_that_fit_was_not_given_has_nothing(tmp_path):
    with pytest.raises(
        FloatingPointError, match=r"batch 5 of the run .* has kept nothing yet"
    ):
        fit(make_plain(), batches(bad=5), [StopOnNaN(Checkpoint(tmp_path))])


def test_nan_is_told_even_if_the_description_fails():
    with pytest.raises(
        FloatingPointError, match=r"found loss=nan .*\(\[KeyError: 5\]\)"
    ):
        fit(
            make_plain(),
            batches(bad=5),
            [StopOnNaN(describe_batch={}.__getitem__)],
        )


def test_an_infinite_loss_is_found_too():
    class Infinite(keras.metrics.Mean):
        """A loss, as its name says, that is infinite."""

        def update_state(self, *args, **kwargs):
            super().update_state(np.inf)

    model = make_plain()
    model.compile("adam", "mse", metrics=[Infinite(name="other_loss")])
    with pytest.raises(FloatingPointError, match="other_loss=inf in batch 0"):
        fit(model, batches(), [StopOnNaN()])


def test_several_steps_per_execution_are_named_together():
    told = []
    model = make_plain()
    model.compile("adam", loss="mse", steps_per_execution=2)
    with pytest.raises(
        FloatingPointError,
        match=r"batch 2 to 3 of epoch 1, which is batch 6 to 7 .*\(a; a\)",
    ):
        fit(
            model,
            batches(bad=7),
            [StopOnNaN(describe_batch=lambda batch: told.append(batch) or "a")],
        )
    assert told == [6, 7]


def test_where_the_length_of_epochs_is_unknown_the_epoch_alone_is_told():
    data = batches(bad=1).take(3).filter(lambda _: True)
    with pytest.raises(FloatingPointError, match=r"batch 1 of epoch 0\. The"):
        make_plain().fit(data, callbacks=[StopOnNaN()], verbose=0)


def test_a_good_training_is_left_alone():
    class Perfect(keras.metrics.Mean):
        """Infinite, as the PSNR of an image that is the same."""

        def update_state(self, *args, **kwargs):
            super().update_state(np.inf)

    one, other = make_plain(), make_plain()
    one.compile("adam", "mse", metrics=[Perfect(name="psnr")])
    fit(one, batches(), [StopOnNaN()])
    fit(other, batches(), [])
    assert_same_arrays(states(one), states(other))


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"checkpoint": "run"}, "needs a Checkpoint as checkpoint"),
        ({"describe_batch": "a"}, "describe_batch='a'"),
    ],
)
def test_bad_arguments_are_refused(kwargs, message):
    with pytest.raises(ValueError, match=message):
        StopOnNaN(**kwargs)
