import csv
import logging

import keras
import numpy as np
import pytest

from keras_affsr.callbacks import PriorLadder
from keras_affsr.models import DenoiserGuidedSuperResolver
from tests.models_guided_tiny import tiny_denoiser
from tests.models_guided_tiny import write_ladder
from tests.models_tiny import DOWNSAMPLE
from tests.models_tiny import FIT
from tests.models_tiny import assert_same_arrays
from tests.models_tiny import images
from tests.models_tiny import tiny_generator
from tests.models_tiny import weights

LEVELS = [np.float32(level) for level in (0.4, 0.2, 0.1)]


@pytest.fixture
def ladder(tmp_path):
    """A directory with three rungs."""
    write_ladder(tmp_path / "ladder")
    return tmp_path / "ladder"


def make_model(**kwargs):
    keras.utils.set_random_seed(1)
    model = DenoiserGuidedSuperResolver(
        tiny_generator(), tiny_denoiser(pretrained=False), DOWNSAMPLE
    )
    model.compile("adam", **kwargs)
    return model


class Watch(keras.callbacks.Callback):
    """Keeps the denoiser's level, and a weight of it, before every step."""

    def __init__(self):
        super().__init__()
        self.levels, self.values = [], []

    def on_train_batch_begin(self, batch, logs=None):
        prior = self.model.guide
        self.levels.append(float(prior.coarseness))
        self.values.append(np.copy(prior.network.get_weights()[0]))


def levels_of(ladder, steps, epochs=4, model=None, **kwargs):
    """Returns the level at each step; an epoch has two."""
    model, watch = model or make_model(**kwargs), Watch()
    callbacks = [PriorLadder(ladder, steps), watch]
    model.fit(images(), epochs=epochs, callbacks=callbacks, **FIT)
    return watch.levels


@pytest.mark.parametrize(
    ("steps", "rungs"),
    [
        (1, [0, 1, 2, 2, 2, 2, 2, 2]),
        (3, [0, 0, 0, 1, 1, 1, 2, 2]),
        (100, [0] * 8),
        ([0, 1, 6], [0, 1, 1, 1, 1, 1, 2, 2]),
        ([0, 2, 100], [0, 0, 1, 1, 1, 1, 1, 1]),
    ],
)
def test_the_rung_is_a_function_of_the_step(ladder, steps, rungs):
    assert levels_of(ladder, steps) == [LEVELS[rung] for rung in rungs]


def test_weights_are_those_of_the_file(ladder):
    model, watch = make_model(), Watch()
    callbacks = [PriorLadder(ladder, 1), watch]
    model.fit(images(), epochs=2, callbacks=callbacks, **FIT)
    for path, value in zip(sorted(ladder.iterdir()), watch.values):
        rung = tiny_denoiser(pretrained=False)
        rung.load_weights(path)
        np.testing.assert_array_equal(value, rung.network.get_weights()[0])
    assert_same_arrays(weights(model.guide), weights(rung))


@pytest.mark.parametrize("jit_compile", [False, True])
def test_a_new_rung_is_used_and_nothing_is_compiled_again(ladder, jit_compile):
    class Counting(DenoiserGuidedSuperResolver):
        traces = 0

        def guidance(self, generated, stream):
            self.traces += 1
            return super().guidance(generated, stream)

    model, losses, traces = (
        Counting(tiny_generator(), tiny_denoiser(pretrained=False), DOWNSAMPLE),
        [],
        [],
    )
    model.compile(keras.optimizers.SGD(0.0), jit_compile=jit_compile)

    def watch(epoch, logs):
        losses.append(logs["loss"])
        traces.append(model.traces)

    watching = keras.callbacks.LambdaCallback(on_epoch_end=watch)
    callbacks = [PriorLadder(ladder, 2), watching]
    model.fit(images(), epochs=4, callbacks=callbacks, **FIT)
    assert traces == [traces[0]] * 4
    # With a generator at rest, only the rung makes a difference.
    assert len(set(losses)) == 3 and losses[2] == losses[3]


def test_a_list_of_files_is_taken_in_its_order(ladder):
    paths = sorted(ladder.iterdir())
    for number, path in enumerate(paths):
        paths[number] = path.rename(ladder / f"{9 - number}.weights.h5")
    assert levels_of(paths, 1, epochs=2) == [*LEVELS, LEVELS[-1]]


