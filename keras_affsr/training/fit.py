"""Training on one device, on all of a machine, or on many machines."""

import keras
import tensorflow as tf

from keras_affsr import checks
from keras_affsr.models import optimizers
from keras_affsr.training.lost_workers import telling_of_lost_workers
from keras_affsr.training.replicas import Replicas
from keras_affsr.training.shared_batches import SharedBatches
from keras_affsr.training.strategy import is_chief
from keras_affsr.training.strategy import workers_of
from keras_affsr.training.strategy import workers_of_environment
from keras_affsr.training.training_loop import TrainingLoop
from keras_affsr.training.writers import callbacks_here

OWNER = "fit"


def fit(
    model,
    dataset,
    epochs=1,
    steps_per_epoch=None,
    initial_epoch=0,
    callbacks=(),
    validation_data=None,
    validation_steps=None,
    verbose="auto",
):
    """Trains a model on the devices of the strategy it was made for.

    On one device this is `model.fit`, without shuffling. On several, of one
    machine or of many, it is a loop of its own, as `model.fit` of Keras 3
    fails on many machines. It calls the same callbacks with the same logs.

    The batches of `dataset` are global: each replica takes its rows, and the
    gradients of the mean loss over all rows are added up. A network without
    batch norm and noise is trained as on one device, but for the rounding of
    sums. What is different for each replica:

    - Noise: each draws its own, a function of the seed, the step and its
      number.
    - Batch norm: each normalises by its own rows. Its moving averages are kept
      apart within an epoch, and at the end of it, before validation, all take
      the mean of them. (Of the mean over rows this is exact; the variance
      between replicas is left out of the variance.) For statistics over all
      rows build `BatchNormalization(synchronized=True)`.

    Two things are mended that go wrong in `model.fit` on several replicas:

    - Loss scales of mixed_float16 are the same: where one replica overflows,
      all skip the step. There the first one alone is asked, and the infinities
      of another get into all weights.
    - `clipnorm`, `global_clipnorm` and `clipvalue` limit the gradient of the
      global batch. There each replica clips its own share of it, which is a
      looser limit, by up to the number of replicas.

    Callbacks run on every worker, in their order, as they may change the model:
    they see the same logs. Those that write files run on the first one, the
    chief, alone: the package's and Keras's own ones, and any with an attribute
    `chief_only = True`. Such a callback may read and write weights and call
    `model.predict_on_batch`, and must not wait for other workers, as `predict`
    and `evaluate` do. What it adds to the logs, the chief alone sees: let no
    callback that changes the model, such as `ReduceLROnPlateau`, monitor that.
    The states of callbacks that a `Checkpoint` has kept are set on all workers.
    `model.stop_training`, set by one worker, stops all: within an epoch, after
    the next batch.

    If a worker ends, the others stop with an error that says so, after a few
    seconds to half a minute. Started again by the same command on all
    machines, a run with `callbacks.Checkpoint` goes on from its last
    checkpoint, which has to be on a file system that all workers see.

    Args:
        model: Model. A compiled one, made in the scope of `make_strategy`.
        dataset: `tf.data.Dataset` of global batches, whose size is a multiple
            of the number of replicas; the same on all workers. With
            `steps_per_epoch`, each epoch goes on where the one before stopped.
        epochs: int. The epoch to end before. Defaults to 1.
        steps_per_epoch: int or None. Defaults to None: all of the dataset.
        initial_epoch: int. The epoch to begin with. Defaults to 0.
        callbacks: List of callbacks. Defaults to none.
        validation_data: `tf.data.Dataset`, to evaluate after each epoch; its
            batches are shared out as well. Defaults to None.
        validation_steps: int or None. Defaults to None: all of it.
        verbose: "auto", 0, 1 or 2. What the chief prints, as in `model.fit`.

    Returns:
        `keras.callbacks.History`.

    Raises:
        ValueError: If an argument or an option of `compile` will not do, or
            the workers do not begin alike.
        RuntimeError: If another worker has ended.

    Example:

    ```python
    # train.py
    from keras_affsr import callbacks, data, layers, models, networks, training

    strategy = training.make_strategy("multi_worker")
    downsample = layers.GaussianDownsample(scale=4)
    with strategy.scope():
        generator = networks.generator(downsample, channels=1)
        model = models.SuperResolver(generator, downsample)
        model.compile("adam", loss="mse")
    checkpoint = callbacks.Checkpoint("/shared/run/checkpoints")
    epoch = checkpoint.restore(model)  # On all workers.
    patches = data.texture_patches(
        data.grass("train"), batch_size=32, start_batch=100 * epoch
    )
    training.fit(
        model,
        data.pairs(patches, downsample),
        epochs=50,
        steps_per_epoch=100,
        initial_epoch=epoch,
        callbacks=[callbacks.TrainingLog("/shared/run/log.csv"), checkpoint],
    )
    ```

    On the first machine, and on the second with `"index": 1`:

    ```
    export TF_CONFIG='{
        "cluster": {"worker": ["machine1:2222", "machine2:2222"]},
        "task": {"type": "worker", "index": 0}}'
    python train.py
    ```

    Reference:
     - [Distributed training with TensorFlow](
       https://www.tensorflow.org/guide/distributed_training)
    """
    data = {"dataset": dataset, "validation_data": validation_data}
    for name, each in data.items():
        if each is not None or name == "dataset":
            checks.check_instance(each, tf.data.Dataset, name, OWNER)
    strategy = model.distribute_strategy
    _check_scope(model, strategy)
    if hasattr(model, "prepare"):  # As the `fit` of priors does.
        model.prepare(dataset)
    arguments = {
        "epochs": epochs,
        "steps_per_epoch": steps_per_epoch,
        "initial_epoch": initial_epoch,
        "callbacks": list(callbacks),
        "validation_data": validation_data,
        "validation_steps": validation_steps,
        "verbose": verbose,
    }
    if strategy.num_replicas_in_sync == 1 and len(workers_of(strategy)) < 2:
        return model.fit(dataset, shuffle=False, **arguments)
    _check_model(model, strategy)
    with telling_of_lost_workers(strategy, OWNER):
        _fit_on_replicas(model, strategy, dataset, **arguments)
    return model.history


