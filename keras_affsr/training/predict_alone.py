"""Predictions of one process, for a model that is on many replicas."""

import contextlib

import tensorflow as tf


@contextlib.contextmanager
def predicting_alone(model):
    """Lets `model.predict_on_batch` predict each image once, in one process.

    By itself Keras has every replica predict all images of the batch, returns
    them as often, and on many machines waits for the other workers. Within
    `training.fit` callbacks need not care; use it for what comes after.
    Batches that a strategy has shared out, as those of `predict`, are left to
    Keras.

    Args:
        model: Model, made in the scope of any strategy.

    Example:

    ```python
    with keras_affsr.training.predicting_alone(model):
        generated = model.predict_on_batch(low_res)
    ```
    """
    model.make_predict_function()
    distributed = model.predict_function
    alone = model.predict_step
    if not model.run_eagerly:
        alone = tf.function(alone, autograph=False, reduce_retracing=True)

    def predict(batches):
        return distributed(batches) if _is_shared(batches) else alone(*batches)

    model.predict_function = predict
    try:
        yield
    finally:
        model.predict_function = distributed


def _is_shared(batches):
    kind = tf.distribute.DistributedValues
    return any(isinstance(each, kind) for each in tf.nest.flatten(batches))
