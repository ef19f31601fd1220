"""The density prior at the paper's size, with its own likelihood and TFP's."""

import functools

import numpy as np

from contenders.clock import timed


def train(channels=1, batch_size=16, size=32, jit_compile=None):
    """A training step."""
    return training(*prepare(channels, batch_size, size), jit_compile)


def train_tfp(channels=1, batch_size=16, size=32, jit_compile=None):
    """A training step, the likelihood being a distribution of stock TFP."""
    prior, images = prepare(channels, batch_size, size)
    prior.standardized_log_prob = functools.partial(stock_log_prob, prior)
    return training(prior, images, jit_compile)


def log_prob(channels=1, batch_size=16, size=32, jit_compile=None):
    """The log density of each image."""
    return density(*prepare(channels, batch_size, size), jit_compile)


def log_prob_tfp(channels=1, batch_size=16, size=32, jit_compile=None):
    """The log density of each image, by a distribution of stock TFP."""
    prior, images = prepare(channels, batch_size, size)
    prior.standardized_log_prob = functools.partial(stock_log_prob, prior)
    return density(prior, images, jit_compile)


def prepare(channels, batch_size, size):
    import keras

    from keras_affsr import priors

    keras.utils.set_random_seed(0)
    prior = priors.PixelCNN(channels)
    shape = (batch_size, size, size, channels)
    images = np.random.default_rng(0).random(shape, "float32")
    images = keras.ops.convert_to_tensor(images)
    prior.adapt(images)
    return prior, images


def training(prior, images, jit_compile):
    check = code_length(prior, images)  # Before training changes it.
    prior.compile(jit_compile=bool(jit_compile))
    prior.train_on_batch(images)  # Makes `train_function`.
    batches = iter(lambda: images, None)

    def step():
        prior.train_function(batches)["loss"].numpy()

    return ready(step, check)


def density(prior, images, jit_compile):
    import tensorflow as tf

    function = tf.function(prior.log_prob, jit_compile=jit_compile)
    return ready(lambda: function(images).numpy(), code_length(prior, images))


def code_length(prior, images):
    return {"bits_per_dim": float(np.mean(prior.bits_per_dim(images)))}


def ready(work, check):
    work()
    work()
    turn = timed(work, times=2)
    turn.check = check
    return turn


def stock_log_prob(prior, images):
    """Returns what `standardized_log_prob` does, `(batch, height, width)`."""
    parameters = prior.head.parameters(prior.network(images))
    mixture = stock_mixture(**parameters)
    # Of one channel the Gaussians are of numbers, not of vectors.
    return mixture.log_prob(
        images if mixture.event_shape.rank else images[..., 0]
    )


def stock_mixture(gate_logits, loc, log_precision, precision_tril):
    """Returns the distribution of pixels, each of `C S` Gaussians.

    Args:
        gate_logits: `(batch, height, width, C, S)`.
        loc: `(batch, height, width, C, M)`.
        log_precision: `(C, S)`.
        precision_tril: `(C, M, M)`.
    """
    import tensorflow as tf
    from tensorflow_probability import distributions as tfd

    *pixels, _, scales = gate_logits.shape
    logits = tf.reshape(gate_logits, (*pixels, -1))
    loc = tf.repeat(loc, scales, axis=-2)  # [b, h, w, C S, M]
    factors = tf.exp(0.5 * log_precision)[..., None, None]
    factors = factors * precision_tril[:, None]  # [C, S, M, M]
    factors = tf.reshape(factors, (-1, *precision_tril.shape[1:]))
    return tfd.MixtureSameFamily(
        tfd.Categorical(logits=logits), gaussians(loc, factors)
    )


def gaussians(loc, factors):
    """Returns Gaussians by the Cholesky factors of their precisions.

    Of TFP's ways to say this of vectors, it is the fastest.
    """
    import tensorflow as tf
    import tensorflow_probability as tfp

    if loc.shape[-1] == 1:
        return tfp.distributions.Normal(loc[..., 0], 1 / factors[..., 0, 0])
    experimental = tfp.experimental.distributions
    return experimental.MultivariateNormalPrecisionFactorLinearOperator(
        loc, precision_factor=tf.linalg.LinearOperatorLowerTriangular(factors)
    )
