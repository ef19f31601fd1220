"""The adversarial models: AffGAN, SoftGAN and stochastic AffGAN."""

import keras
import tensorflow as tf
from keras import ops

from keras_affsr import checks
from keras_affsr.models import noise
from keras_affsr.models import optimizers
from keras_affsr.models.check_networks import check_logits
from keras_affsr.models.check_networks import check_network
from keras_affsr.models.check_networks import check_sizes
from keras_affsr.models.super_resolver import SuperResolver


@keras.saving.register_keras_serializable(package="keras_affsr")
class GANSuperResolver(SuperResolver):
    """Trains a generator against a discriminator, towards KL[q || p].

    With `D` the probability of being real and `logit D = log(D / (1 - D))`,

        L(D) = -mean{ log D(y) } - mean{ log(1 - D(G(x))) }
        L(G) = -mean{ logit D(G(x)) } + weight * mean{ |x - A G(x)| }

    A discriminator trained to the optimum has `logit D = log p - log q`, for
    real images of density `p` and generated ones of density `q`; so `L(G)` is
    then `KL[q || p]`. With an `AffineProjection` in the generator this is
    AffGAN; without it and with a `consistency_weight` it is SoftGAN; with a
    generator that takes noise it is stochastic AffGAN, which samples from an
    approximation of p(y | x).

    Instance noise of standard deviation `noise_stddev` is added to all images
    that the discriminator sees; the divergence is then that of the noisy
    images. It gives `p` and `q` the same support, without which the divergence
    is infinite and the training unstable.

    One step of training is one forward pass of each network. Real and
    generated images go through the discriminator in one batch, so that its
    batch norm cannot hide from it in what their statistics differ, and moves
    its averages once. Both losses use these logits: both networks move at
    once, and nothing is computed twice. Of `discriminator_steps`, all but the
    last train the discriminator alone, on the same images with new noise.

    Args:
        generator: Model. From low-resolution to high-resolution images.
        discriminator: Model. From images to one logit each, `(batch, 1)`.
        downsample: Downsample. The operator `A`.
        consistency_weight: float. Weight of the soft constraint. Defaults to 0.
        noise_stddev: float, or `LearningRateSchedule` of the step. Standard
            deviation of the instance noise. A positive float is the first
            value of a weight, which `instance_noise` reads and sets and
            `callbacks.AdaptiveInstanceNoise` adapts. Defaults to 0: none.
        discriminator_steps: int. Updates of the discriminator for one of the
            generator. Defaults to 1.
        seed: int. Seed of all noise. Defaults to 0.
        **kwargs: Base model keyword arguments, such as `name`.

    Call arguments and output are those of `SuperResolver`.

    Raises:
        ValueError: If an argument will not do, or an optimizer is missing.

    Example:

    ```python
    downsample = keras_affsr.layers.GaussianDownsample(scale=4)
    model = keras_affsr.models.GANSuperResolver(
        keras_affsr.networks.generator(downsample, channels=1),
        keras_affsr.networks.discriminator(channels=1),
        downsample,
        noise_stddev=keras.optimizers.schedules.PolynomialDecay(
            0.05, 2000, 0.0
        ),
    )
    model.compile(
        optimizer=keras.optimizers.Adam(2e-3, beta_1=0.5),
        discriminator_optimizer=keras.optimizers.Adam(1e-3, beta_1=0.5),
    )
    patches = keras_affsr.data.texture_patches(keras_affsr.data.grass("train"))
    model.fit(keras_affsr.data.pairs(patches, downsample), steps_per_epoch=100)
    ```

    Reference:
     - [Sonderby et al., 2017](https://arxiv.org/abs/1610.04490), section 3.2
       and appendices A, C and F
    """

    def __init__(
        self,
        generator,
        discriminator,
        downsample,
        consistency_weight=0.0,
        noise_stddev=0.0,
        discriminator_steps=1,
        seed=0,
        **kwargs,
    ):
        super().__init__(
            generator, downsample, consistency_weight, seed, **kwargs
        )
        self.discriminator = check_network(
            discriminator, "discriminator", self.name
        )
        check_logits(self.discriminator, self.name)
        self.noise_stddev = noise.check_level(
            noise_stddev, "noise_stddev", self.name
        )
        self._noise_level = noise.changeable(
            self.noise_stddev, "instance_noise", self
        )
        self.discriminator_steps = checks.check_count(
            discriminator_steps, "discriminator_steps", self.name
        )
        self.discriminator_loss = keras.metrics.Mean(name="discriminator_loss")
        self.discriminator_optimizer = None

    def compile(self, optimizer=None, discriminator_optimizer=None, **kwargs):
        """Sets both optimizers; see `keras.Model.compile`.

        Args:
            optimizer: Optimizer of the generator. Learning rate callbacks of
                Keras act on this one.
            discriminator_optimizer: Optimizer of the discriminator.
            **kwargs: Of `keras.Model.compile`, such as `metrics` and
                `jit_compile`. The losses are the model's own.
        """
        if kwargs.get("loss") is not None:
            raise ValueError(
                f"`{self.name}` brings its own losses. Received: loss="
                f"{kwargs['loss']!r}. Leave it out; watch other errors with "
                "`metrics=[...]`."
            )
        second = optimizers.check_two(
            optimizer, discriminator_optimizer, self.name
        )
        super().compile(optimizer=optimizer, **kwargs)
        self._discriminator_optimizer_config = (
            keras.saving.serialize_keras_object(second)
        )
        self.check_strategy(self.optimizer, second)
        if kwargs.get("auto_scale_loss", True):
            second = optimizers.with_loss_scaling(second, self)
        self.discriminator_optimizer = second
        optimizers.build(second, self.discriminator)

    @property
    def instance_noise(self):
        """Standard deviation of the instance noise at this step, a float.

        It can be set if `noise_stddev` is a positive float.
        """
        step = self.optimizer.iterations if self.compiled else 0
        return float(noise.level_at(self._noise_level, step))

    @instance_noise.setter
    def instance_noise(self, stddev):
        noise.set_level(self._noise_level, stddev, "instance_noise", self.name)

    def train_step(self, data):
        low_res, high_res = self.unpack(data)
        with tf.GradientTape(persistent=True) as tape:
            generated = self.generate(low_res)
            check_sizes(self, low_res, high_res, generated)
            with tape.stop_recording():
                for number in range(1, self.discriminator_steps):
                    self._train_discriminator(high_res, generated, number)
            real, fake = self._logits(high_res, generated, training=True)
            discriminator_loss = self._discriminator_loss(real, fake)
            loss = self._generator_loss(low_res, generated, fake)
            shares = self._scaled(loss, discriminator_loss)
        optimizers.minimize(
            self.discriminator_optimizer, tape, shares[1], self.discriminator
        )
        optimizers.minimize(self.optimizer, tape, shares[0], self.generator)
        self.track(high_res, loss=loss, discriminator_loss=discriminator_loss)
        return self.compute_metrics(low_res, high_res, generated)

    def test_step(self, data):
        low_res, high_res = self.unpack(data)
        stream = self.evaluation_stream()
        generated = self.generate(low_res, stream, training=False)
        check_sizes(self, low_res, high_res, generated)
        real, fake = self._logits(high_res, generated, False, stream + 1)
        self.track(
            high_res,
            loss=self._generator_loss(low_res, generated, fake),
            discriminator_loss=self._discriminator_loss(real, fake),
        )
        return self.compute_metrics(low_res, high_res, generated)

    def _train_discriminator(self, high_res, generated, number):
        with tf.GradientTape() as tape:
            real, fake = self._logits(high_res, generated, True, number)
            loss = self._discriminator_loss(real, fake)
            loss = self._scaled(0.0, loss)[1]
        optimizers.minimize(
            self.discriminator_optimizer, tape, loss, self.discriminator
        )

    def _logits(self, high_res, generated, training, number=0):
        """Returns D's logits of real and generated images, from one batch."""
        images = ops.concatenate([high_res, generated], axis=0)
        if self.noise_stddev != 0.0:
            step = self.optimizer.iterations
            values = noise.normal(ops.shape(images), self.seed, step, number)
            images = images + noise.level_at(self._noise_level, step) * values
        logits = self.discriminator(images, training=training)
        count = ops.shape(high_res)[0]
        return logits[:count], logits[count:]

    def _generator_loss(self, low_res, generated, fake):
        loss = -ops.mean(fake) + self.consistency_loss(low_res, generated)
        return loss + sum(self.generator.losses)  # Of regularisers.

    def _discriminator_loss(self, real, fake):
        # -log D is the softplus of minus the logit, -log(1 - D) of the logit.
        loss = ops.mean(ops.softplus(-real)) + ops.mean(ops.softplus(fake))
        return loss + sum(self.discriminator.losses)

    def _scaled(self, loss, discriminator_loss):
        # The gradients of the replicas are added, so each brings its share.
        share = 1.0 / optimizers.num_replicas()
        return (
            self.optimizer.scale_loss(share * loss),
            self.discriminator_optimizer.scale_loss(share * discriminator_loss),
        )

    def get_config(self):
        config = super().get_config()
        config.update(
            {
                "discriminator": keras.saving.serialize_keras_object(
                    self.discriminator
                ),
                "noise_stddev": noise.serialize_level(self.noise_stddev),
                "discriminator_steps": self.discriminator_steps,
            }
        )
        return config

    def get_compile_config(self):
        config = super().get_compile_config()
        if self.compiled:
            config.pop("loss", None)
            config["discriminator_optimizer"] = (
                self._discriminator_optimizer_config
            )
        return config
