"""Trains clipped and guided models, and priors, on several replicas.

Prints JSON. Devices and workers are decided before TensorFlow's first use, so
that each is a process of its own: `python -m tests.training_replicas devices`,
or with `TF_CONFIG` and any other word.
"""

import json
import pathlib
import sys
import tempfile

import keras
import tensorflow as tf

from keras_affsr.callbacks import PriorLadder
from keras_affsr.models import SuperResolver
from keras_affsr.training.strategy import make_strategy
from tests.models_guided_replicas import by_denoiser
from tests.models_guided_replicas import by_density
from tests.models_guided_tiny import tiny_denoiser
from tests.models_guided_tiny import write_ladder
from tests.models_tiny import DOWNSAMPLE
from tests.models_tiny import plain_generator
from tests.priors_tiny import tiny_prior
from tests.training_workers import train

# Far below the gradients' norms of about 0.5, so that each of them bites.
LIMITS = {"clipnorm": 0.01, "global_clipnorm": 0.01, "clipvalue": 1e-3}


def clipped(**limit):
    model = SuperResolver(plain_generator(project=False), DOWNSAMPLE)
    model.compile(keras.optimizers.SGD(1.0, **limit), "mse")
    return model


def denoiser():
    schedule = keras.optimizers.schedules.PolynomialDecay(0.5, 8, 0.1)
    prior = tiny_denoiser(schedule, pretrained=False)
    prior.compile(keras.optimizers.Adam(0.01, global_clipnorm=0.1))
    return prior


def pixel_cnn():
    prior = tiny_prior(adapt=False)
    prior.compile(keras.optimizers.Adam(0.01, global_clipnorm=0.1))
    return prior


def compare(strategy):
    """Returns what each kind of model came to, by name."""
    folder = pathlib.Path(tempfile.mkdtemp())
    write_ladder(folder)
    results = {
        name: train(strategy, lambda n=name, v=value: clipped(**{n: v}))
        for name, value in LIMITS.items()
    }
    results["none"] = train(strategy, clipped)
    keras.config.set_dtype_policy("mixed_float16")
    results["scaled"] = train(strategy, lambda: clipped(global_clipnorm=0.01))
    keras.config.set_dtype_policy("float32")
    ladder = {"callbacks": [PriorLadder(folder, 1)]}
    results["by denoiser"] = train(strategy, by_denoiser, **ladder)
    results["by density"] = train(strategy, by_density)
    for make_model in (denoiser, pixel_cnn):
        results[make_model.__name__] = train(strategy, make_model)
    return results


def main():
    if sys.argv[1] != "devices":
        json.dump(compare(make_strategy("multi_worker")), sys.stdout)
        return
    device = tf.config.list_physical_devices("CPU")[0]
    parts = [tf.config.LogicalDeviceConfiguration()] * 2
    tf.config.set_logical_device_configuration(device, parts)
    two = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    strategies = (make_strategy("none"), two)
    json.dump([compare(each) for each in strategies], sys.stdout)


if __name__ == "__main__":
    main()