def _fit_on_replicas(
    model,
    strategy,
    dataset,
    epochs,
    steps_per_epoch,
    initial_epoch,
    callbacks,
    validation_data,
    validation_steps,
    verbose,
):
    """Trains by a loop of our own."""
    batches = SharedBatches(
        dataset, steps_per_epoch, strategy, "dataset", OWNER, goes_on=True
    )
    validation = validation_data and SharedBatches(
        validation_data, validation_steps, strategy, "validation_data", OWNER
    )
    replicas = Replicas(model)
    replicas.check_same_start(
        {
            "initial_epoch": initial_epoch,
            "epochs": epochs,
            "steps_per_epoch": batches.count,
        },
        OWNER,
    )
    verbose = verbose if is_chief(strategy) else 0
    callbacks = keras.callbacks.CallbackList(
        callbacks_here(callbacks, strategy),
        add_history=True,
        add_progbar=verbose != 0,
        verbose=verbose,
        epochs=epochs,
        steps=batches.count,
        model=model,
    )
    loop = TrainingLoop(replicas, batches, validation)
    loop.run(callbacks, initial_epoch, epochs)


def _check_scope(model, strategy):
    if tf.distribute.has_strategy():
        raise ValueError(
            f"`{OWNER}` was called within `strategy.scope()`, where what one "
            "worker makes alone, such as a metric, waits for the others. Only "
            "build and compile the model there."
        )
    workers = workers_of_environment()
    if len(workers) > 1 and len(workers_of(strategy)) < 2:
        raise ValueError(
            f"`{OWNER}` found {len(workers)} workers in TF_CONFIG, and the "
            f"model `{model.name}`, which would be trained by each of them on "
            "its own. Build and compile it in `with make_strategy("
            "'multi_worker').scope():`, or unset TF_CONFIG."
        )


def _check_model(model, strategy):
    """Raises for a model that cannot be trained on several replicas."""
    if not (model.built and model.compiled):
        raise ValueError(
            f"`{OWNER}` shares out a model whose weights and optimizers exist. "
            f"Received: `{model.name}`, not built or not compiled yet. Do both "
            "in the scope of the strategy; to build a model of your own call "
            "it on a batch of data."
        )
    optimizers.check_strategy(
        model.name,
        strategy,
        [model.optimizer],
        model.jit_compile,
        model.steps_per_execution,
    )
    with strategy.scope():
        optimizers.build(model.optimizer, model)
