"""Gaussian data, whose scores and modes are known, and models guided by it."""

import math

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from keras_affsr.layers import AffineProjection
from keras_affsr.layers import LinearDownsample
from keras_affsr.networks import denoiser
from keras_affsr.priors import Denoiser
from keras_affsr.priors import Prior
from tests.models_tiny import tiny_generator

MEAN = np.array([0.4, -0.3])
COVARIANCE = np.array([[1.0, 0.5], [0.5, 0.6]])
PAIR = LinearDownsample([[0.5, 0.5]])


def vectors(count=64, seed=0):
    """Draws from the Gaussian, as float32 `(count, 2)`."""
    rng = np.random.default_rng(seed)
    return rng.multivariate_normal(MEAN, COVARIANCE, count).astype("float32")


def repeated(points, steps):
    """Returns a dataset of the same batch again and again."""
    return tf.data.Dataset.from_tensors(points).repeat(steps)


def score(points, stddev=0.0):
    """The gradient of log N(y; mean, covariance + stddev^2 I), in float64."""
    precision = np.linalg.inv(COVARIANCE + stddev**2 * np.eye(2))
    return -(np.asarray(points, "float64") - MEAN) @ precision


def mode(low_res, stddev=0.0):
    """The most probable vectors whose mean is `low_res`, in float64."""
    matrix = np.array([[0.5, 0.5]])
    covariance = COVARIANCE + stddev**2 * np.eye(2)
    gain = covariance @ matrix.T / (matrix @ covariance @ matrix.T)
    return MEAN + (np.asarray(low_res) - matrix @ MEAN) @ gain.T


def exact_denoiser(stddev):
    """Makes the Bayes-optimal denoiser: `f(y) = y + sigma^2 score(y)`."""
    gain = COVARIANCE @ np.linalg.inv(COVARIANCE + stddev**2 * np.eye(2))
    inputs = keras.Input((2,))
    dense = keras.layers.Dense(2)
    network = keras.Model(inputs, dense(inputs))
    dense.set_weights([gain.T, MEAN - gain @ MEAN])
    return Denoiser(network, stddev, value_range=None, pretrained=True)


def exact_conditional_denoiser(least, greatest):
    """Makes the Bayes-optimal denoiser of N(1/2, 1), told the level."""
    inputs = [keras.Input((2,)), keras.Input((1,))]
    square = ops.square(inputs[1])
    outputs = (inputs[0] + 0.5 * square) / (1.0 + square)
    return Denoiser(
        keras.Model(inputs, outputs),
        (least, greatest),
        value_range=None,
        pretrained=True,
    )


@keras.saving.register_keras_serializable(package="tests")
class Gaussian(Prior):
    """N(mean, covariance + coarseness^2 I), with the mean as a weight."""

    def __init__(self, coarseness=0.5, mean=MEAN, value_range=None, **kwargs):
        super().__init__(2, value_range, **kwargs)
        self.mean = self.add_weight(shape=(2,), trainable=True)
        self.mean.assign(mean)
        self._coarseness.assign(coarseness)
        self.built = True

    def call(self, points):
        return self.bits_per_dim(points)

    def bits_per_dim(self, points):
        points = self.check_images(points)
        variance = ops.square(self.coarseness)
        (a, b), (_, d) = COVARIANCE
        a, d = a + variance, d + variance
        x, y = ops.unstack(points - self.mean, axis=-1)
        determinant = a * d - b * b
        square = (d * x * x - 2 * b * x * y + a * y * y) / determinant
        nats = 0.5 * (square + ops.log(determinant)) + math.log(2 * math.pi)
        return nats / (2 * math.log(2.0))

    def get_config(self):
        config = super().get_config()
        del config["channels"]
        return config


def bits(points, stddev=0.5):
    """The code length of a `Gaussian`, in float64, `(batch,)`."""
    covariance = COVARIANCE + stddev**2 * np.eye(2)
    offsets = np.asarray(points, "float64") - MEAN
    square = np.sum(offsets @ np.linalg.inv(covariance) * offsets, axis=-1)
    _, log_determinant = np.linalg.slogdet(2 * np.pi * covariance)
    return 0.5 * (square + log_determinant) / (2 * np.log(2))


def linear_generator(project=True, noise=False):
    """Makes a generator that is an affine map of its input, and of noise."""
    low_res = keras.Input((1,))
    inputs = [low_res, keras.Input((1,))] if noise else low_res
    tensor = ops.concatenate(inputs, -1) if noise else low_res
    tensor = keras.layers.Dense(2, dtype="float32", name="guess")(tensor)
    if project:
        tensor = AffineProjection(PAIR)(tensor, low_res)
    return keras.Model(inputs, tensor)


def tiny_denoiser(noise_stddev=0.3, pretrained=True, **kwargs):
    """Makes an image denoiser of the package of one layer, with batch norm."""
    network = denoiser(channels=1, filters=(4,), **kwargs)
    correction = network.get_layer("correction")
    shapes = [each.shape for each in correction.weights]
    rng = np.random.default_rng(0)
    correction.set_weights([rng.normal(0, 0.05, shape) for shape in shapes])
    return Denoiser(network, noise_stddev, seed=3, pretrained=pretrained)


def stochastic_generator():
    """Makes an image generator of one layer that takes noise."""
    return tiny_generator(noise_channels=2)


def write_ladder(directory, levels=(0.4, 0.2, 0.1)):
    """Writes rungs of `tiny_denoiser`s; returns their paths."""
    directory.mkdir(exist_ok=True)
    paths = []
    for number, level in enumerate(levels, start=1):
        keras.utils.set_random_seed(number)
        paths.append(directory / f"rung_{number:04d}.weights.h5")
        tiny_denoiser(level).save_weights(paths[-1])
    return paths
