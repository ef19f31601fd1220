"""A kernel density estimate: a prior for data of few dimensions."""

import math

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from keras_affsr import checks
from keras_affsr.priors.prior import Prior


@keras.saving.register_keras_serializable(package="keras_affsr")
class KernelDensity(Prior):
    """A Gaussian around each of many samples.

        p(y) = mean over i of N(y; s_i, bandwidth^2 I)

    The cost of a value grows with the number of samples, and the number that
    is needed with the dimension: for the toy problem, not for images. A wide
    bandwidth makes a coarse prior, whose gradient reaches far.

    Args:
        channels: int. Size of the vectors.
        num_samples: int. How many samples `adapt` will be given.
        bandwidth: float. Standard deviation of each Gaussian.
        value_range: See `Prior`. Defaults to None, for data without bounds.
        **kwargs: Base model keyword arguments, such as `name`.

    Call arguments:
        vectors: `(batch, channels)` floats.

    Returns:
        Their log density in nats, float32 `(batch,)`.

    Raises:
        ValueError: If an argument will not do, or no samples were given.

    Example:

    >>> density = keras_affsr.priors.KernelDensity(
    ...     channels=2, num_samples=3, bandwidth=1.0)
    >>> density.adapt(np.zeros((3, 2)))
    >>> density.log_prob(np.zeros((1, 2), "float32")).numpy().round(4)
    array([-1.8379], dtype=float32)

    Reference:
     - [Sonderby et al., 2017](https://arxiv.org/abs/1610.04490), appendix D:
       p_Y of the Swiss roll is one with bandwidth 0.2 and 50,000 samples
    """

    def __init__(
        self, channels, num_samples, bandwidth, value_range=None, **kwargs
    ):
        super().__init__(channels, value_range, **kwargs)
        self.num_samples = checks.check_count(
            num_samples, "num_samples", self.name
        )
        self.samples = self.add_weight(
            name="samples",
            shape=(self.num_samples, self.channels),
            initializer=keras.initializers.Constant(np.nan),
            trainable=False,
            dtype="float32",
        )
        self.bandwidth = bandwidth
        self.built = True

    def build(self, input_shape=None):
        """Does nothing: there is nothing to build."""
        self.built = True

    @property
    def bandwidth(self):
        """Standard deviation of each Gaussian: how coarse the prior is."""
        return self.coarseness

    @bandwidth.setter
    def bandwidth(self, value):
        self._coarseness.assign(
            checks.check_positive(value, "bandwidth", self.name)
        )

    def adapt(self, samples):
        """Takes the samples, `(num_samples, channels)` floats."""
        samples = np.asarray(samples, "float32")
        if samples.shape != self.samples.shape:
            raise ValueError(
                f"`{self.name}` expects samples of shape "
                f"{tuple(self.samples.shape)}. Received: shape {samples.shape}."
            )
        if not np.all(np.isfinite(samples)):
            raise ValueError(
                f"`{self.name}` received samples with NaN or infinite values. "
                "Remove them first."
            )
        self.samples.assign(samples)

    def call(self, vectors):
        return self.log_prob(vectors)

    def log_prob(self, vectors):
        """Returns the log density in nats, `(batch,)`."""
        vectors = self.check_images(vectors, "vectors")
        self._check_adapted()
        offsets = vectors[:, None] - self.samples  # [batch, samples, channels]
        squares = ops.sum(ops.square(offsets), axis=-1)  # [batch, samples]
        exponents = -0.5 * squares / ops.square(self.bandwidth)
        log_scale = math.log(self.num_samples) + self.channels * (
            ops.log(self.bandwidth) + 0.5 * math.log(2.0 * math.pi)
        )
        return ops.logsumexp(exponents, axis=-1) - log_scale

    def bits_per_dim(self, vectors):
        """Returns -log2 p / channels, `(batch,)`."""
        return self.log_prob(vectors) / (-self.channels * math.log(2.0))

    def _check_adapted(self):
        with tf.init_scope():  # Also while a function is being traced.
            is_adapted = bool(ops.all(ops.isfinite(self.samples[:1])))
        if not is_adapted:
            raise ValueError(
                f"`{self.name}` has no samples yet. Call `adapt(samples)`, or "
                "load weights."
            )

    def get_config(self):
        config = super().get_config()
        config.update(
            {
                "num_samples": self.num_samples,
                "bandwidth": float(self.bandwidth),
            }
        )
        return config
