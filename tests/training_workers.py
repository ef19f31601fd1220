"""Trains on one device, on two, or as one of two workers; prints JSON.

Devices and workers are decided before TensorFlow's first use, so that each is
a process of its own: `python -m tests.training_workers <mode> <directory>`,
with `TF_CONFIG` for the modes of workers.
"""

import json
import os
import signal
import sys

import keras
import numpy as np
import tensorflow as tf

from keras_affsr.callbacks import AdaptiveInstanceNoise
from keras_affsr.callbacks.checkpoint import Checkpoint
from keras_affsr.callbacks.image_grid import ImageGrid
from keras_affsr.callbacks.training_log import TrainingLog
from keras_affsr.models import GANSuperResolver
from keras_affsr.training.any_worker import any_worker
from keras_affsr.training.fit import fit
from keras_affsr.training.strategy import is_chief
from keras_affsr.training.strategy import make_strategy
from tests.models_replicas import gan
from tests.models_replicas import pixel_model
from tests.models_replicas import stochastic_gan
from tests.models_tiny import DOWNSAMPLE
from tests.models_tiny import images
from tests.models_tiny import tiny_discriminator
from tests.models_tiny import tiny_generator

EPOCHS, STEPS = 4, 2


def batches(count=16, size=8):
    return tf.data.Dataset.from_tensor_slices(images(count)).batch(size)


def flat(model):
    return np.concatenate([w.ravel() for w in model.get_weights()]).tolist()


def train(strategy, make_model, **kwargs):
    """Returns what callbacks saw of each batch and epoch, and the weights."""
    with strategy.scope():
        keras.utils.set_random_seed(1)
        model = make_model()
    seen = []
    watch = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: seen.append(dict(logs))
    )
    arguments = {"epochs": 2, "verbose": 0, "validation_data": batches()}
    arguments |= {"callbacks": [watch], **kwargs}
    history = fit(model, batches(), **arguments).history
    return {"batches": seen, "history": history, "weights": flat(model)}


def overflow(strategy):
    """Returns scales and weights after one replica's images overflowed."""
    keras.config.set_dtype_policy("mixed_float16")
    with strategy.scope():
        keras.utils.set_random_seed(1)
        model = gan()
    before = flat(model)
    high_res = images()
    high_res[5] = 1e6  # Of the second replica alone.
    fit(model, tf.data.Dataset.from_tensors(high_res), verbose=0)
    scales = [
        float(each.dynamic_scale.numpy())
        for each in (model.optimizer, model.discriminator_optimizer)
    ]
    keras.config.set_dtype_policy("float32")
    return {"scales": scales, "before": before, "after": flat(model)}


def statistics(strategy):
    """Returns the moving averages after a step of batch norm alone."""
    with strategy.scope():
        layer = keras.layers.BatchNormalization(momentum=0.0)
        model = keras.Sequential([keras.Input((16, 16, 1)), layer])
        model.compile("sgd", "mse")
    data = tf.data.Dataset.from_tensors((images(), images()))
    fit(model, data, verbose=0)
    return [float(layer.moving_mean[0]), float(layer.moving_variance[0])]


class StopOne(keras.callbacks.Callback):
    """Stops the training, on the chief alone."""

    chief_only = True

    def on_epoch_end(self, epoch, logs=None):
        self.model.stop_training = True


def message(strategy, make_model=pixel_model, **kwargs):
    """Returns how a training was refused."""
    try:
        train(strategy, make_model, **kwargs)
    except ValueError as error:
        return str(error)
    return None


def compare(strategy):
    """Returns what one device, two of them and two workers have to agree on."""
    results = {
        "chief": is_chief(strategy),
        "replicas": strategy.num_replicas_in_sync,
        "pixel": train(strategy, pixel_model),
        "gan": train(strategy, gan),
        "batch norm": train(strategy, stochastic_gan),
        "statistics": statistics(strategy),
    }
    if strategy.num_replicas_in_sync > 1:
        results["overflow"] = overflow(strategy)
    return results


def gan_of(worker):
    """Makes a model of whose second optimizer workers do not think alike."""
    model = gan()
    model.discriminator_optimizer.iterations.assign(worker)
    return model


class Die(keras.callbacks.Callback):
    """Ends this process, as a machine that fails would."""

    def on_train_batch_begin(self, batch, logs=None):
        if int(self.model.optimizer.iterations.numpy()) == 2 * STEPS + 1:
            os.kill(os.getpid(), signal.SIGKILL)


def run(strategy, directory, dies=False):
    """Trains from where the run in a directory is, to the end."""
    with strategy.scope():
        keras.utils.set_random_seed(1)
        model = GANSuperResolver(
            tiny_generator(noise_channels=1),
            tiny_discriminator(),
            DOWNSAMPLE,
            noise_stddev=0.1,
        )
        model.compile(keras.optimizers.Adam(0.01), "rmsprop")
    # No loss is lower by one. With its state, the rate falls in epoch 2.
    plateau = keras.callbacks.ReduceLROnPlateau(
        "loss", patience=2, min_delta=1.0
    )
    checkpoint = Checkpoint(
        os.path.join(directory, "checkpoints"), callbacks=[plateau]
    )
    epoch = checkpoint.restore(model)
    high_res = images(count=8)
    fit(
        model,
        batches().repeat(),
        epochs=EPOCHS,
        steps_per_epoch=STEPS,
        initial_epoch=epoch,
        validation_data=batches(),
        callbacks=[
            AdaptiveInstanceNoise(target=0.7, rate=0.2),
            plateau,
            ImageGrid((DOWNSAMPLE(high_res), high_res), directory),
            TrainingLog(os.path.join(directory, "log.csv")),
            checkpoint,
            *([Die()] if dies else []),
        ],
        verbose=0,
    )
    slots = [each.numpy().ravel() for each in model.optimizer.variables]
    return {
        "epoch": epoch,
        "weights": flat(model),
        "slots": np.concatenate(slots).tolist(),
        "rate": float(model.optimizer.learning_rate.numpy()),
    }


def wait_for_the_chief(strategy):
    """Waits for it three times; before the third, it ends."""
    flags = [is_chief(strategy), False]
    results = [any_worker(strategy, flag) for flag in flags]
    if is_chief(strategy):
        os.kill(os.getpid(), signal.SIGKILL)
    print(json.dumps(results), flush=True)
    any_worker(strategy)


def main():
    mode, directory = sys.argv[1:]
    if mode == "devices":
        device = tf.config.list_physical_devices("CPU")[0]
        parts = [tf.config.LogicalDeviceConfiguration()] * 2
        tf.config.set_logical_device_configuration(device, parts)
        one = make_strategy("none")
        two = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
        json.dump([compare(one), compare(two)], sys.stdout)
        return
    strategy = make_strategy("multi_worker")
    if mode == "wait":
        wait_for_the_chief(strategy)
    dies = mode == "die" and not is_chief(strategy)
    results = {"run": run(strategy, directory, dies)}
    if mode == "compare":
        results |= compare(strategy)
        number = int(is_chief(strategy))
        results["unlike"] = message(strategy, initial_epoch=number)
        results["unlike slots"] = message(strategy, lambda: gan_of(number))
        stopped = train(strategy, pixel_model, callbacks=[StopOne()])
        results["stopped"] = len(stopped["history"]["loss"])
    json.dump(results, sys.stdout)


if __name__ == "__main__":
    main()
