"""The loop of `training.fit` for several devices and machines."""

import contextlib
import gc

import tensorflow as tf

from keras_affsr.training.clipping import clipping_the_sum
from keras_affsr.training.loss_scales import agreeing_on_overflow
from keras_affsr.training.predict_alone import predicting_alone


class TrainingLoop:
    """Runs a model's `train_step` and `test_step` on all replicas.

    All workers run it at the same time, and each step of it that involves the
    others in the same order.

    Args:
        replicas: `Replicas`, of the model.
        batches: `SharedBatches`, for training.
        validation: `SharedBatches`, or None.
    """

    def __init__(self, replicas, batches, validation=None):
        self.replicas, self.model = replicas, replicas.model
        self.strategy = replicas.strategy
        self.batches, self.validation = batches, validation
        self.train = self._on_replicas(self.model.train_step)
        self.test = self._on_replicas(self.model.test_step)

    def run(self, callbacks, first_epoch, epochs):
        """Trains from one epoch to another.

        Args:
            callbacks: `keras.callbacks.CallbackList`.
            first_epoch: int. The epoch to begin with.
            epochs: int. The epoch to end before.
        """
        logs, self.model.stop_training = None, False
        with (
            predicting_alone(self.model),
            agreeing_on_overflow(self.model),
            clipping_the_sum(self.model),
            _garbage_kept(),
        ):
            callbacks.on_train_begin()
            for epoch in range(first_epoch, epochs):
                logs = self._run_epoch(callbacks, epoch)
                if self._stops():
                    break
            if self.model.optimizer is not None and epochs > 0:
                self.model.optimizer.finalize_variable_values(
                    self.model.trainable_weights
                )
            callbacks.on_train_end(logs)

    def _run_epoch(self, callbacks, epoch):
        callbacks.on_epoch_begin(epoch)
        logs = self._pass(
            self.batches,
            self.train,
            callbacks.on_train_batch_begin,
            callbacks.on_train_batch_end,
        )
        self.replicas.average_statistics()
        self._stops()
        if self.validation is not None:
            callbacks.on_test_begin()
            values = self._pass(
                self.validation,
                self.test,
                callbacks.on_test_batch_begin,
                callbacks.on_test_batch_end,
                may_stop=False,
            )
            callbacks.on_test_end(values)
            logs |= {f"val_{name}": value for name, value in values.items()}
        callbacks.on_epoch_end(epoch, logs)
        gc.collect()
        return logs

    def _pass(self, batches, step, on_begin, on_end, may_stop=True):
        """Takes a step with each batch; returns the means over all of them."""
        self.model.reset_metrics()
        logs, iterator = {}, batches.iterator()
        for number in range(batches.count):
            on_begin(number)
            logs, stop = step(iterator, may_stop and self.model.stop_training)
            on_end(number, logs)
            if stop:
                break
        # Not the mean of the replicas' results, which for a root, say, would
        # be another number.
        results = self.replicas.metrics()
        return results if results.keys() == logs.keys() else logs

    def _stops(self):
        """Returns, and sets on all workers, whether one is to stop."""
        stop = self.replicas.any_of(self.model.stop_training)
        self.model.stop_training = stop
        return stop

    def _on_replicas(self, step):
        """Returns a function from an iterator to logs and whether to stop."""
        names = []

        def step_with(batch, stop):
            logs = step(batch)
            names[:] = logs
            values = [tf.cast(each, "float32") for each in logs.values()]
            return tf.stack([*values, stop])

        def run(iterator, stop):
            values = self.strategy.run(step_with, args=(next(iterator), stop))
            # One sum over the network for all of them.
            return self.strategy.reduce("MEAN", values, axis=None)

        if not self.model.run_eagerly:
            run = tf.function(run, autograph=False)

        def function(iterator, stop):
            *values, stop = run(iterator, tf.constant(float(stop))).numpy()
            return dict(zip(names, map(float, values))), stop > 0

        return function


@contextlib.contextmanager
def _garbage_kept():
    """Collects garbage now, and within only where it is asked to.

    Two workers were seen to wait for each other for ever, one of them while it
    traced. To delete an iterator or a function of TensorFlow may wait for what
    runs, and with no garbage collected in the steps it was not seen again.
    """
    gc.collect()
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
