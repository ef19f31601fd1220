"""Trains guided models on two replicas and on one; prints JSON.

TensorFlow divides a CPU into several devices only before its first use, so
this is a process of its own: `python -m tests.models_guided_replicas`.
"""

import json
import pathlib
import sys
import tempfile

import keras
import numpy as np
import tensorflow as tf

from keras_affsr.callbacks import LadderCheckpoint
from keras_affsr.callbacks import PriorLadder
from keras_affsr.metrics import PSNR
from keras_affsr.models import DenoiserGuidedSuperResolver
from keras_affsr.models import DensityGuidedSuperResolver
from tests.models_guided_tiny import tiny_denoiser
from tests.models_guided_tiny import write_ladder
from tests.models_tiny import DOWNSAMPLE
from tests.models_tiny import images
from tests.models_tiny import plain_generator
from tests.priors_tiny import tiny_prior

FIT = {"batch_size": 8, "verbose": 0}


def compiled(model):
    model.compile(keras.optimizers.SGD(0.1), metrics=[PSNR()])
    return model


def by_denoiser():
    return compiled(
        DenoiserGuidedSuperResolver(
            plain_generator(project=False),
            tiny_denoiser(pretrained=False),
            DOWNSAMPLE,
            consistency_weight=0.5,
        )
    )


def by_density():
    prior = tiny_prior()
    prior._coarseness.assign(7.0)
    return compiled(
        DensityGuidedSuperResolver(
            plain_generator(project=False), prior, DOWNSAMPLE, 0.5
        )
    )


def train(strategy, make_model, callbacks=()):
    """Returns the logs of training and evaluation, and the weights."""
    with strategy.scope():
        keras.utils.set_random_seed(1)
        model = make_model()
    data = images(count=16, size=8)
    logs = model.fit(data, shuffle=False, callbacks=callbacks, **FIT).history
    evaluated = model.evaluate(data, return_dict=True, **FIT)
    logs = {name: values[0] for name, values in logs.items()}
    logs.update({f"val_{name}": value for name, value in evaluated.items()})
    flat = np.concatenate([each.ravel() for each in model.get_weights()])
    return {"logs": logs, "weights": flat.tolist()}


def untrained(strategy):
    """Returns the message of a training without a ladder."""
    with strategy.scope():
        model = by_denoiser()
    try:
        model.fit(images(count=16, size=8), **FIT)
    except ValueError as error:
        return str(error)
    return None


def train_denoiser(strategy, directory):
    """Returns the losses of a denoiser, and the coarseness of its rungs."""
    schedule = keras.optimizers.schedules.PolynomialDecay(0.5, 8, 0.1)
    with strategy.scope():
        keras.utils.set_random_seed(1)
        prior = tiny_denoiser(schedule, pretrained=False)
        prior.compile(keras.optimizers.Adam(0.01))
    history = prior.fit(
        images(count=16),
        epochs=2,
        callbacks=[LadderCheckpoint(directory)],
        **FIT,
    ).history
    rungs = []
    for path in sorted(directory.iterdir()):
        rung = tiny_denoiser(pretrained=False)
        rung.load_weights(path)
        rungs.append(float(rung.coarseness))
    return history["loss"], rungs


def main():
    device = tf.config.list_physical_devices("CPU")[0]
    parts = [tf.config.LogicalDeviceConfiguration()] * 2
    tf.config.set_logical_device_configuration(device, parts)
    one = tf.distribute.get_strategy()
    two = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    folder = pathlib.Path(tempfile.mkdtemp())
    write_ladder(folder / "ladder")
    results = {"replicas": two.num_replicas_in_sync}
    results["denoiser"] = [
        train(each, by_denoiser, [PriorLadder(folder / "ladder", 1)])
        for each in (one, two)
    ]
    results["density"] = [train(each, by_density) for each in (one, two)]
    results["untrained"] = untrained(two)
    for policy in ("float32", "mixed_float16", "mixed_bfloat16"):
        keras.config.set_dtype_policy(policy)
        results[policy] = train_denoiser(two, folder / policy)
    json.dump(results, sys.stdout)


if __name__ == "__main__":
    main()
