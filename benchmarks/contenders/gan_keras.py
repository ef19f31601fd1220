"""A training step of AffGAN, by this package."""

import time

import numpy as np


def fit(preset, batch_size, jit_compile=False, steps=1, **settings):
    """Steps of `model.fit`, the time being that within an epoch."""
    import keras

    model, batches = prepare(preset, batch_size, jit_compile, **settings)
    stopwatch = Stopwatch()

    def turn():
        model.fit(
            batches,
            steps_per_epoch=steps,
            verbose=0,
            callbacks=[
                keras.callbacks.LambdaCallback(
                    on_epoch_begin=stopwatch.start, on_epoch_end=stopwatch.stop
                )
            ],
        )
        return stopwatch.seconds / steps

    turn()
    turn()
    return turn


def bare(preset, batch_size, jit_compile=False, steps=1, **settings):
    """The compiled step of the same model, called in a plain loop."""
    import keras

    model, batches = prepare(preset, batch_size, jit_compile, **settings)
    model.train_on_batch(*next(iter(batches)))  # Makes `train_function`.
    iterator = iter(batches)

    def turn():
        start = time.perf_counter()
        for _ in range(steps):
            logs = model.train_function(iterator)
        keras.ops.convert_to_numpy(logs["loss"])
        return (time.perf_counter() - start) / steps

    turn()
    turn()
    return turn


class Stopwatch:
    def start(self, *_):
        self.begin = time.perf_counter()

    def stop(self, *_):
        self.seconds = time.perf_counter() - self.begin


def prepare(preset, batch_size, jit_compile, size=64, width=1.0):
    import keras
    import tensorflow as tf

    import keras_affsr

    keras.utils.set_random_seed(0)
    channels = {"grass": 1, "celeba": 3}[preset]
    downsample = keras_affsr.layers.GaussianDownsample(scale=4)
    model = keras_affsr.models.GANSuperResolver(
        keras_affsr.networks.generator(
            downsample, preset, channels, width=width
        ),
        keras_affsr.networks.discriminator(preset, channels, width=width),
        downsample,
        noise_stddev=0.05,
    )
    model.compile(
        keras_affsr.training.FusedAdam(1e-4, beta_1=0.5),
        keras_affsr.training.FusedAdam(1e-4, beta_1=0.5),
        jit_compile=jit_compile,
    )
    high_res = np.random.default_rng(0).uniform(
        size=(batch_size, size, size, channels)
    )
    high_res = high_res.astype("float32")
    low_res = keras.ops.convert_to_numpy(downsample(high_res))
    batches = tf.data.Dataset.from_tensors((low_res, high_res)).repeat()
    return model, batches.prefetch(2)
