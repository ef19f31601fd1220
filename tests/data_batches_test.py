import itertools

import numpy as np
import pytest
import tensorflow as tf

from keras_affsr.data.batches import indexed_batches
from keras_affsr.data.batches import numbered_items


def load(item, key):
    return item, tf.random.stateless_uniform((), key)


def read(dataset, count=None):
    batches = dataset if count is None else dataset.take(count)
    return [[part.tolist() for part in b] for b in batches.as_numpy_iterator()]


def items(count, batch_size, num_batches=None, **options):
    dataset = indexed_batches(
        lambda item, key: item, count, batch_size, **options
    )
    return [
        b.tolist() for b in dataset.take(num_batches or -1).as_numpy_iterator()
    ]


def test_unshuffled_items_follow_each_other():
    assert items(5, 2, 4, shuffle=False) == [[0, 1], [2, 3], [4, 0], [1, 2]]


def test_each_epoch_has_each_item_once_and_its_own_order():
    flat = list(itertools.chain(*items(7, 3, 7)))
    epochs = [tuple(flat[i : i + 7]) for i in (0, 7, 14)]
    assert [sorted(epoch) for epoch in epochs] == [list(range(7))] * 3
    assert len(set(epochs)) == 3


def test_every_order_is_equally_likely():
    # 6 orders of 3 items, in 3000 epochs.
    flat = np.ravel(items(3, 3, 3000))
    _, counts = np.unique(flat.reshape(-1, 3), axis=0, return_counts=True)
    assert len(counts) == 6
    # chi-squared of 5 degrees of freedom exceeds 25.7 once in 10,000 seeds.
    assert np.sum((counts - 500) ** 2 / 500) < 25.7


@pytest.mark.parametrize("on_broken", [None, print])
def test_a_later_start_gives_the_same_batches(on_broken):
    whole = read(indexed_batches(load, 5, 2, seed=3, on_broken=on_broken), 9)
    for start in range(9):
        dataset = indexed_batches(
            load, 5, 2, seed=3, start_batch=start, on_broken=on_broken
        )
        assert read(dataset, 9 - start) == whole[start:]


def test_a_later_start_loads_nothing_of_what_was_before():
    loaded = []

    def note(item, key):
        return tf.numpy_function(
            lambda i: loaded.append(int(i)) or i, [item], "int64"
        )

    dataset = indexed_batches(
        note, 10, 2, shuffle=False, repeat=False, start_batch=4
    )
    assert [b.tolist() for b in dataset.as_numpy_iterator()] == [[8, 9]]
    assert sorted(loaded) == [8, 9]


def test_a_far_start_is_at_once():
    # At a microsecond per batch that was skipped, this would take months.
    far = 10**13
    dataset = indexed_batches(load, 5, 2, start_batch=far, num_batches=2)
    first = list(numbered_items(5, 2, start_batch=far, num_batches=1))
    assert [int(number) for _, number in first] == [2 * far, 2 * far + 1]
    assert len(read(dataset)) == 2


def test_seeds_and_streams_differ_and_repeat():
    def make(**options):
        return str(read(indexed_batches(load, 20, 4, **options), 3))

    options = [{}, {"seed": 1}, {"stream": 1}, {"seed": 1, "stream": 1}]
    results = [make(**option) for option in options]
    assert len(set(results)) == 4
    assert results == [make(**option) for option in options]


def test_keys_differ_between_examples_and_epochs():
    draws = np.ravel([b[1] for b in read(indexed_batches(load, 4, 4), 25)])
    assert len(set(draws)) == 100


@pytest.mark.parametrize("on_broken", [None, print])
def test_one_pass_keeps_the_smaller_last_batch(on_broken):
    options = {"shuffle": False, "repeat": False, "on_broken": on_broken}
    assert items(5, 2, **options) == [[0, 1], [2, 3], [4]]
    assert items(5, 2, num_batches=2, **options) == [[0, 1], [2, 3]]
    assert items(5, 2, start_batch=2, **options) == [[4]]


