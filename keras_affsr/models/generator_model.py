"""The base of all models: a generator, and the noise it may take."""

import keras
import numpy as np
from keras import ops

from keras_affsr import checks
from keras_affsr.models import noise as noises
from keras_affsr.models.check_networks import check_network


class GeneratorModel(keras.Model):
    """A generator, deterministic or stochastic, as a model.

    A generator with two inputs is stochastic: the second one is fed noise from
    N(0, 1). `generate` draws it in training, `sample` for a result that can be
    repeated, and `call` anew each time, from a random state that no file holds.

    Args:
        generator: Model. From low-resolution to high-resolution images, or
            from a list of these and noise.
        seed: int. Seed of all noise. Defaults to 0.
        **kwargs: Base model keyword arguments, such as `name`.

    Call arguments:
        low_res: `(batch, h, w, channels)` in [0, 1].
        noise: Optional noise for a generator that takes some,
            `(batch, h, w, noise_channels)`; drawn if it is not given.

    Returns:
        The generated images, `(batch, scale * h, scale * w, channels)`.

    Raises:
        ValueError: If an argument will not do.
    """

    def __init__(self, generator, seed=0, **kwargs):
        # Half precision belongs inside of the networks: casting the model's
        # own input would round the measurement.
        super().__init__(autocast=False, **kwargs)
        self.generator = check_network(generator, "generator", self.name)
        self.seed = checks.check_count(seed, "seed", self.name, least=0)
        self.noise_source = keras.random.SeedGenerator(self.seed)
        self.built = True

    def build(self, input_shape=None):
        """Does nothing: the networks are built when they come in."""
        self.built = True

    def call(self, low_res, noise=None, training=None):
        if not self.is_stochastic:
            return self.generator(low_res, training=training)
        if noise is None:
            noise = keras.random.normal(
                self.noise_shape(low_res), seed=self.noise_source
            )
        return self.generator([low_res, noise], training=training)

    def generate(self, low_res, stream=noises.GENERATOR_STREAM, training=True):
        """Returns images made with noise that the step of training decides.

        A training that uses these goes on after a restart as if it had never
        stopped, as there is no random state to save.

        Args:
            low_res: `(batch, h, w, channels)` in [0, 1].
            stream: int or int tensor. Tells the draws of a step apart.
            training: bool. Whether the generator is being trained. Defaults to
                True.

        Returns:
            The generated images, `(batch, scale * h, scale * w, channels)`.
        """
        if not self.is_stochastic:
            return self(low_res, training=training)
        noise = noises.normal(
            self.noise_shape(low_res),
            self.seed,
            self.optimizer.iterations,
            stream,
        )
        return self(low_res, noise, training=training)

    def sample(self, low_res, num_samples=1, seed=0, batch_size=32):
        """Draws images from the distribution of outputs, q(y | x).

        Args:
            low_res: `(batch, h, w, channels)` floats in [0, 1].
            num_samples: int. How many for each image. Defaults to 1.
            seed: int. Of the noise: the same seed gives the same samples, and
                the first of them whatever their number. Defaults to 0.
            batch_size: int. Images that are made at once. Defaults to 32.

        Returns:
            float32 array, `(num_samples, batch, scale * h, scale * w,
            channels)`. With a projection in the generator, each sample agrees
            with `low_res`.

        Raises:
            ValueError: If the generator takes no noise, or an argument will
                not do.

        Example:

        >>> downsample = keras_affsr.layers.GaussianDownsample(scale=4)
        >>> generator = keras_affsr.networks.generator(
        ...     downsample, channels=1, noise_channels=2)
        >>> model = keras_affsr.models.SuperResolver(generator, downsample)
        >>> low_res = keras.random.uniform((1, 16, 20, 1))
        >>> samples = model.sample(low_res, num_samples=5)
        >>> samples.shape
        (5, 1, 64, 80, 1)
        >>> uncertainty = samples.std(axis=0)  # Of each pixel.

        Reference:
         - [Sonderby et al., 2017](https://arxiv.org/abs/1610.04490), appendix
           F
        """
        self._check_stochastic()
        num_samples = checks.check_count(num_samples, "num_samples", self.name)
        seed = checks.check_count(seed, "seed", self.name, least=0)
        batch_size = checks.check_count(batch_size, "batch_size", self.name)
        low_res = ops.convert_to_numpy(low_res)
        checks.check_floats(low_res, "low_res", self.name)
        shape = self.noise_shape(low_res)
        # Keras's `predict` fails on several replicas unless each of them gets
        # a part of every batch.
        replicas = self.distribute_strategy.num_replicas_in_sync
        drawn = _round_up(num_samples, replicas)
        noise = [
            noises.normal(shape, seed, number, noises.SAMPLE_STREAM)
            for number in range(drawn)
        ]
        # All in one, as each call of `predict` has a cost of its own.
        samples = self.predict(
            (np.concatenate([low_res] * drawn), np.concatenate(noise)),
            batch_size=_round_up(batch_size, replicas),
            verbose=0,
        )  # [drawn * batch, scale * h, scale * w, channels]
        samples = samples.reshape(drawn, len(low_res), *samples.shape[1:])
        return samples[:num_samples].astype("float32", copy=False)

    def predict_step(self, data):
        inputs, _, _ = keras.utils.unpack_x_y_sample_weight(data)
        if isinstance(inputs, tuple | list):  # (low_res, noise)
            return self(*inputs, training=False)
        return self(inputs, training=False)

    @property
    def is_stochastic(self):
        """Whether the generator takes noise as its second input."""
        return len(getattr(self.generator, "inputs", ())) > 1

    def noise_shape(self, low_res):
        """Returns the shape of the noise that goes with `low_res`."""
        channels = self.generator.inputs[1].shape[-1]
        return (*ops.shape(low_res)[:-1], channels)

    def _check_stochastic(self):
        if not self.is_stochastic:
            raise ValueError(
                f"`{self.name}` has nothing to draw: its generator takes no "
                "noise. Build it with `networks.generator(..., "
                "noise_channels=1)`, or call `predict` for the one output."
            )

    def get_config(self):
        config = super().get_config()
        config.update(
            {
                "generator": keras.saving.serialize_keras_object(
                    self.generator
                ),
                "seed": self.seed,
            }
        )
        return config

    @classmethod
    def from_config(cls, config):
        return cls(**keras.saving.deserialize_keras_object(config))


def _round_up(number, divisor):
    return -(-number // divisor) * divisor
