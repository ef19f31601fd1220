"""The base of all priors: what a model of natural images has in common."""

import keras
import numpy as np

from keras_affsr import checks


class Prior(keras.Model):
    """A trained model of what natural images look like.

    Besides its networks a prior keeps two things that those who are guided by
    it need: the range of the images it is for, and how coarse it is. The
    latter is a weight, so that each checkpoint of a ladder tells its place:
    it falls from a checkpoint that smooths the density of images to one that
    follows it closely.

    Args:
        channels: int. Channels of the images, or the size of the vectors.
        value_range: Pair of floats, the least and greatest value of images, or
            None for data without bounds. Defaults to `(0.0, 1.0)`.
        **kwargs: Base model keyword arguments, such as `name`.

    Raises:
        ValueError: If an argument will not do.
    """

    def __init__(self, channels, value_range=(0.0, 1.0), **kwargs):
        # Half precision belongs inside of the networks.
        super().__init__(autocast=False, **kwargs)
        self.channels = checks.check_count(channels, "channels", self.name)
        self.value_range = _check_range(value_range, self.name)
        self._coarseness = self.add_weight(
            name="coarseness",
            shape=(),
            initializer=keras.initializers.Constant(np.inf),
            trainable=False,
            dtype="float32",
        )

    @property
    def coarseness(self):
        """How coarse the prior is, as a scalar tensor; infinite if untrained.

        A noise level, a bandwidth, or a code length in bits per dimension:
        comparable between checkpoints of one prior only.
        """
        return self._coarseness.value

    def check_images(self, images, argument="images"):
        """Returns images as a float32 tensor, or raises if not of its kind.

        Values are looked at where they are known, which they are not within a
        compiled function. Up to half the range beyond each end is let pass, as
        projected images overshoot.
        """
        images = keras.ops.convert_to_tensor(images)
        checks.check_floats(images, argument, self.name)
        if images.shape[-1] not in (None, self.channels):
            raise ValueError(
                f"`{self.name}` is a prior for {self.channels} channels. "
                f"Received: `{argument}` of shape {tuple(images.shape)}."
            )
        self._check_values(images, argument)
        return keras.ops.cast(images, "float32")

    def _check_values(self, images, argument):
        is_symbolic = not hasattr(images, "numpy") or 0 in images.shape
        if self.value_range is None or is_symbolic:
            return
        low, high = self.value_range
        margin = 0.5 * (high - low)
        values = images.numpy()
        if not (low - margin <= values.min() <= values.max() <= high + margin):
            raise ValueError(
                f"`{self.name}` is a prior for images in [{low:g}, {high:g}]. "
                f"Received: `{argument}` with values from {values.min():.4g} "
                f"to {values.max():.4g}. Scale them as the images that the "
                "prior was trained on."
            )

    def get_config(self):
        config = super().get_config()
        config.update(
            {"channels": self.channels, "value_range": self.value_range}
        )
        return config

    @classmethod
    def from_config(cls, config):
        return cls(**keras.saving.deserialize_keras_object(config))


def _check_range(value_range, owner):
    if value_range is None:
        return None
    low, high = checks.check_pair(
        value_range, "value_range", owner, check=lambda value, *_: float(value)
    )
    if not low < high:
        raise ValueError(
            f"`{owner}` needs a value_range (low, high) with low < high. "
            f"Received: value_range={value_range!r}."
        )
    return (low, high)
