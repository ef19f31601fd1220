"""The denoiser-guided models: AffDG and SoftDG."""

import keras
from keras import ops

from keras_affsr import checks
from keras_affsr.models import noise
from keras_affsr.models.guided_super_resolver import GuidedSuperResolver
from keras_affsr.priors.denoiser import Denoiser


@keras.saving.register_keras_serializable(package="keras_affsr")
class DenoiserGuidedSuperResolver(GuidedSuperResolver):
    """Trains a generator towards likely images, where a denoiser points.

    A denoiser knows the gradient of the log density of images, its score (see
    `priors.Denoiser`). The generator's parameters `theta` go down

        -mean{ score(G(x)) * dG(x) / dtheta }
            + weight * d mean{ |x - A G(x)| } / dtheta,

    the gradient of the cross-entropy `-E log p_sigma(G(x))`, divided by the
    number of values in an image. With an `AffineProjection` in the generator
    this is AffDG; without it and with a `consistency_weight` it is SoftDG.

    The cross-entropy itself is not known, only its gradient. So what stands in
    for it in "loss" is half the mean square of the score, which vanishes where
    the density is stationary; "score" is the root of the mean square. Both
    jump with the level of noise.

    A denoiser for a low level of noise is right close to likely images alone.
    Begin with one for a high level and let `callbacks.PriorLadder` load the
    next ones, or take one that is told the level and give `noise_stddev` a
    schedule.

    With `noisy_input` the score is taken at `y = G(x) + sigma eps` instead, as
    in the paper, among the noisy images that the denoiser was trained on. The
    cross-entropy is then `-E log p_sigma(G(x) + sigma eps)`, smoothed twice,
    and the gradient noisy. The paper's `(f(y) - G(x)) / sigma^2` and ours,
    `(f(y) - y) / sigma^2`, have the same mean over `eps`. In a direction in
    which images have the spread `s`, ours has `(sigma / s)^2` times the noise:
    less where `sigma` is finer than the images' own detail.

    Args:
        generator: Model. From low-resolution to high-resolution images.
        denoiser: Denoiser. A trained one, of images of as many channels.
        downsample: Downsample. The operator `A`.
        consistency_weight: float. Weight of the soft constraint. Defaults to 0.
        noise_stddev: float, or `LearningRateSchedule` of the step. The level
            of noise, for a denoiser that is told. Defaults to None: the
            denoiser's own, the one it was last trained at.
        noisy_input: bool. Whether to add noise to the images that the denoiser
            is shown. Defaults to False.
        seed: int. Seed of all noise. Defaults to 0.
        **kwargs: Base model keyword arguments, such as `name`.

    Call arguments and output are those of `SuperResolver`.

    Raises:
        ValueError: If an argument will not do, or the denoiser does not fit or
            is not trained.

    Example:

    ```python
    downsample = keras_affsr.layers.GaussianDownsample(scale=4)
    patches = keras_affsr.data.texture_patches(keras_affsr.data.grass("train"))
    denoiser = keras_affsr.priors.Denoiser(
        keras_affsr.networks.denoiser(channels=1, noise_conditional=True),
        noise_stddev=(0.01, 0.5),
    )
    denoiser.compile()
    denoiser.fit(patches, steps_per_epoch=1000)
    model = keras_affsr.models.DenoiserGuidedSuperResolver(
        keras_affsr.networks.generator(downsample, channels=1),
        denoiser,
        downsample,
        noise_stddev=keras.optimizers.schedules.PolynomialDecay(
            0.5, 1000, 0.01
        ),
    )
    model.compile(keras.optimizers.Adam(1e-3, global_clipnorm=1.0))
    model.fit(keras_affsr.data.pairs(patches, downsample), steps_per_epoch=1000)
    ```

    Reference:
     - [Sonderby et al., 2017](https://arxiv.org/abs/1610.04490), section 3.3,
       equations 11 and 12, and appendices D (equations 28 to 30) and E
    """

    def __init__(
        self,
        generator,
        denoiser,
        downsample,
        consistency_weight=0.0,
        noise_stddev=None,
        noisy_input=False,
        seed=0,
        **kwargs,
    ):
        name = kwargs.get("name") or type(self).__name__
        checks.check_instance(denoiser, Denoiser, "denoiser", name)
        super().__init__(
            generator,
            denoiser,
            downsample,
            consistency_weight=consistency_weight,
            seed=seed,
            **kwargs,
        )
        if noise_stddev is not None:
            noise_stddev = denoiser.check_level(noise_stddev)
        self.noise_stddev = noise_stddev
        self.noisy_input = bool(noisy_input)
        self.score_tracker = keras.metrics.Mean(name="score")

    @property
    def denoiser(self):
        """The denoiser that guides the generator."""
        return self.guide

    def guidance(self, generated, stream):
        generated = ops.cast(generated, "float32")
        score = self._score(ops.stop_gradient(generated), stream)
        square = ops.mean(ops.square(score))
        # Zero, with the gradient that the generator is to go down.
        pull = ops.mean(score * (ops.stop_gradient(generated) - generated))
        return 0.5 * square + pull, {"score": ops.sqrt(square)}

    def _score(self, images, stream):
        """Returns d log p_sigma(y) / dy, as a constant."""
        step = self.optimizer.iterations
        level, values = None, None
        if self.noise_stddev is not None:
            level = noise.level_at(self.noise_stddev, step)
        if self.noisy_input:
            values = noise.normal(ops.shape(images), self.seed, step, stream)
        return ops.stop_gradient(self.denoiser.score(images, level, values))

    def get_config(self):
        config = super().get_config()
        config.update(
            {
                "denoiser": keras.saving.serialize_keras_object(self.denoiser),
                "noise_stddev": noise.serialize_level(self.noise_stddev),
                "noisy_input": self.noisy_input,
            }
        )
        return config
