"""The density-guided models: AffLL and SoftLL."""

import warnings

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from keras_affsr import checks
from keras_affsr.models.guided_super_resolver import GuidedSuperResolver
from keras_affsr.priors.prior import Prior


@keras.saving.register_keras_serializable(package="keras_affsr")
class DensityGuidedSuperResolver(GuidedSuperResolver):
    """Trains a generator to make images of high density under a prior.

        L(G) = mean{ bits(G(x)) } + weight * mean{ |x - A G(x)| },

    where `bits(y)` is the code length `-log2 p(y)` per dimension. With an
    `AffineProjection` in the generator this is AffLL, which amortises the
    search for the most probable image that agrees with the measurement;
    without it and with a `consistency_weight` it is SoftLL. The code length of
    generated images is reported as "bits_per_dim".

    A good density falls off steeply around likely images, and a generator that
    is far from them does not find the way. Begin with a poor one, from early
    in its training, and let `callbacks.PriorLadder` load better ones.

    The most probable image of a texture is a smooth one: real images are not
    modes of their density, they are typical of it. Expect blur, and code
    lengths far below those of real images. `target_bits` is an extension that
    is not in the paper; with it

        L(G) = mean{ |bits(G(x)) - target_bits| } + ...

    asks for images as probable as real ones, neither less nor more. As many
    images are so for one measurement, it needs a generator that takes noise.

    Args:
        generator: Model. From low-resolution to high-resolution images.
        prior: Prior. A trained one with a method `bits_per_dim`, such as
            `priors.PixelCNN`, of images of as many channels.
        downsample: Downsample. The operator `A`.
        consistency_weight: float. Weight of the soft constraint. Defaults to 0.
        target_bits: float. The code length of real images under the prior, in
            bits per dimension. Defaults to None: the shorter the better.
        seed: int. Seed of all noise. Defaults to 0.
        **kwargs: Base model keyword arguments, such as `name`.

    Call arguments and output are those of `SuperResolver`.

    Raises:
        ValueError: If an argument will not do, or the prior does not fit or is
            not trained.

    Example:

    ```python
    downsample = keras_affsr.layers.GaussianDownsample(scale=4)
    patches = keras_affsr.data.texture_patches(keras_affsr.data.grass("train"))
    prior = keras_affsr.priors.PixelCNN(channels=1)
    prior.compile()
    ladder = keras_affsr.callbacks.LadderCheckpoint("ladder")
    prior.fit(patches, steps_per_epoch=100, epochs=10, callbacks=[ladder])
    model = keras_affsr.models.DensityGuidedSuperResolver(
        keras_affsr.networks.generator(downsample, channels=1),
        prior,
        downsample,
    )
    model.compile(keras.optimizers.Adam(1e-3, global_clipnorm=1.0))
    model.fit(
        keras_affsr.data.pairs(patches, downsample),
        steps_per_epoch=1000,
        callbacks=[keras_affsr.callbacks.PriorLadder("ladder", steps=100)],
    )
    ```

    Reference:
     - [Sonderby et al., 2017](https://arxiv.org/abs/1610.04490), section 3.4,
       and appendices D (equation 32) and E
    """

    def __init__(
        self,
        generator,
        prior,
        downsample,
        consistency_weight=0.0,
        target_bits=None,
        seed=0,
        **kwargs,
    ):
        name = kwargs.get("name") or type(self).__name__
        _check_density(prior, name)
        super().__init__(
            generator,
            prior,
            downsample,
            consistency_weight=consistency_weight,
            seed=seed,
            **kwargs,
        )
        self.target_bits = _check_bits(target_bits, self.name)
        if target_bits is not None and not self.is_stochastic:
            warnings.warn(
                f"`{self.name}` has target_bits={target_bits} and a generator "
                "that takes no noise, which makes one image where many are as "
                "probable as that. Build it with `networks.generator(..., "
                "noise_channels=1)`."
            )
        self.bits_tracker = keras.metrics.Mean(name="bits_per_dim")

    @property
    def prior(self):
        """The density that guides the generator."""
        return self.guide

    def guidance(self, generated, stream):
        self._check_trained()
        bits = self.prior.bits_per_dim(ops.cast(generated, "float32"))
        watched = {"bits_per_dim": ops.mean(bits)}
        if self.target_bits is None:
            return ops.mean(bits), watched
        return ops.mean(ops.abs(bits - self.target_bits)), watched

    def _check_trained(self):
        with tf.init_scope():  # Also while a function is being traced.
            coarseness = ops.convert_to_numpy(self.prior.coarseness)
        if not np.isfinite(coarseness):
            raise ValueError(
                f"`{self.name}` needs a trained prior. Received: "
                f"`{self.prior.name}` of coarseness {coarseness}. Train it by "
                "`fit`, load trained weights, or load a ladder by "
                "`callbacks.PriorLadder`."
            )

    def get_config(self):
        config = super().get_config()
        config.update(
            {
                "prior": keras.saving.serialize_keras_object(self.prior),
                "target_bits": self.target_bits,
            }
        )
        return config


def _check_density(prior, owner):
    checks.check_instance(prior, Prior, "prior", owner)
    if not hasattr(prior, "bits_per_dim"):
        raise ValueError(
            f"`{owner}` needs a prior that is a density, with a method "
            f"bits_per_dim. Received: `{prior.name}` of type "
            f"{type(prior).__name__}. Take `priors.PixelCNN`, or guide by a "
            "denoiser with `models.DenoiserGuidedSuperResolver`."
        )


def _check_bits(bits, owner):
    if bits is None:
        return None
    is_number = isinstance(bits, int | float) and np.isfinite(bits)
    if not is_number:
        raise ValueError(
            f"`{owner}` needs a finite number, or None, as target_bits. "
            f"Received: target_bits={bits!r}. Take the mean of "
            "`prior.bits_per_dim(images)` over real images."
        )
    return float(bits)
