"""Trains on two replicas and on one; prints what came out as JSON.

TensorFlow divides a CPU into several devices only before its first use, so
this is a process of its own: `python -m tests.models_replicas`.
"""

import json
import sys

import keras
import numpy as np
import tensorflow as tf

from keras_affsr.callbacks import AdaptiveInstanceNoise
from keras_affsr.metrics import PSNR
from keras_affsr.models import GANSuperResolver
from keras_affsr.models import SuperResolver
from keras_affsr.models import noise
from tests.models_tiny import DOWNSAMPLE
from tests.models_tiny import images
from tests.models_tiny import plain_discriminator
from tests.models_tiny import plain_generator
from tests.models_tiny import tiny_discriminator
from tests.models_tiny import tiny_generator


def pixel_model(**compile_with):
    model = SuperResolver(plain_generator(project=False), DOWNSAMPLE, 0.5)
    model.compile(
        keras.optimizers.SGD(0.1), loss="mae", metrics=[PSNR()], **compile_with
    )
    return model


def gan(generator=None, discriminator=None, **compile_with):
    model = GANSuperResolver(
        generator or plain_generator(project=False),
        discriminator or plain_discriminator(),
        DOWNSAMPLE,
        consistency_weight=0.5,
        discriminator_steps=2,
        noise_stddev=0.1 if generator else 0.0,
    )
    model.compile(
        compile_with.pop("optimizer", keras.optimizers.SGD(0.1)),
        keras.optimizers.SGD(0.1),
        metrics=[PSNR()],
        **compile_with,
    )
    return model


def stochastic_gan():
    return gan(tiny_generator(noise_channels=1), tiny_discriminator())


def train(strategy, make_model):
    """Returns the logs of training and evaluation, and the weights."""
    with strategy.scope():
        keras.utils.set_random_seed(1)
        model = make_model()
    data = {"batch_size": 8, "verbose": 0}
    logs = model.fit(images(count=16), shuffle=False, **data).history
    evaluated = model.evaluate(images(count=16), return_dict=True, **data)
    logs = {name: values[0] for name, values in logs.items()}
    logs.update({f"val_{name}": value for name, value in evaluated.items()})
    flat = np.concatenate([each.ravel() for each in model.get_weights()])
    return {"logs": logs, "weights": flat.tolist()}


def sampling(strategy):
    """Returns samples drawn on replicas, in and out of their scope, and not."""
    with strategy.scope():
        keras.utils.set_random_seed(1)
        model = SuperResolver(tiny_generator(noise_channels=1), DOWNSAMPLE)
        model.compile("adam", "mse")
    model.fit(images(), batch_size=4, shuffle=False, verbose=0)
    # Each replica has averages of batch norm of its own; now the first's.
    model.set_weights(model.get_weights())
    low_res = np.asarray(DOWNSAMPLE(images(count=3)))
    arguments = {"num_samples": 3, "batch_size": 4}
    with strategy.scope():
        inside = model.sample(low_res, **arguments)
    twin = SuperResolver(tiny_generator(noise_channels=1), DOWNSAMPLE)
    twin.set_weights(model.get_weights())
    samples = (inside, model.sample(low_res, **arguments))
    return [each.tolist() for each in (*samples, twin.sample(low_res, 3))]


def adapting(strategy):
    """Returns the noise before and after a step, and the loss of that step."""
    with strategy.scope():
        model = stochastic_gan()
    levels = [model.instance_noise]
    adapt = AdaptiveInstanceNoise(1.0, rate=0.5)
    data = {"batch_size": 8, "verbose": 0}
    logs = model.fit(images(), callbacks=[adapt], **data).history
    levels.append(model.instance_noise)
    return {"levels": levels, "loss": logs["discriminator_loss"][0]}


def refusal(strategy, make_model):
    """Returns the message of a refused compilation, or None."""
    with strategy.scope():
        try:
            make_model()
        except ValueError as error:
            return str(error)
    return None


def noise_difference(strategy):
    """Returns how far the noise of two replicas, and one's own, differ."""

    @tf.function
    def draw():
        return strategy.run(lambda: noise.normal((4096,), 0, 3, 1))

    first, second = (
        [each.numpy() for each in strategy.experimental_local_results(draw())]
        for _ in range(2)
    )
    return [
        float(np.std(first[0] - second[0])),
        float(np.std(first[0] - first[1])),
    ]


def accumulating():
    return keras.optimizers.SGD(0.1, gradient_accumulation_steps=2)


def main():
    device = tf.config.list_physical_devices("CPU")[0]
    parts = [tf.config.LogicalDeviceConfiguration()] * 2
    tf.config.set_logical_device_configuration(device, parts)
    one = tf.distribute.get_strategy()
    two = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    results = {"replicas": two.num_replicas_in_sync}
    for name, make_model in (("pixel", pixel_model), ("gan", gan)):
        results[name] = [train(one, make_model), train(two, make_model)]
    for policy in ("float32", "mixed_float16", "mixed_bfloat16"):
        keras.config.set_dtype_policy(policy)
        results[policy] = train(two, stochastic_gan)
        results[f"{policy} accumulating"] = refusal(
            two, lambda: gan(optimizer=accumulating())
        )
    keras.config.set_dtype_policy("float32")
    results["noise"] = noise_difference(two)
    results["samples"] = sampling(two)
    results["adapting"] = adapting(two)
    for name, make_model in (("pixel", pixel_model), ("gan", gan)):
        results[f"{name} steps"] = refusal(
            two, lambda make=make_model: make(steps_per_execution=2)
        )
        results[f"{name} jit"] = refusal(
            two, lambda make=make_model: make(jit_compile=True)
        )
    json.dump(results, sys.stdout)


if __name__ == "__main__":
    main()