@pytest.mark.parametrize("on_broken", [None, print])
def test_batch_size_is_static_where_it_is_the_same(on_broken):
    def size(count, **options):
        dataset = indexed_batches(
            load, count, 2, on_broken=on_broken, **options
        )
        return dataset.element_spec[0].shape[0]

    assert size(5) == 2
    assert size(4, repeat=False) == 2
    assert size(5, repeat=False) is None


def test_length_is_known():
    def length(**options):
        return int(indexed_batches(load, 5, 2, **options).cardinality())

    assert length() == tf.data.INFINITE_CARDINALITY
    assert length(num_batches=7) == 7
    assert length(repeat=False) == 3
    assert length(repeat=False, start_batch=2, on_broken=print) == 1
    assert length(repeat=False, num_batches=2) == 2


def test_broken_items_give_way_to_the_next_ones():
    broken = []

    def fail(item, key):
        # 1, 2 and 5 are broken, and the last is followed by the first.
        bad = tf.reduce_any(item == tf.constant([1, 2, 5], "int64"))
        with tf.control_dependencies([tf.debugging.assert_equal(bad, False)]):
            return {"item": tf.identity(item), "key": key}

    options = {"shuffle": False, "num_batches": 3}
    mended = indexed_batches(
        fail,
        6,
        2,
        on_broken=lambda item, error: broken.append((item, error.message)),
        **options,
    )
    plain = indexed_batches(lambda item, key: key, 6, 2, **options)
    batches = list(mended.as_numpy_iterator())
    assert [b["item"].tolist() for b in batches] == [[0, 3], [3, 3], [4, 0]]
    # The key is that of the example, as if nothing had happened.
    for batch, keys in zip(batches, plain.as_numpy_iterator()):
        np.testing.assert_array_equal(batch["key"], keys)
    assert {item for item, _ in broken} == {1, 2, 5}
    assert all("x == y did not hold" in message for _, message in broken)


def test_what_is_raised_on_a_broken_item_ends_the_dataset():
    def fail(item, key):
        tf.debugging.assert_less(item, tf.constant(3, "int64"))
        return item

    def refuse(item, error):
        raise ValueError(f"item {item} is broken")

    dataset = indexed_batches(fail, 6, 2, shuffle=False, on_broken=refuse)
    with pytest.raises(
        tf.errors.InvalidArgumentError, match="item 3 is broken"
    ):
        list(dataset)
    with pytest.raises(tf.errors.InvalidArgumentError, match="x < y"):
        list(indexed_batches(fail, 6, 2, shuffle=False))


def test_what_fails_once_is_tried_again():
    failed = []

    def fail_once(item):
        if item == 3 and not failed:
            failed.append(item)
            raise OSError("the network was away for a moment")
        return item

    def load(item, key):
        return tf.ensure_shape(
            tf.numpy_function(fail_once, [item], "int64"), ()
        )

    options = {"shuffle": False, "num_batches": 3}
    dataset = indexed_batches(load, 6, 2, on_broken=print, **options)
    assert read(dataset) == [[0, 1], [2, 3], [4, 5]]
    assert failed == [3]


def test_batches_that_leave_items_out_of_all_training_are_told(caplog):
    indexed_batches(load, 5, 2, num_batches=2)
    (record,) = caplog.records
    assert "num_batches=2, of 2 images, are at most 4 of the 5" in (
        record.getMessage()
    )
    caplog.clear()
    indexed_batches(load, 5, 2, num_batches=3)
    indexed_batches(load, 5, 2, num_batches=2, repeat=False)
    assert not caplog.records


def test_numbers_that_will_not_do_are_refused():
    for name, value in [
        ("count", 0),
        ("batch_size", 0),
        ("seed", -1),
        ("start_batch", -1),
        ("num_batches", 0),
    ]:
        arguments = {"count": 5, "batch_size": 2, name: value}
        with pytest.raises(ValueError, match=f"as {name}. .*{name}={value}"):
            indexed_batches(load, **arguments)
    with pytest.raises(
        ValueError, match="start_batch=3 of 3 batches of batch_"
    ):
        indexed_batches(load, 5, 2, repeat=False, start_batch=3)