def test_rungs_are_in_the_order_of_their_numbers(tmp_path):
    write_ladder(tmp_path, [0.4, 0.3])
    (tmp_path / "rung_0002.weights.h5").rename(
        tmp_path / "rung_10000.weights.h5"
    )
    assert levels_of(tmp_path, 1, epochs=1) == [LEVELS[0], np.float32(0.3)]


def test_a_second_fit_goes_on_where_the_first_ended(ladder):
    model = make_model()
    assert levels_of(ladder, 3, 2, model) == [LEVELS[i] for i in (0, 0, 0, 1)]
    assert levels_of(ladder, 3, 2, model) == [LEVELS[i] for i in (1, 1, 2, 2)]


def test_several_steps_per_execution_load_at_the_first_opportunity(ladder):
    found = levels_of(ladder, 1, steps_per_execution=2)
    assert found == [LEVELS[i] for i in (0, 2, 2, 2)]


def test_rung_and_coarseness_are_logged(ladder, tmp_path, caplog):
    model = make_model()
    callbacks = [
        PriorLadder(ladder, 2),
        keras.callbacks.CSVLogger(tmp_path / "log.csv"),
    ]
    with caplog.at_level(logging.INFO):
        history = model.fit(images(), epochs=4, callbacks=callbacks, **FIT)
    assert history.history["rung"] == [1, 2, 3, 3]
    assert history.history["coarseness"] == [*LEVELS, LEVELS[-1]]
    with open(tmp_path / "log.csv") as file:
        rows = list(csv.DictReader(file))
    assert [row["rung"] for row in rows] == ["1", "2", "3", "3"]
    messages = [each.getMessage() for each in caplog.records]
    messages = [each for each in messages if each.startswith("Loaded rung")]
    assert len(messages) == 3
    assert messages[1].startswith("Loaded rung 2 of 3, ")
    assert messages[1].endswith("rung_0002.weights.h5, of coarseness 0.2.")


def test_the_denoisers_own_training_is_left_alone(ladder):
    # Rungs hold no optimizer, and load into a prior with one of its own.
    model = make_model()
    model.guide.compile(keras.optimizers.Adam(0.01))
    model.guide.fit(images(), **FIT)
    before = [np.copy(each) for each in model.guide.optimizer.variables]
    levels_of(ladder, 1, 1, model)
    assert_same_arrays(model.guide.optimizer.variables, before)


@pytest.mark.parametrize("broken", ["missing", "empty", "cut"])
def test_a_file_lost_in_training_stops_it_and_saves_the_model(ladder, broken):
    path = ladder / "rung_0002.weights.h5"
    content = path.read_bytes()

    class Break(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            path.unlink()
            if broken != "missing":
                cut = 0 if broken == "empty" else len(content) // 2
                path.write_bytes(content[:cut])

    model = make_model()
    callbacks = [PriorLadder(ladder, 1), Break()]
    message = (
        "`PriorLadder` cannot load rung 2, .*rung_0002.weights.h5, and stops"
        "(.|\n)*model at step 1 is saved in .*rescued.keras. To go on, put the"
    )
    with pytest.raises(RuntimeError, match=message):
        model.fit(images(), epochs=4, callbacks=callbacks, **FIT)
    rescued = keras.saving.load_model(ladder / "rescued.keras")
    assert_same_arrays(weights(rescued), weights(model))
    assert int(rescued.optimizer.iterations) == 1
    assert float(rescued.guide.coarseness) == LEVELS[0]
    assert not list(ladder.glob("partial_*"))
    path.write_bytes(content)
    assert levels_of(ladder, 1, 1, rescued) == LEVELS[1:]


def test_the_rescued_model_goes_where_it_is_told(ladder, tmp_path):
    rescue = tmp_path / "new" / "model.keras"
    callback = PriorLadder(ladder, 1, rescue=rescue)
    model = make_model()

    def lose(epoch, logs):
        (ladder / "rung_0002.weights.h5").unlink()

    losing = keras.callbacks.LambdaCallback(on_epoch_begin=lose)
    with pytest.raises(RuntimeError, match=f"is saved in {rescue}"):
        model.fit(images(), callbacks=[callback, losing], **FIT)
    assert keras.saving.load_model(rescue).optimizer.iterations == 1
    # Where it cannot be saved either, both are told.
    write_ladder(ladder)
    (tmp_path / "file").touch()
    callback = PriorLadder(ladder, 1, rescue=tmp_path / "file" / "m.keras")
    message = "cannot load rung 2(.|\n)*model at step 1 could not be saved: "
    with pytest.raises(RuntimeError, match=message):
        make_model().fit(images(), callbacks=[callback, losing], **FIT)
