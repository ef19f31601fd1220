"""The base of priors that are densities of images, fitted to them."""

import math

import keras
import tensorflow as tf
from keras import ops

from keras_affsr import checks
from keras_affsr.priors.dequantize import NUM_LEVELS
from keras_affsr.priors.dequantize import dequantize
from keras_affsr.priors.moments import moments
from keras_affsr.priors.trained_prior import TrainedPrior

# Of noise; see `stateless.key`.
TRAINING_STREAM = 0
EVALUATION_STREAM = 10**7
# Batches that `fit` adapts to.
ADAPT_STEPS = 32
# How fast the coarseness follows the training loss: within about 50 steps.
COARSENESS_RATE = 0.02


class DensityPrior(TrainedPrior):
    """A density of images, trained by maximum likelihood.

    A subclass has `standardized_log_prob`. Images are in [0, 1], and the
    density is one with respect to them. Code lengths are in bits per dimension
    of the 8-bit levels `v = 255 y`, whatever the units of images:

        bits_per_dim = -log2(p(y) / 255^D) / D

    `fit` and `evaluate` take images of 8 bits and spread their levels evenly
    first (see `dequantize`); of pairs `(low_res, high_res)` they take the
    latter. The loss, and the metric "bits_per_dim", are the code length. The
    coarseness is its moving average.

    Args:
        channels: int. Channels of the images.
        seed: int. Of the noise in training. Defaults to 0.
        **kwargs: Base model keyword arguments, such as `name`.
    """

    LOSS = "the code length of images"

    def __init__(self, channels, seed=0, **kwargs):
        super().__init__(channels, seed, **kwargs)
        self.mean = self._add_moment("mean")
        self.stddev = self._add_moment("stddev")
        self.bits_tracker = keras.metrics.Mean(name="bits_per_dim")

    def _add_moment(self, name):
        # No images have a standard deviation of zero: it says "not known yet".
        return self.add_weight(
            name=name,
            shape=(self.channels,),
            initializer="zeros",
            trainable=False,
            dtype="float32",
        )

    @property
    def is_adapted(self):
        """Whether the mean and standard deviation of images are known."""
        with tf.init_scope():  # Also while a function is being traced.
            return bool(ops.all(self.stddev > 0))

    def adapt(self, images, steps=None):
        """Takes the mean and standard deviation of each channel from images.

        Args:
            images: Array `(batch, height, width, channels)` in [0, 1], or a
                `tf.data.Dataset` of such batches, or of pairs `(low_res,
                high_res)`, of which it takes `high_res`.
            steps: int. How many batches of a dataset to read. Defaults to all.

        Raises:
            ValueError: If the images are of another kind, or do not vary.
        """
        mean, stddev = moments(images, self.channels, steps, self.name)
        self.mean.assign(mean)
        self.stddev.assign(stddev)

    def check_adapted(self):
        """Raises unless mean and standard deviation of images are known."""
        if not self.is_adapted:
            raise ValueError(
                f"`{self.name}` does not know the mean and standard deviation "
                "of images yet. Call `adapt(images)` or `fit` first, or load "
                "the weights of a trained prior."
            )

    def standardize(self, images):
        """Returns float32 images of mean zero and variance one, or raises."""
        images = self.check_images(images)
        checks.check_image_shape(images.shape, "images", self.name)
        checks.check_least_size(images.shape, 1, "images", self.name)
        self.check_adapted()
        return (images - self.mean) / self.stddev

    def standardized_log_prob(self, images):
        """Returns log p of standardised images, pixel by pixel.

        Args:
            images: float32 `(batch, height, width, channels)`.

        Returns:
            `(batch, height, width)`, in nats.
        """
        raise NotImplementedError

    def call(self, images):
        return self.log_prob(images)

    def log_prob(self, images):
        """Returns the log density of images in nats, float32 `(batch,)`."""
        log_probs = self.standardized_log_prob(self.standardize(images))
        log_scale = ops.sum(ops.log(self.stddev))
        return ops.sum(log_probs - log_scale, axis=(1, 2))

    def bits_per_dim(self, images):
        """Returns the code length of 8-bit levels per number, `(batch,)`."""
        images = ops.convert_to_tensor(images)
        size = ops.cast(ops.prod(ops.shape(images)[1:]), "float32")
        nats = math.log(NUM_LEVELS) - self.log_prob(images) / size
        return nats / math.log(2.0)

    def compile(self, optimizer=None, **kwargs):
        """Sets the optimizer; see `TrainedPrior.compile`.

        Args:
            optimizer: Optimizer. Defaults to Adam with a learning rate of
                3e-3 and the norm of the gradient clipped to one.
            **kwargs: Of `keras.Model.compile`, such as `jit_compile`.
        """
        if optimizer is None:
            optimizer = keras.optimizers.Adam(3e-3, global_clipnorm=1.0)
        super().compile(optimizer=optimizer, **kwargs)

    def fit(self, x=None, y=None, *args, **kwargs):
        """Trains by maximum likelihood; see `keras.Model.fit`.

        Unless `adapt` has been called, it is, on the first batches.
        """
        self.prepare(x if y is None else y)
        return super().fit(x, y, *args, **kwargs)

    def prepare(self, images):
        """Adapts to the first batches of what it will be trained on."""
        if not self.is_adapted:
            self.adapt(images, steps=ADAPT_STEPS)

    def train_step(self, data):
        step = self.optimizer.iterations
        images = dequantize(self.unpack(data), self.seed, step, TRAINING_STREAM)
        with tf.GradientTape() as tape:
            bits = self.bits_per_dim(images)  # [batch]
            # The gradients of the replicas are added: each brings its share.
            share = 1.0 / tf.distribute.get_strategy().num_replicas_in_sync
            loss = self.optimizer.scale_loss(share * ops.mean(bits))
        weights = self.trainable_variables
        self.optimizer.apply(tape.gradient(loss, weights), weights)
        self._follow(ops.mean(bits))
        return self._track(bits)

    def test_step(self, data):
        # Of no step: the same noise each time, so that epochs compare.
        stream = EVALUATION_STREAM + ops.cast(self.bits_tracker.count, "int64")
        images = dequantize(self.unpack(data), self.seed, 0, stream)
        return self._track(self.bits_per_dim(images))

    def _follow(self, bits):
        """Moves the coarseness towards the code length of a batch."""
        replica = tf.distribute.get_replica_context()
        bits = replica.all_reduce(tf.distribute.ReduceOp.MEAN, bits)
        old = self.coarseness
        new = old + COARSENESS_RATE * (bits - old)
        # Infinite at first; and a loss that is not a number is forgotten.
        self._coarseness.assign(ops.where(ops.isfinite(old), new, bits))

    def _track(self, bits):
        for metric in self.metrics:  # Keras's own "loss" is one of them.
            metric.update_state(bits)
        return self.get_metrics_result()
