import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_affsr.callbacks.checkpoint import Checkpoint
from keras_affsr.callbacks.training_log import TrainingLog
from keras_affsr.training.fit import fit
from keras_affsr.training.lost_workers import telling_of_lost_workers
from keras_affsr.training.predict_alone import predicting_alone
from keras_affsr.training.shared_batches import SharedBatches
from keras_affsr.training.strategy import is_chief
from keras_affsr.training.strategy import make_strategy
from keras_affsr.training.writers import callbacks_here
from tests.models_tiny import FIT
from tests.models_tiny import assert_same_arrays
from tests.models_tiny import images
from tests.models_tiny import weights
from tests.resume_tiny import make_plain

TWO = {"worker": ["one:1", "two:2"]}


class Replicas:
    """What is asked of a strategy when batches are shared out."""

    def __init__(self, replicas, pipelines):
        self.num_replicas_in_sync = replicas
        self.pipelines = pipelines

    def distribute_datasets_from_function(self, make):
        return [
            make(
                tf.distribute.InputContext(
                    self.pipelines, number, self.num_replicas_in_sync
                )
            )
            for number in range(self.pipelines)
        ]


def shared(dataset, replicas=4, pipelines=2, count=None):
    strategy = Replicas(replicas, pipelines)
    return SharedBatches(dataset, count, strategy, "dataset", "fit")


def dataset(count=8, size=4, **kwargs):
    return tf.data.Dataset.from_tensor_slices(images(count)).batch(
        size, **kwargs
    )


@pytest.mark.parametrize("pipelines", [1, 2, 4])
@pytest.mark.parametrize("static", [True, False])
def test_replicas_get_the_rows_of_each_batch_in_order(pipelines, static):
    numbers = np.arange(16)
    pairs = tf.data.Dataset.from_tensor_slices((numbers, {"a": -numbers}))
    batches = shared(pairs.batch(8, drop_remainder=static), 4, pipelines)
    assert batches.count == 2
    read = [list(each.as_numpy_iterator()) for each in batches.iterator()]
    here = 4 // pipelines
    for number in range(2):
        for replica in range(4):
            worker, place = divmod(replica, here)
            x, y = read[worker][number * here + place]
            first = 8 * number + 2 * replica
            np.testing.assert_array_equal(x, [first, first + 1])
            np.testing.assert_array_equal(y["a"], -x)


def test_one_device_trains_as_model_fit_does():
    ours, theirs = make_plain(), make_plain()
    strategy = make_strategy("none")
    assert strategy.num_replicas_in_sync == 1
    assert is_chief(strategy)
    history = fit(ours, dataset(), epochs=2, verbose=0).history
    assert theirs.fit(images(), epochs=2, **FIT).history == history
    assert_same_arrays(weights(ours), weights(theirs))


def test_predictions_alone_are_those_of_keras():
    model, low_res = make_plain(), images(3, size=8)
    expected = model.predict_on_batch(low_res)
    with predicting_alone(model):
        np.testing.assert_array_equal(model.predict_on_batch(low_res), expected)
        np.testing.assert_allclose(
            model.predict(low_res, verbose=0), expected, rtol=1e-6
        )
    np.testing.assert_array_equal(model.predict_on_batch(low_res), expected)


@pytest.mark.parametrize(
    ("task", "chief"),
    [
        ({"worker": 0}, True),
        ({"worker": 1}, False),
        ({"chief": 0}, True),
        ({"worker": 0, "chief": None}, False),
    ],
)
def test_the_first_worker_writes_and_all_do_the_rest(task, chief):
    (kind, index), *_ = task.items()
    cluster = TWO if "chief" not in task else {**TWO, "chief": ["zero:0"]}

    class Strategy:
        cluster_resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(
            tf.train.ClusterSpec(cluster), task_type=kind, task_id=index
        )

    log = TrainingLog("log.csv")
    plateau = keras.callbacks.ReduceLROnPlateau()
    own = keras.callbacks.Callback()
    own.chief_only = True
    found = callbacks_here([log, plateau, own], Strategy())
    assert found == ([log, plateau, own] if chief else [plateau])
    # The others restore the states of callbacks, and write nothing.
    (checkpoint,) = callbacks_here([Checkpoint("nowhere")], Strategy())
    assert isinstance(checkpoint, Checkpoint) == chief


