"""AdaptiveInstanceNoise: as much noise as keeps the discriminator busy."""

import math

import keras
import numpy as np
from keras import ops

from keras_affsr import checks
from keras_affsr.models import GANSuperResolver

CHANCE = 2 * math.log(2)  # L(D) of a discriminator that always answers 1/2.


class AdaptiveInstanceNoise(keras.callbacks.Callback):
    """Adapts the instance noise to keep the discriminator's loss at a target.

    The loss `L(D) = -mean{ log D(y) } - mean{ log(1 - D(G(x))) }` is 2 ln 2 =
    1.386 at chance and 0 for a discriminator that is never wrong. Below the
    target the discriminator is too strong and the noise grows, above it the
    noise falls: after each step of training

        log sigma += rate * (target - L(D))

    with the difference kept within plus and minus `target`, so that one wild
    batch does little, and sigma within [`minimum`, `maximum`]. As generated
    images become more like real ones, less noise is needed, and sigma falls by
    itself.

    To choose the target: a discriminator that gives the right answer the
    probability p has a loss of `-2 log p`: 0.6 for p = 0.74, 1.0 for p = 0.61,
    1.2 for p = 0.55. The nearer to 1.386, the more noise and the less there is
    to learn from; the nearer to 0, the less noise and the nearer to divergence.
    Where a training with fixed noise goes well, take the loss that it has. With
    grass, 0.7 did well (`benchmarks/instance_noise.py`). The penalties of
    regularisers count as part of the loss.

    To choose the rate: log sigma is a sum over the past losses, which averages
    out their noise; there is no other smoothing, as that would only delay the
    answer. The loss answers late as it is, by the steps T that the
    discriminator takes to get used to more noise: where `rate * T` is well
    above 1, sigma and loss swing. The shorter the training, the faster the
    rate has to be: in n steps sigma can change by a factor of
    `exp(rate * n * difference)`.

    Sigma is a weight of the model: it is saved, loaded and restored with the
    others, and the callback keeps no state of its own. Each epoch's logs have
    it as "noise_stddev". In the list of callbacks it comes before those that
    save or write logs.

    Args:
        target: float. The loss to keep, between 0 and 1.386.
        rate: float. How fast the noise follows. Defaults to 0.01.
        minimum: float. Least sigma, above zero. Defaults to 0.001, a quarter of
            a level of 8-bit images.
        maximum: float. Greatest sigma. Defaults to 0.5, beyond which little is
            seen of images in [0, 1]. With generated images that have gone
            wrong, no noise brings the loss up to the target: without a bound
            sigma would then run away.

    Raises:
        ValueError: If an argument will not do; when training begins, if the
            model is not a `GANSuperResolver` with a positive float as
            `noise_stddev`, which is the sigma to begin with.

    Example:

    ```python
    downsample = keras_affsr.layers.GaussianDownsample(scale=4)
    model = keras_affsr.models.GANSuperResolver(
        keras_affsr.networks.generator(downsample, channels=1),
        keras_affsr.networks.discriminator(channels=1),
        downsample,
        noise_stddev=0.1,
    )
    model.compile(
        optimizer=keras.optimizers.Adam(2e-3, beta_1=0.5),
        discriminator_optimizer=keras.optimizers.Adam(2e-3, beta_1=0.5),
    )
    patches = keras_affsr.data.texture_patches(keras_affsr.data.grass("train"))
    model.fit(
        keras_affsr.data.pairs(patches, downsample),
        steps_per_epoch=100,
        callbacks=[keras_affsr.callbacks.AdaptiveInstanceNoise(target=0.7)],
    )
    ```

    Reference:
     - [Sonderby et al., 2017](https://arxiv.org/abs/1610.04490), appendix C
    """

    def __init__(self, target, rate=0.01, minimum=1e-3, maximum=0.5):
        super().__init__()
        owner = type(self).__name__
        self.target = _check_target(target, owner)
        self.rate = checks.check_positive(rate, "rate", owner)
        self.minimum = checks.check_positive(minimum, "minimum", owner)
        self.maximum = checks.check_positive(maximum, "maximum", owner)
        if self.minimum > self.maximum:
            raise ValueError(
                f"`{owner}` needs a minimum that is not above its maximum. "
                f"Received: minimum={self.minimum:g} and "
                f"maximum={self.maximum:g}."
            )

    def on_train_begin(self, logs=None):
        _check_model(self.model, type(self).__name__)

    def on_train_batch_begin(self, batch, logs=None):
        self._before = self._so_far()

    def on_train_batch_end(self, batch, logs=None):
        # The metric is a mean over the epoch. What it grew by is of the last
        # step alone, or of the last few: see `steps_per_execution`.
        total, count, num_steps = np.subtract(self._so_far(), self._before)
        if count > 0:
            self.model.instance_noise = self.adapt(
                self.model.instance_noise, total / count, num_steps
            )

    def on_epoch_end(self, epoch, logs=None):
        if logs is not None:
            logs["noise_stddev"] = self.model.instance_noise

    def adapt(self, stddev, loss, num_steps=1):
        """Returns the noise level that follows one.

        Args:
            stddev: float. The level.
            loss: float. Mean loss of the discriminator under it.
            num_steps: int. Steps of training that this is the mean of.

        Returns:
            The next level, a float; the same if the loss is NaN.
        """
        if math.isnan(loss):
            return stddev
        error = max(self.target - loss, -self.target)
        stddev = stddev * math.exp(self.rate * num_steps * error)
        return min(max(stddev, self.minimum), self.maximum)

    def _so_far(self):
        metric = self.model.discriminator_loss
        numbers = (metric.total, metric.count, self.model.optimizer.iterations)
        # As NumPy: under a strategy a metric's variables are one per replica.
        return [float(ops.convert_to_numpy(each)) for each in numbers]


def _check_target(target, owner):
    target = checks.check_positive(target, "target", owner)
    if target >= CHANCE:
        raise ValueError(
            f"`{owner}` needs a target below 2 ln 2 = 1.386, which is the loss "
            "of a discriminator that tells nothing apart. Received: "
            f"target={target:g}. Try 0.7."
        )
    return target


def _check_model(model, owner):
    checks.check_instance(model, GANSuperResolver, "model", owner)
    stddev = model.noise_stddev
    if not isinstance(stddev, float) or stddev == 0.0:
        raise ValueError(
            f"`{owner}` adapts the level of noise from a first one on. "
            f"Received: the model `{model.name}` with noise_stddev="
            f"{stddev!r}. Make it with a positive float, such as 0.1."
        )
