"""The models trained by a pixel-wise loss, and the base of the others."""

import keras
import tensorflow as tf
from keras import ops

from keras_affsr import checks
from keras_affsr.layers import Downsample
from keras_affsr.models import noise as noises
from keras_affsr.models import optimizers
from keras_affsr.models.check_networks import check_sizes
from keras_affsr.models.generator_model import GeneratorModel


@keras.saving.register_keras_serializable(package="keras_affsr")
class SuperResolver(GeneratorModel):
    """A generator with the measurement that its output must agree with.

    Compiled with `loss="mse"` or `"mae"` it is the paper's MSE or MAE model,
    and AffMSE or AffMAE if the generator ends in an `AffineProjection`. With a
    positive `consistency_weight`, for generators that do not, the loss is
    `loss(y, G(x)) + consistency_weight * mean{ |x - A G(x)| }`: consistency is
    then encouraged, not guaranteed.

    `fit` and `evaluate` take batches `(low_res, high_res)`, or of `high_res`
    images alone, of which the model then makes `low_res = A high_res` itself.
    `predict` takes `low_res`, or the pair `(low_res, noise)`.

    The noise of a stochastic generator is, in `fit` and `evaluate`, a function
    of the seed and the step, so that training goes on after a restart as if it
    had never stopped. `predict` without noise draws other noise at each call;
    `sample` draws what its own seed says.

    Args:
        generator: Model. From low-resolution to high-resolution images, any
            network; with a second input, that one is fed noise.
        downsample: Downsample. The operator `A`.
        consistency_weight: float. Weight of the soft constraint. Defaults to 0.
        seed: int. Seed of all noise. Defaults to 0.
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
        super().__init__(generator, seed, **kwargs)
        self.downsample = checks.check_instance(
            downsample, Downsample, "downsample", self.name
        )
        self.consistency_weight = checks.check_not_negative(
            consistency_weight, "consistency_weight", self.name
        )
        if not self.downsample.built:
            self.downsample.build(None)

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

    def track(self, images, **losses):
        """Feeds the metrics of these names with means over `images`."""
        # "loss" is Keras's own tracker, which only Keras's train_step feeds;
        # callbacks such as TerminateOnNaN watch it.
        for metric in self.metrics:
            if metric.name in losses:
                metric.update_state(
                    losses[metric.name], sample_weight=ops.shape(images)[0]
                )

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
        low_res, high_res = self.unpack(data)
        with tf.GradientTape() as tape:
            generated = self.generate(low_res)
            loss = self.compute_loss(low_res, high_res, generated)
            scaled = self.optimizer.scale_loss(loss)
        optimizers.minimize(self.optimizer, tape, scaled, self.generator)
        self.track(high_res, loss=optimizers.num_replicas() * loss)
        return self.compute_metrics(low_res, high_res, generated)

    def test_step(self, data):
        low_res, high_res = self.unpack(data)
        generated = self.generate(low_res, self.evaluation_stream(), False)
        loss = self.compute_loss(low_res, high_res, generated, training=False)
        self.track(high_res, loss=optimizers.num_replicas() * loss)
        return self.compute_metrics(low_res, high_res, generated)

    def evaluation_stream(self):
        """Returns a stream of noise of its own for each batch evaluated."""
        # The steps stand still: what has been seen tells the batches apart.
        seen = next(each.count for each in self.metrics if each.name == "loss")
        return noises.EVALUATION_STREAM + 2 * ops.cast(seen, "int64")

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
                "downsample": keras.saving.serialize_keras_object(
                    self.downsample
                ),
                "consistency_weight": self.consistency_weight,
            }
        )
        return config
