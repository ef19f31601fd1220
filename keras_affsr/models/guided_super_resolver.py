"""The base of the models whose generator follows a trained prior."""

import tensorflow as tf

from keras_affsr.layers import LinearDownsample
from keras_affsr.models import optimizers
from keras_affsr.models.check_networks import check_sizes
from keras_affsr.models.super_resolver import SuperResolver

# Of the guide's noise in training; see `noise.normal`.
GUIDE_STREAM = 0


class GuidedSuperResolver(SuperResolver):
    """A generator that is trained to make what a prior finds likely.

    The loss is what a subclass's `guidance` returns, and the soft constraint.
    Training changes the generator alone: of the prior neither weights nor
    batch norm statistics move, and the optimizer has no slots for it.
    `callbacks.PriorLadder` replaces its weights as training goes on.

    Args:
        generator: Model. From low-resolution to high-resolution images.
        guide: Prior. A trained one, of images of as many channels.
        downsample: Downsample. The operator `A`.
        **kwargs: Of `SuperResolver`.

    Raises:
        ValueError: If an argument will not do, or they do not fit each other.
    """

    def __init__(self, generator, guide, downsample, **kwargs):
        super().__init__(generator, downsample, **kwargs)
        self.guide = guide
        self._check_channels()
        self._check_range()

    def guidance(self, generated, stream):
        """Returns what the generator is to lower, and what to watch.

        Args:
            generated: Images, as the generator made them.
            stream: int or int tensor. Of noise, see `noise.normal`.

        Returns:
            A scalar tensor, and a dict from names of metrics to values.
        """
        raise NotImplementedError

    def compile(self, optimizer="adam", loss=None, **kwargs):
        """Sets the optimizer of the generator; see `keras.Model.compile`."""
        if loss is not None:
            raise ValueError(
                f"`{self.name}` follows its prior and brings its own loss. "
                f"Received: loss={loss!r}. Leave it out; watch other errors "
                "with `metrics=[...]`."
            )
        super().compile(optimizer=optimizer, **kwargs)

    def train_step(self, data):
        low_res, high_res = self.unpack(data)
        with tf.GradientTape() as tape:
            generated = self.generate(low_res)
            check_sizes(self, low_res, high_res, generated)
            loss, watched = self._objective(low_res, generated, GUIDE_STREAM)
            # The gradients of the replicas are added: each brings its share.
            share = loss / optimizers.num_replicas()
            scaled = self.optimizer.scale_loss(share)
        optimizers.minimize(self.optimizer, tape, scaled, self.generator)
        self.track(high_res, loss=loss, **watched)
        return self.compute_metrics(low_res, high_res, generated)

    def test_step(self, data):
        low_res, high_res = self.unpack(data)
        stream = self.evaluation_stream()
        generated = self.generate(low_res, stream, training=False)
        check_sizes(self, low_res, high_res, generated)
        loss, watched = self._objective(low_res, generated, stream + 1)
        self.track(high_res, loss=loss, **watched)
        return self.compute_metrics(low_res, high_res, generated)

    def _objective(self, low_res, generated, stream):
        loss, watched = self.guidance(generated, stream)
        loss += self.consistency_loss(low_res, generated)
        loss += sum(self.generator.losses)  # Of regularisers.
        return loss, watched

    def _check_channels(self):
        shape = getattr(self.generator, "output_shape", (None,))
        if shape[-1] not in (None, self.guide.channels):
            raise ValueError(
                f"`{self.name}` needs a prior for the images that its "
                f"generator makes. Received: `{self.guide.name}` for "
                f"{self.guide.channels} channels, and `{self.generator.name}` "
                f"with output of shape {shape}. Train a prior of as many "
                "channels."
            )

    def _check_range(self):
        is_image = not isinstance(self.downsample, LinearDownsample)
        if is_image and self.guide.value_range not in (None, (0.0, 1.0)):
            raise ValueError(
                f"`{self.name}` makes images in [0, 1]. Received: "
                f"`{self.guide.name}` for images in "
                f"{list(self.guide.value_range)}. Train a prior with "
                "value_range=(0.0, 1.0), on images in that range."
            )
