"""The base of all models, and the models trained by a pixel-wise loss."""

import keras
from keras import ops

from keras_affsr import checks
from keras_affsr.layers import Downsample
from keras_affsr.models import noise as noises
from keras_affsr.models import optimizers
from keras_affsr.models.check_networks import check_network
from keras_affsr.models.check_networks import check_sizes

# Of noise; see `noise.normal`.
GENERATOR_STREAM = 10**6
EVALUATION_STREAM = 10**7
SAMPLE_STREAM = 10**8


@keras.saving.register_keras_serializable(package="keras_affsr")
class SuperResolver(keras.Model):
    """A generator with the measurement that its output must agree with.

    Compiled with `loss="mse"` or `"mae"` it is the paper's MSE or MAE model,
    and AffMSE or AffMAE if the generator ends in an `AffineProjection`. With a
    positive `consistency_weight`, for generators that do not, the loss is
    `loss(y, G(x)) + consistency_weight * mean{ |x - A G(x)| }`: consistency is
    then encouraged, not guaranteed.

    `fit` and `evaluate` take batches `(low_res, high_res)`, or of `high_res`
    images alone, of which the model then makes `low_res = A high_res` itself.
    `predict` takes `low_res`.

    Args:
        generator: Model. From low-resolution to high-resolution images, any
            network; with a second input, that one is fed noise.
        downsample: Downsample. The operator `A`.
        consistency_weight: float. Weight of the soft constraint. Defaults to 0.
        seed: int. Seed of the noise drawn in training. Defaults to 0.
        **kwargs: Base model keyword arguments, such as `name`.

    Call arguments:
        low_res: `(batch, h, w, channels)` in [0, 1].
        noise: Optional noise for a generator that takes some; drawn from
            N(0, 1) otherwise.

    Returns:
        The generated images, `(batch, scale * h, scale * w, channels)`.

    Raises:
        ValueError: If an argument will not do.

    Example:

    ```python
    downsample = keras_affsr.layers.GaussianDownsample(scale=4)
    generator = keras_affsr.networks.generator(downsample, channels=1)
    model = keras_affsr.models.SuperResolver(generator, downsample)
    model.compile("adam", loss="mse", metrics=[keras_affsr.metrics.PSNR()])
    patches = keras_affsr.data.texture_patches(keras_affsr.data.grass("train"))
    model.fit(keras_affsr.data.pairs(patches, downsample), steps_per_epoch=100)
    ```

    Reference:
     - [Sonderby et al., 2017](https://arxiv.org/abs/1610.04490), section 5.2
    """

    def __init__(
        self, generator, downsample, consistency_weight=0.0, seed=0, **kwargs
    ):
        # Half precision belongs inside of the networks: casting the model's
        # own input would round the measurement.
        super().__init__(autocast=False, **kwargs)
        self.generator = check_network(generator, "generator", self.name)
        self.downsample = checks.check_instance(
            downsample, Downsample, "downsample", self.name
        )
        self.consistency_weight = checks.check_not_negative(
            consistency_weight, "consistency_weight", self.name
        )
        self.seed = checks.check_count(seed, "seed", self.name, least=0)
        self.noise_source = keras.random.SeedGenerator(seed)
        if not self.downsample.built:
            self.downsample.build(None)
        self.built = True

    def build(self, input_shape=None):
        """Does nothing: the networks are built when they come in."""
        self.built = True

    def compile(self, optimizer="adam", loss=None, **kwargs):
        super().compile(optimizer=optimizer, loss=loss, **kwargs)
        self.check_strategy(self.optimizer)
        optimizers.build(self.optimizer, self.generator)

    def compile_from_config(self, config):
        self.compile(**keras.saving.deserialize_keras_object(config))

    def check_strategy(self, *used):
        """Raises for options that Keras cannot do on several replicas."""
        optimizers.check_strategy(
            self.name,
            self.distribute_strategy,
            used,
            self.jit_compile,
            self.steps_per_execution,
        )

    def call(self, low_res, noise=None, training=None):
        if not self.is_stochastic:
            return self.generator(low_res, training=training)
        if noise is None:
            noise = keras.random.normal(
                self.noise_shape(low_res), seed=self.noise_source
            )
        return self.generator([low_res, noise], training=training)

    def generate(self, low_res, stream=GENERATOR_STREAM, training=True):
        """Returns images made with noise that the step of training decides.

        A training that uses these goes on after a restart as if it had never
        stopped, which the random state of `call` does not allow.
        """
        if not self.is_stochastic:
            return self(low_res, training=training)
        values = noises.normal(
            self.noise_shape(low_res),
            self.seed,
            self.optimizer.iterations,
            stream,
        )
        return self(low_res, values, training=training)

    def sample(self, low_res, num_samples=1, seed=0):
        """Draws images from the distribution of outputs, q(y | x).

        Args:
            low_res: `(batch, h, w, channels)` floats in [0, 1].
            num_samples: int. How many for each image. Defaults to 1.
            seed: int. Of the noise: the same seed gives the same samples, and
                the first of them whatever their number. Defaults to 0.

        Returns:
            Samples, `(num_samples, batch, scale * h, scale * w, channels)`;
            with a projection in the generator, all of them agree with
            `low_res`.

        Raises:
            ValueError: If the generator takes no noise.
        """
        if not self.is_stochastic:
            raise ValueError(
                f"`{self.name}` has nothing to draw: its generator takes no "
                "noise. Build it with `networks.generator(..., "
                "noise_channels=1)`, or call `predict` for the one output."
            )
        num_samples = checks.check_count(num_samples, "num_samples", self.name)
        seed = checks.check_count(seed, "seed", self.name, least=0)
        low_res = ops.convert_to_tensor(low_res)
        checks.check_floats(low_res, "low_res", self.name)
        shape = self.noise_shape(low_res)
        samples = [
            self(low_res, noises.normal(shape, seed, number, SAMPLE_STREAM))
            for number in range(num_samples)
        ]
        return ops.stack(samples)

    def track(self, images, **losses):
        """Feeds the metrics of these names with means over `images`."""
        # "loss" is Keras's own tracker, which only Keras's train_step feeds;
        # callbacks such as TerminateOnNaN watch it.
        for metric in self.metrics:
            if metric.name in losses:
                metric.update_state(
                    losses[metric.name], sample_weight=ops.shape(images)[0]
                )

    @property
    def is_stochastic(self):
        """Whether the generator takes noise as its second input."""
        return len(getattr(self.generator, "inputs", ())) > 1

    def noise_shape(self, low_res):
        """Returns the shape of the noise that goes with `low_res`."""
        channels = self.generator.inputs[1].shape[-1]
        return (*ops.shape(low_res)[:-1], channels)

    def unpack(self, data):
        """Returns `(low_res, high_res)` of a batch that `fit` was given."""
        low_res, high_res, weight = keras.utils.unpack_x_y_sample_weight(data)
        if weight is not None:
            raise ValueError(
                f"`{self.name}` takes no sample weights. Received: data with "
                "sample_weight, or with a third element. Leave it out."
            )
        if high_res is None:
            checks.check_floats(low_res, "high_res", self.name)
            return self.downsample(low_res), low_res
        checks.check_floats(low_res, "low_res", self.name)
        checks.check_floats(high_res, "high_res", self.name)
        return low_res, high_res

    def train_step(self, data):
        return super().train_step(self.unpack(data))

    def test_step(self, data):
        return super().test_step(self.unpack(data))

    def compute_loss(
        self, x=None, y=None, y_pred=None, sample_weight=None, training=True
    ):
        if y is None:
            y = y_pred  # See `compute_metrics`.
        else:
            check_sizes(self, x, y, y_pred)
        loss = super().compute_loss(x, y, y_pred, sample_weight, training)
        # The replicas' gradients are added: Keras's loss is this one's share.
        share = 1.0 / optimizers.num_replicas()
        return loss + share * self.consistency_loss(x, y_pred)

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        # Under a strategy Keras first builds loss and metrics on what the
        # dataset yields. Where that is high-resolution images alone there is
        # no target, and any of the right shape will do.
        y = y_pred if y is None else y
        return super().compute_metrics(x, y, y_pred, sample_weight)

    def consistency_loss(self, low_res, generated):
        """Returns `consistency_weight * mean{ |x - A G(x)| }`."""
        if not self.consistency_weight:
            return 0.0
        error = ops.abs(low_res - self.downsample(generated))
        return self.consistency_weight * ops.mean(error)

    def get_config(self):
        config = super().get_config()
        config.update(
            {
                "generator": keras.saving.serialize_keras_object(
                    self.generator
                ),
                "downsample": keras.saving.serialize_keras_object(
                    self.downsample
                ),
                "consistency_weight": self.consistency_weight,
                "seed": self.seed,
            }
        )
        return config

    @classmethod
    def from_config(cls, config):
        return cls(**keras.saving.deserialize_keras_object(config))
