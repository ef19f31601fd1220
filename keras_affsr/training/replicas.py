"""What all replicas of a training do together."""

import zlib

import numpy as np
import tensorflow as tf
from keras import ops

from keras_affsr.callbacks import model_state
from keras_affsr.training.any_worker import is_any_set
from keras_affsr.training.strategy import workers_of


class Replicas:
    """The replicas of a model, wherever they are.

    All workers have to call each method, and wait there for each other.

    Args:
        model: Model. A compiled one, made in the scope of its strategy.
    """

    def __init__(self, model):
        self.model = model
        self.strategy = model.distribute_strategy
        self.num_workers = len(workers_of(self.strategy)) or 1
        # Once each, so that they are traced once.
        self._means = tf.function(self._means, autograph=False)
        self._results = tf.function(model.get_metrics_result, autograph=False)

    def any_of(self, flag):
        """Returns whether the flag of any worker is set."""
        return is_any_set(self.strategy, flag)

    def metrics(self):
        """Returns the metrics over all replicas' images, as floats."""
        results = self._results()
        return {k: float(ops.convert_to_numpy(v)) for k, v in results.items()}

    def average_statistics(self):
        """Gives all replicas the mean of what each has kept by itself.

        That is batch norm's moving averages. All other weights are the same
        everywhere, and stay as they are to the last bit.
        """
        variables = self._statistics()
        for variable, value in zip(variables, self._means()):
            variable.assign(value)

    def check_same_start(self, settings, owner):
        """Raises unless all workers begin with the same settings and weights.

        Args:
            settings: dict from names to ints.
            owner: string. Who asks.
        """
        if self.num_workers == 1:
            return
        numbers = {**settings, "checksum of weights": self._checksum()}
        rows = self._gather(list(numbers.values()))
        for name, values in zip(numbers, rows.T):
            if len(set(values)) > 1:
                raise ValueError(
                    f"`{owner}` needs workers that begin alike. Received: "
                    f"{name} of {', '.join(map(str, values))} on the replicas, "
                    "in their order. Start all workers by the same command; a "
                    "checkpoint to restore has to be on a file system that all "
                    "of them see."
                )

    def _gather(self, numbers):
        row = tf.constant([numbers], "int64")
        rows = self.strategy.experimental_distribute_values_from_function(
            lambda context: tf.identity(row)
        )
        return self.strategy.gather(rows, axis=0).numpy()

    def _checksum(self):
        """Returns a number that tells apart what training has led to."""
        number = 0
        found = list(self.model.weights)
        for optimizer in model_state.optimizers(self.model):
            found += optimizer.variables
        for variable in found:
            array = np.ascontiguousarray(ops.convert_to_numpy(variable))
            number = zlib.crc32(array.tobytes(), number)
        return number

    def _statistics(self):
        variables = self.model.non_trainable_variables
        return [each for each in variables if "float" in each.dtype]

    def _means(self):
        """Returns the means as first + mean{ each - first }.

        So they are exact where all are the same, also infinite.
        """
        firsts = self.strategy.run(self._firsts)
        firsts = [self.strategy.reduce("SUM", each, None) for each in firsts]
        offsets = self.strategy.run(self._offsets, args=(firsts,))
        offsets = [self.strategy.reduce("MEAN", each, None) for each in offsets]
        return [first + each for first, each in zip(firsts, offsets)]

    def _firsts(self):
        context = tf.distribute.get_replica_context()
        is_first = tf.equal(context.replica_id_in_sync_group, 0)
        values = [each.value for each in self._statistics()]
        return [tf.where(is_first, v, tf.zeros_like(v)) for v in values]

    def _offsets(self, firsts):
        values = [each.value for each in self._statistics()]
        return [
            tf.where(value == first, tf.zeros_like(first), value - first)
            for value, first in zip(values, firsts)
        ]
