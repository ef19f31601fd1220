"""Batches that are a function of a seed and their number alone."""

import logging

import tensorflow as tf

from keras_affsr import checks
from keras_affsr.data.mending import mending

LOGGER = logging.getLogger(__name__)
OWNER = "indexed_batches"


def indexed_batches(
    load,
    count,
    batch_size,
    seed=0,
    shuffle=True,
    repeat=True,
    start_batch=0,
    num_batches=None,
    stream=0,
    on_broken=None,
):
    """Makes a dataset of batches of `count` items that are loaded one by one.

    Example `i` belongs to epoch `i // count`, which passes once over all items
    in an order drawn from the seed and the epoch. Batch `b` holds the examples
    from `b * batch_size` on. It is therefore a function of `seed` and `b`
    alone: the dataset repeats itself exactly when it is made again, and with
    `start_batch=b` it starts there at once, loading nothing of what was before.
    A batch may hold the end of one epoch and the beginning of the next.

    Args:
        load: Function from `item`, an int64 tensor `()` in [0, count), and
            `key`, an int64 tensor `(2,)` for TensorFlow's stateless random
            functions, to one example: a tensor, or a nest of tensors.
        count: int. Number of items.
        batch_size: int. Examples per batch.
        seed: int. Defaults to 0.
        shuffle: bool. Whether each epoch has an order of its own, and not that
            of the items. Defaults to True.
        repeat: bool. Whether there are epochs without end. Else there is one,
            with each item once, and its last batch may be smaller. Defaults to
            True.
        start_batch: int. Number of the first batch. Defaults to 0.
        num_batches: int or None. How many batches there are at most. They are
            the same each time that the dataset is read: by `fit`, in each of
            its epochs. Defaults to None.
        stream: int. Tells datasets of the same seed apart. Defaults to 0.
        on_broken: Python function of an item on which `load` fails and of its
            `tf.errors.OpError`, or None. It may raise; otherwise the next item
            takes the place of the broken one. Defaults to None: what failed
            raises.

    Returns:
        `tf.data.Dataset` of batches; their size is static if they all have the
        same.

    Raises:
        ValueError: If a number will not do, or no batch is left.

    Example:

    >>> from keras_affsr.data.batches import indexed_batches
    >>> batches = indexed_batches(lambda item, key: item, 5, 2, shuffle=False)
    >>> [batch.tolist() for batch in batches.take(3).as_numpy_iterator()]
    [[0, 1], [2, 3], [4, 0]]
    """
    examples = numbered_items(
        count,
        batch_size,
        seed,
        shuffle,
        repeat,
        start_batch,
        num_batches,
        stream,
    )
    static = repeat or count % batch_size == 0
    if repeat and num_batches is not None:
        _warn_of_few(count, batch_size, num_batches)

    @tf.function(input_signature=[tf.TensorSpec((), "int64")] * 2)
    def load_example(item, number):
        return load(item, _key(seed, number, stream))

    parallel = {"num_parallel_calls": tf.data.AUTOTUNE, "deterministic": True}
    if on_broken is None:
        batches = examples.map(load_example, **parallel)
        batches = batches.batch(batch_size, drop_remainder=static)
    else:
        load_batch = mending(load_example, count, on_broken)
        batches = examples.batch(batch_size, drop_remainder=static)
        batches = batches.map(load_batch, **parallel)
    return batches.prefetch(tf.data.AUTOTUNE)


def numbered_items(
    count,
    batch_size,
    seed=0,
    shuffle=True,
    repeat=True,
    start_batch=0,
    num_batches=None,
    stream=0,
):
    """Makes the dataset of `(item, number of the example)`, both int64.

    The arguments are those of `indexed_batches`. What a batch holds can be
    read from it without loading anything.
    """
    count = checks.check_count(count, "count", OWNER)
    batch_size = checks.check_count(batch_size, "batch_size", OWNER)
    seed = checks.check_count(seed, "seed", OWNER, least=0)
    start = batch_size * checks.check_count(
        start_batch, "start_batch", OWNER, least=0
    )
    if not repeat and start >= count:
        raise ValueError(
            f"`{OWNER}` has no batch left to start from. Received: "
            f"start_batch={start_batch} of {-(-count // batch_size)} batches "
            f"of batch_size={batch_size}. Start earlier, or use repeat=True."
        )
    epochs = tf.data.Dataset.counter(start // count)
    length = tf.data.INFINITE_CARDINALITY if repeat else count - start
    examples = (epochs if repeat else epochs.take(1)).flat_map(
        lambda epoch: _items_of(epoch, count, start, seed, shuffle, stream)
    )
    # Keras warns of the end of a dataset whose length it was not told.
    examples = examples.apply(tf.data.experimental.assert_cardinality(length))
    if num_batches is not None:
        num_batches = checks.check_count(num_batches, "num_batches", OWNER)
        examples = examples.take(num_batches * batch_size)
    return examples


def _items_of(epoch, count, start, seed, shuffle, stream):
    """Returns the dataset of `(item, number)` in an epoch, from `start` on."""
    items = tf.range(count, dtype="int64")
    numbers = epoch * count + items
    if shuffle:
        items = tf.random.experimental.stateless_shuffle(
            items, _key(seed, epoch, stream)
        )
    first = tf.maximum(start - epoch * count, 0)
    return tf.data.Dataset.from_tensor_slices((items[first:], numbers[first:]))


def _warn_of_few(count, batch_size, num_batches):
    """Warns if training would see some of the images, and never the others."""
    used = batch_size * num_batches
    if used < count:
        LOGGER.warning(
            "num_batches=%d, of %d images, are at most %d of the %d: `fit` "
            "reads the same ones in each epoch. For all of them leave out "
            "num_batches, and give `fit` its steps_per_epoch.",
            *(num_batches, batch_size, used, count),
        )


def _key(seed, number, stream):
    pair = tf.stack([tf.constant(seed, "int64"), number])  # [2]
    return tf.random.fold_in(pair, stream)