@pytest.mark.parametrize(
    ("own", "lost", "expected"),
    [
        (("chief", 0), ("worker", 0), "one:1, worker 0 of 3, .* worker 1. "),
        (("worker", 1), ("chief", 0), "three:3, worker 2 of 3, .* worker 0. "),
        (("worker", 0), ("worker", 1), "two:2, worker 1 of 3, .* worker 2. "),
    ],
)
def test_a_lost_worker_is_numbered_after_the_chief(own, lost, expected):
    class Strategy:
        cluster_resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(
            tf.train.ClusterSpec(
                {"chief": ["one:1"], "worker": ["two:2", "three:3"]}
            ),
            task_type=own[0],
            task_id=own[1],
        )

    names = [f"/job:{job}/replica:0/task:{task}" for job, task in (own, lost)]
    text = f"{names[0]} lost its connection to {names[1]}"
    with (
        pytest.raises(RuntimeError, match=expected),
        telling_of_lost_workers(Strategy(), "fit"),
    ):
        raise tf.errors.UnavailableError(None, None, text)


def test_batches_that_cannot_be_shared_out_are_refused():
    with pytest.raises(ValueError, match="multiple of 3 images in `dataset`"):
        shared(dataset(drop_remainder=True), 3, 1)
    # A last batch of 2, whose size is known only then.
    batches = shared(dataset(count=6), 4, 1)
    with pytest.raises(tf.errors.InvalidArgumentError, match="to 4 replicas"):
        list(next(batches.iterator()))


def test_an_endless_dataset_needs_its_steps():
    with pytest.raises(ValueError, match="Give steps_per_epoch"):
        shared(dataset().repeat())
    with pytest.raises(ValueError, match="at least 1 as steps_per_epoch"):
        shared(dataset(), count=0)
    assert shared(dataset().repeat(), count=3).count == 3


def test_arrays_are_refused():
    with pytest.raises(ValueError, match="a DatasetV2 as dataset"):
        fit(make_plain(), images())
    with pytest.raises(ValueError, match="a DatasetV2 as validation_data"):
        fit(make_plain(), dataset(), validation_data=images())


def test_fit_within_the_scope_of_a_strategy_is_refused():
    strategy = tf.distribute.MirroredStrategy(["CPU:0"])
    with strategy.scope():
        model = make_plain()
        with pytest.raises(ValueError, match="Only build and compile"):
            fit(model, dataset())


def test_a_model_of_its_own_on_each_worker_is_refused(monkeypatch):
    config = {"cluster": TWO, "task": {"type": "worker", "index": 1}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(config))
    with pytest.raises(ValueError, match="found 2 workers in TF_CONFIG"):
        fit(make_plain(), dataset())


def test_unknown_strategies_are_refused():
    with pytest.raises(ValueError, match="does not know name='all'"):
        make_strategy("all")


@pytest.mark.parametrize(
    "config",
    [
        "two machines",
        "[]",
        '{"cluster": {"worker": ["a:1"]}}',
        {"cluster": TWO, "task": {"type": "worker", "index": 2}},
        {"cluster": TWO, "task": {"type": "worker", "index": -1}},
        {"cluster": TWO, "task": {"type": "boss", "index": 0}},
        {
            "cluster": {"worker": ["one", "two:2"]},
            "task": {"type": "worker", "index": 0},
        },
        {
            "cluster": {"worker": ["one:1", "one:1"]},
            "task": {"type": "worker", "index": 0},
        },
    ],
)
def test_a_wrong_tf_config_is_refused(config, monkeypatch):
    text = config if isinstance(config, str) else json.dumps(config)
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(ValueError, match="cannot make use of TF_CONFIG") as e:
        make_strategy("multi_worker")
    assert text in str(e.value)
    assert "machine1:2222" in str(e.value)


def test_many_workers_need_a_tf_config(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    with pytest.raises(ValueError, match=r"Received: none.*\nTF_CONFIG='{"):
        make_strategy("multi_worker")


def test_many_workers_come_before_everything_else(monkeypatch):
    tf.constant(1.0)  # TensorFlow is in use.
    config = {
        "cluster": {"worker": ["localhost:1"]},
        "task": {"type": "worker", "index": 0},
    }
    monkeypatch.setenv("TF_CONFIG", json.dumps(config))
    with pytest.raises(RuntimeError, match="Call it at the beginning"):
        make_strategy("multi_worker")
