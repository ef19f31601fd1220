"""The base of priors that are trained to remove noise."""

import tensorflow as tf
from keras import ops

from keras_affsr import stateless
from keras_affsr.priors import noise_level
from keras_affsr.priors.trained_prior import TrainedPrior

# Of noise; see `stateless.key`. The next number is for the levels of noise.
TRAINING_STREAM = 0
EVALUATION_STREAM = 10**7


class DenoisingPrior(TrainedPrior):
    """A prior whose network is trained by the noise that it leaves.

    A subclass has a `network`. `fit` and `evaluate` take images, or pairs
    `(low_res, high_res)`, of which the latter. The coarseness is the level of
    noise last trained at, the least one if there are many.

    Args:
        channels: int. Channels of the images.
        noise_stddev: float, `LearningRateSchedule` of the step, or pair
            `(least, greatest)`. Standard deviation of the noise.
        seed: int. Of the noise in training. Defaults to 0.
        **kwargs: Of `TrainedPrior`.
    """

    LOSS = "the share of the noise that is left"

    def __init__(self, channels, noise_stddev, seed=0, **kwargs):
        super().__init__(channels, seed, **kwargs)
        self.noise_stddev = noise_level.check(
            noise_stddev, "noise_stddev", self.name
        )

    def denoise(self, images, level, training=None):
        """Returns denoised images, given levels of noise `(batch, 1)`."""
        raise NotImplementedError

    def train_step(self, data):
        images = self.unpack(data)
        trained_at = noise_level.at(
            self.noise_stddev, self.optimizer.iterations
        )
        with tf.GradientTape() as tape:
            loss = self._noise_left(images, TRAINING_STREAM, training=True)
            loss += sum(self.network.losses)  # Of regularisers.
            # The gradients of the replicas are added: each brings its share.
            share = 1.0 / tf.distribute.get_strategy().num_replicas_in_sync
            scaled = self.optimizer.scale_loss(share * loss)
        weights = self.network.trainable_variables
        self.optimizer.apply(tape.gradient(scaled, weights), weights)
        self._coarseness.assign(trained_at)
        return self._track(images, loss)

    def test_step(self, data):
        images = self.unpack(data)
        # The steps stand still: what has been seen tells the batches apart.
        seen = self._loss_metric().count
        stream = EVALUATION_STREAM + 2 * ops.cast(seen, "int64")
        return self._track(images, self._noise_left(images, stream))

    def _noise_left(self, images, stream, training=False):
        """Returns mean{ (f(y + sigma eps) - y)^2 / sigma^2 }."""
        step = self.optimizer.iterations
        level = noise_level.draw(
            self.noise_stddev, ops.shape(images)[0], self.seed, step, stream + 1
        )  # [batch, 1]
        noise = stateless.normal(ops.shape(images), self.seed, step, stream)
        sigma = noise_level.as_factor(level, images)
        denoised = self.denoise(images + sigma * noise, level, training)
        return ops.mean(ops.square((denoised - images) / sigma))

    def _loss_metric(self):
        return next(each for each in self.metrics if each.name == "loss")

    def _track(self, images, loss):
        count = ops.shape(images)[0]
        self._loss_metric().update_state(loss, sample_weight=count)
        return self.get_metrics_result()

    def get_config(self):
        config = super().get_config()
        config["noise_stddev"] = noise_level.serialize(self.noise_stddev)
        return config
