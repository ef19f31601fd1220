"""Batches whose broken items are replaced while they are loaded."""

import os

import tensorflow as tf


def mending(load, count, on_broken):
    """Returns the function from the items of a batch to the loaded batch.

    A graph cannot catch an error, but a dataset can leave out what failed. One
    dataset per batch costs little, where one per example would cost as much as
    decoding a small image. Only if the batch came out too small is each example
    tried by itself, where Python can catch what it fails with.

    Args:
        load: Function from `item` and `number`, int64 tensors `()`, to one
            example: a tensor, or a nest of tensors.
        count: int. Number of items.
        on_broken: Python function of an item that could not be loaded, an int,
            and the `tf.errors.OpError` of it. Unless it raises, the item after
            it is loaded instead.

    Returns:
        Function from `items` and `numbers`, int64 tensors `(batch,)`, to
        the nest of tensors `(batch, ...)`.
    """

    # Whose names would stand in each message.
    @tf.autograph.experimental.do_not_convert
    def load_batch(items, numbers):
        examples = tf.data.Dataset.from_tensor_slices((items, numbers))
        size = tf.size(items, "int64")
        # All processors, so that a large first batch does not wait for one.
        loaded = examples.map(
            load, num_parallel_calls=os.cpu_count(), deterministic=True
        )
        mend = _mender(load, loaded.element_spec, count, on_broken)
        loaded = loaded.ignore_errors().batch(size)
        loaded = loaded.concatenate(_no_example(loaded.element_spec)).take(1)
        loaded = loaded.get_single_element()
        batch = tf.cond(
            tf.shape(tf.nest.flatten(loaded)[0], "int64")[0] == size,
            lambda: loaded,
            lambda: examples.map(mend).batch(size).get_single_element(),
        )
        return tf.nest.map_structure(
            lambda tensor: tf.ensure_shape(
                tensor, (items.shape[0], *tensor.shape[1:])
            ),
            batch,
        )

    return load_batch


def _mender(load, spec, count, on_broken):
    """Returns the function that loads an item, or the first whole one after."""

    def load_or_next(item, number):
        while True:
            # In a dataset, as the whole batch: then it is the same to the bit.
            example = tf.data.Dataset.from_tensors((item, number)).map(load)
            try:
                return tf.nest.flatten(example.get_single_element())
            except tf.errors.OpError as error:
                caught = error
            on_broken(int(item), caught)
            item = (item + 1) % count

    def mend(item, number):
        types = [each.dtype for each in tf.nest.flatten(spec)]
        found = tf.py_function(load_or_next, [item, number], types)
        return tf.nest.map_structure(
            lambda tensor, each: tf.ensure_shape(tensor, each.shape),
            tf.nest.pack_sequence_as(spec, found),
            spec,
        )

    return mend


def _no_example(spec):
    """Returns the dataset of one batch without examples."""
    return tf.data.Dataset.from_tensors(
        tf.nest.map_structure(
            lambda s: tf.zeros(
                [0, *(size or 0 for size in s.shape[1:])], s.dtype
            ),
            spec,
        )
    )
