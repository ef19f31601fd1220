"""What the priors that are trained by `fit` have in common."""

import keras

from keras_affsr import checks
from keras_affsr.priors.prior import Prior


class TrainedPrior(Prior):
    """A prior that `fit` trains, on images alone, by a loss of its own.

    A subclass has `train_step` and `test_step`, and says in `LOSS` what it is
    trained by.

    Args:
        channels: int. Channels of the images.
        seed: int. Of the noise in training. Defaults to 0.
        **kwargs: Of `Prior`.
    """

    LOSS = None

    def __init__(self, channels, seed=0, **kwargs):
        super().__init__(channels, **kwargs)
        self.seed = checks.check_count(seed, "seed", self.name, least=0)

    def compile(self, optimizer="adam", **kwargs):
        """Sets the optimizer; see `keras.Model.compile`.

        Args:
            optimizer: Optimizer. Defaults to `"adam"`.
            **kwargs: Of `keras.Model.compile`, such as `jit_compile`. The loss
                and the metrics are the prior's own.

        Raises:
            ValueError: If given a loss or metrics.
        """
        for name in ("loss", "metrics", "weighted_metrics"):
            if kwargs.get(name) is not None:
                raise ValueError(
                    f"`{self.name}` brings its own loss, {self.LOSS}. "
                    f"Received: {name}={kwargs[name]!r}. Leave it out."
                )
        super().compile(optimizer=optimizer, **kwargs)
        if not self.optimizer.built:
            self.optimizer.build(self.trainable_variables)

    def compile_from_config(self, config):
        self.compile(**keras.saving.deserialize_keras_object(config))

    def unpack(self, data):
        """Returns the (high-resolution) images of a batch, float32."""
        x, y, weight = keras.utils.unpack_x_y_sample_weight(data)
        if weight is not None:
            raise ValueError(
                f"`{self.name}` takes no sample weights. Received: data with "
                "sample_weight, or with a third element. Leave it out."
            )
        return self.check_images(x if y is None else y)

    def get_config(self):
        config = super().get_config()
        config["seed"] = self.seed
        return config
