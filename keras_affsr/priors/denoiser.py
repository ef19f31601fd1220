"""A denoiser, which knows the gradient of the density of images."""

import numbers

import keras
import tensorflow as tf
from keras import ops

from keras_affsr import checks
from keras_affsr.priors import noise_level
from keras_affsr.priors.denoising_prior import DenoisingPrior

# Schedules compute levels in float32.
ROUNDING = 1e-6


@keras.saving.register_keras_serializable(package="keras_affsr")
class Denoiser(DenoisingPrior):
    """A network that removes noise, and so knows where likely images are.

    `fit` trains it on images `y` with Gaussian noise `eps` by

        loss = mean{ (f(y + sigma eps) - y)^2 } / sigma^2,

    the share of the noise that is left: about one at a level too low to be
    told from the images' own detail, and comparable between levels. At the
    optimum `f` is the mean of the clean images given the noisy one, and

        (f(y) - y) / sigma^2 = d log p_sigma(y) / dy

    exactly, where `p_sigma` is the density of noisy images: the score. A high
    level gives a rough direction from everywhere, a low one the precise
    direction from close by. So a denoiser is trained while `noise_stddev`
    falls, keeping checkpoints (`callbacks.LadderCheckpoint`) for
    `callbacks.PriorLadder` to load; or one network learns all levels, which it
    is told of (`networks.denoiser(noise_conditional=True)`). The coarseness is
    the level last trained at, or the least one.

    bfloat16 rounds images by up to 0.002: below levels of about 0.02, train in
    float32.

    Args:
        network: Model. From noisy to clean images, or from a list of noisy
            images and levels `(batch, 1)`.
        noise_stddev: Standard deviation of the noise: a float, a
            `LearningRateSchedule` of the step, or, for a network that is told
            the level, a pair `(least, greatest)`, between which each image
            gets a level of its own. It is never zero. Defaults to 0.5.
        seed: int. Of the noise in training. Defaults to 0.
        value_range: See `Prior`. Defaults to `(0.0, 1.0)`.
        pretrained: bool. Whether the network removes noise of that level
            already, so that it can guide without `fit`. Defaults to False.
        **kwargs: Base model keyword arguments, such as `name`.

    Call arguments:
        images: Noisy images, `(batch, height, width, channels)`, or vectors.
        noise_stddev: float, or a tensor of one level for each image, for a
            network that is told the level; by its name. Defaults to the least.

    Returns:
        The denoised images, float32, of the same shape.

    Raises:
        ValueError: If an argument will not do.

    Example:

    ```python
    denoiser = keras_affsr.priors.Denoiser(
        keras_affsr.networks.denoiser("grass", channels=1),
        noise_stddev=keras.optimizers.schedules.ExponentialDecay(
            0.5, decay_steps=4000, decay_rate=0.01 / 0.5
        ),
    )
    denoiser.compile(keras.optimizers.Adam(1e-3))
    denoiser.fit(
        keras_affsr.data.texture_patches(keras_affsr.data.grass("train")),
        steps_per_epoch=400,
        epochs=10,
        callbacks=[keras_affsr.callbacks.LadderCheckpoint("ladder")],
    )
    ```

    Reference:
     - [Sonderby et al., 2017](https://arxiv.org/abs/1610.04490), section 3.3,
       equation 12, and appendix D
    """

    def __init__(
        self,
        network,
        noise_stddev=0.5,
        seed=0,
        value_range=(0.0, 1.0),
        pretrained=False,
        **kwargs,
    ):
        name = kwargs.get("name") or type(self).__name__
        channels = _check_network(network, name)
        super().__init__(
            channels, noise_stddev, seed, value_range=value_range, **kwargs
        )
        self.network = network
        if isinstance(self.noise_stddev, tuple) != self.is_conditional:
            raise ValueError(
                f"`{self.name}` takes noise_stddev as a pair (least, greatest) "
                "if its network is told the level, and as a float or schedule "
                f"if not. Received: noise_stddev={noise_stddev!r}, and a "
                f"network with {len(network.inputs)} input(s)."
            )
        if pretrained:
            self._coarseness.assign(noise_level.at(self.noise_stddev, 0))
        self.built = True

    def build(self, input_shape=None):
        """Does nothing: the network is built when it comes in."""
        self.built = True

    @property
    def is_conditional(self):
        """Whether the network is told the level of noise."""
        return len(self.network.inputs) > 1

    def call(self, images, noise_stddev=None, training=None):
        checks.check_floats(images, "images", self.name)
        return self.denoise(images, self._level(noise_stddev), training)

    def denoise(self, images, level, training=None):
        images = ops.cast(images, "float32")
        inputs = images
        if self.is_conditional:
            level = ops.reshape(level, (-1, 1))
            level = ops.broadcast_to(level, (ops.shape(images)[0], 1))
            inputs = [images, level]
        return ops.cast(self.network(inputs, training=training), "float32")

    def score(self, images, noise_stddev=None, noise=None):
        """Returns `(f(y) - y) / sigma^2`, an estimate of d log p_sigma(y) / dy.

        Args:
            images: `(batch, height, width, channels)` floats in the range that
                the denoiser is for, or vectors.
            noise_stddev: As in a call.
            noise: Numbers from N(0, 1) of the shape of images. If given, the
                score is taken at `y + sigma * noise`.

        Returns:
            float32 tensor of the shape of images.

        Raises:
            ValueError: If the denoiser is not trained, or the images are of
                another kind.
        """
        self.check_trained()
        images = self.check_images(images)
        level = self._level(noise_stddev)
        sigma = noise_level.as_factor(level, images)
        if noise is not None:
            images = images + sigma * noise
        denoised = self.denoise(images, level, training=False)
        return (denoised - images) / ops.square(sigma)

    def check_trained(self):
        """Raises unless the denoiser has been trained."""
        with tf.init_scope():  # Also while a function is being traced.
            is_trained = bool(ops.isfinite(self._coarseness.value).numpy())
        if not is_trained:
            raise ValueError(
                f"`{self.name}` has not been trained, so that its level of "
                "noise is not known. Call `fit`, load trained weights, or make "
                "it with pretrained=True if its network comes trained."
            )

    def check_level(self, noise_stddev):
        """Returns a float or schedule, or raises unless trained at its levels.

        Only a network that is told the level has others than its own.
        """
        if not self.is_conditional:
            raise ValueError(
                f"`{self.name}` has a network for one level of noise, the one "
                f"it was trained at. Received: noise_stddev={noise_stddev!r}. "
                "Leave it out, or train a network that is told the level: "
                "`networks.denoiser(noise_conditional=True)`."
            )
        level = noise_level.check(noise_stddev, "noise_stddev", self.name)
        least, greatest = self.noise_stddev
        low, high = (f(noise_level.ends(level)) for f in (min, max))
        if low < least * (1 - ROUNDING) or high > greatest * (1 + ROUNDING):
            raise ValueError(
                f"`{self.name}` is trained at noise from {least:g} to "
                f"{greatest:g}. Received: noise_stddev from {low:g} to "
                f"{high:g}. Stay within, or train it at these levels too."
            )
        return level

    def _level(self, noise_stddev):
        if noise_stddev is None:
            return self.coarseness
        if not self.is_conditional or isinstance(noise_stddev, numbers.Real):
            self.check_level(noise_stddev)
        return ops.cast(noise_stddev, "float32")

    def get_config(self):
        config = super().get_config()
        del config["channels"]
        config["network"] = keras.saving.serialize_keras_object(self.network)
        return config


def _check_network(network, owner):
    """Returns the channels of the images that a network denoises, or raises."""
    checks.check_instance(network, keras.Model, "network", owner)
    inputs = getattr(network, "inputs", None) or []
    fits = len(inputs) in (1, 2) and network.output_shape == inputs[0].shape
    fits = fits and all(each.shape[1:] == (1,) for each in inputs[1:])
    if not fits:
        raise ValueError(
            f"`{owner}` needs a functional network from images to images of "
            "the same shape, or from a list of images and levels of noise, of "
            "shape (batch, 1). Received: network="
            f"`{network.name}` from {[each.shape for each in inputs]} to "
            f"{getattr(network, 'output_shape', None)}. "
            "`keras_affsr.networks.denoiser` makes one."
        )
    return inputs[0].shape[-1]
