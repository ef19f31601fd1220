"""Each replica's rows of the global batches of a dataset."""

import tensorflow as tf

from keras_affsr import checks

# By what the user says how many batches there are.
STEPS = {"dataset": "steps_per_epoch", "validation_data": "validation_steps"}


class SharedBatches:
    """A dataset of which each replica gets rows of its own of every batch.

    Replica `r` of `n` takes the rows from `r * batch / n` on. All replicas
    together have the batch that one device would have had, so that a training
    does not depend on their number. Each worker makes all of the dataset, and
    leaves out the rows of the others.

    Args:
        dataset: `tf.data.Dataset` of tensors, or nests of tensors, with the
            batch as their first axis.
        count: int or None. Batches in an epoch; None for all there are.
        strategy: `tf.distribute.Strategy`.
        argument: string. "dataset" or "validation_data".
        owner: string. Who asks.
        goes_on: bool. Whether an epoch of `count` batches goes on where the
            one before has stopped. Defaults to False.

    Raises:
        ValueError: If the size of batches is known and no multiple of the
            number of replicas, or there are not `count` batches. What is not
            known is looked at later, in each batch.
    """

    def __init__(
        self, dataset, count, strategy, argument, owner, goes_on=False
    ):
        self.argument, self.owner = argument, owner
        self.count = self._check_count(dataset, count)
        self.replicas = strategy.num_replicas_in_sync
        self._check_sizes(dataset.element_spec)
        self.dataset = dataset
        self._shared = strategy.distribute_datasets_from_function(self._rows)
        self._iterator = None
        self._goes_on = goes_on and count is not None

    def iterator(self):
        """Returns an iterator to read the `count` batches of an epoch from."""
        if self._iterator is None or not self._goes_on:
            self._iterator = iter(self._shared)
        return self._iterator

    def _rows(self, context):
        """Returns the batches of the replicas of this worker, in turn."""
        here = self.replicas // context.num_input_pipelines
        first = here * context.input_pipeline_id

        def share_out(*batch):
            batch = batch[0] if len(batch) == 1 else batch
            numbers = tf.data.Dataset.range(first, first + here)
            return numbers.map(
                lambda number: tf.nest.map_structure(
                    lambda each: self._part(each, number), batch
                )
            )

        return self.dataset.flat_map(share_out).prefetch(2 * here)

    def _part(self, batch, number):
        shape = tf.shape(batch)
        check = tf.debugging.assert_equal(
            shape[0] % self.replicas, 0, self._message()
        )
        with tf.control_dependencies([check]):
            each = shape[0] // self.replicas
        start = tf.cast(number, "int32") * each
        part = batch[start : start + each]  # [batch / replicas, ...]
        size = batch.shape[0] and batch.shape[0] // self.replicas
        return tf.ensure_shape(part, (size, *batch.shape[1:]))

    def _message(self):
        return (
            f"`{self.owner}` shares each batch out to {self.replicas} "
            f"replicas, and needs batches of a multiple of {self.replicas} "
            f"images in `{self.argument}`, also as the last one. Choose such a "
            "batch size, and leave a smaller batch out by "
            "`drop_remainder=True`."
        )

    def _check_sizes(self, spec):
        for each in tf.nest.flatten(spec):
            size = each.shape[0]
            if size is not None and size % self.replicas:
                raise ValueError(
                    f"{self._message()} Received: shape {each.shape}."
                )

    def _check_count(self, dataset, count):
        steps = STEPS[self.argument]
        if count is not None:
            return checks.check_count(count, steps, self.owner)
        found = int(dataset.cardinality())
        if found < 0:  # TensorFlow's numbers for endless, and not known.
            raise ValueError(
                f"`{self.owner}` cannot tell how many batches of "
                f"`{self.argument}` make an epoch: its length is endless or "
                f"not known. Give {steps}."
            )
        return found
