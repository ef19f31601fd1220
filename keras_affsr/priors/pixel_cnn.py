"""The density prior: a PixelCNN whose pixels have an MCGSM likelihood."""

import keras
import tensorflow as tf

from keras_affsr import checks
from keras_affsr.priors.density_prior import DensityPrior
from keras_affsr.priors.mcgsm_head import MCGSMHead
from keras_affsr.priors.pixel_features import PixelFeatures
from keras_affsr.priors.sample_pixels import sample_pixels


@keras.saving.register_keras_serializable(package="keras_affsr")
class PixelCNN(DensityPrior):
    """A density of images, a product over the pixels in order of reading.

        p(y) = product over pixels j of p(y_j | y_<j)

    Causal convolutions make features of the pixels above and to the left, and
    an `MCGSMHead` makes of these the density of the next pixel, of all its
    channels at once: a mixture of conditional Gaussian scale mixtures. It is
    continuous and differentiable, so that a generator can be trained to make
    likely images. Images can have any size; beyond their border is the mean
    of all images, so that p is a proper density of the whole image.

    The head is also given the nearest pixels themselves, which speeds up
    learning. There is no batch norm: with it, the likelihood of an image would
    depend on the others.

    Images are in [0, 1], and `log_prob`, `bits_per_dim` and `distribution` take
    them as they are, at any values. `fit` and `evaluate` take 8-bit images
    `v / 255` and first spread the levels `v` evenly; what they report is the
    code length of the levels, in bits per dimension, or more exactly a bound
    that is slightly higher.

    Args:
        channels: int. Channels of the images. Defaults to 1.
        filters: int. Features of every convolution. Defaults to 64.
        kernel_sizes: sequence of odd ints, one for each convolution. Defaults
            to `(7, 5, 5, 5)`.
        components: int. Components of the mixture. Defaults to 32.
        scales: int. Scales of each component. Defaults to 4.
        features: int. Quadratic features of the gates. Defaults to 32.
        neighbours: int. How many rows above, and columns to each side, the
            head sees directly; 0 for none. Defaults to 3.
        min_stddev: float. What no expert's standard deviation falls below, in
            units of the images' own. Defaults to 1e-3.
        seed: int. Of the noise in training. Defaults to 0.
        **kwargs: Base model keyword arguments, such as `name`.

    Call arguments:
        images: `(batch, height, width, channels)` floats in [0, 1].

    Returns:
        Their log density in nats, float32 `(batch,)`.

    Raises:
        ValueError: If an argument will not do, or the images; or if their mean
            and standard deviation are not known, see `adapt`.

    Example:

    ```python
    patches = keras_affsr.data.texture_patches(
        keras_affsr.data.grass("train"), patch_size=32
    )
    prior = keras_affsr.priors.PixelCNN(channels=1)
    prior.compile()
    prior.fit(patches, steps_per_epoch=100, epochs=10)
    prior.evaluate(keras_affsr.data.grass("test")[None])
    ```

    Reference:
     - [Sonderby et al., 2017](https://arxiv.org/abs/1610.04490), section 3.4,
       equation 31, and appendix D for the sizes
     - [Theis and Bethge, 2015](https://arxiv.org/abs/1506.03478)
    """

    def __init__(
        self,
        channels=1,
        filters=64,
        kernel_sizes=(7, 5, 5, 5),
        components=32,
        scales=4,
        features=32,
        neighbours=3,
        min_stddev=1e-3,
        seed=0,
        **kwargs,
    ):
        super().__init__(channels, seed, **kwargs)
        self.network = PixelFeatures(
            self.channels, filters, kernel_sizes, neighbours, name="network"
        )
        self.head = MCGSMHead(
            self.channels,
            components,
            scales,
            features,
            min_stddev,
            name="head",
        )
        self.network.build()
        self.head.build((None, self.network.size))
        self.built = True

    def build(self, input_shape=None):
        """Does nothing: everything is built when the prior is made."""
        self.built = True

    def standardized_log_prob(self, images):
        return self.head(self.network(images), images)

    def distribution(self, images):
        """Returns the distribution of each pixel given those before it.

        Args:
            images: `(batch, height, width, channels)` in [0, 1].

        Returns:
            `tfd.Independent` of `MCGSM`s, of batch shape `(batch,)` and event
            shape `(height, width, channels)`. Its `log_prob(images)` is that
            of the prior. A sample of it is not one of the prior: each pixel is
            drawn given those before it in `images`, not in the sample.
        """
        from keras_affsr.priors import mcgsm  # Slow to import.

        context = self.network(self.standardize(images))
        parameters = self.head.parameters(context)
        # From standardised images to images.
        parameters["loc"] = self.mean + self.stddev * parameters["loc"]
        parameters["precision_tril"] /= self.stddev[:, None]
        pixels = mcgsm.MCGSM(**parameters)
        return mcgsm.tfd.Independent(pixels, reinterpreted_batch_ndims=2)

    def sample(self, num_samples, height, width, seed=0):
        """Draws images, pixel after pixel.

        A pixel costs one evaluation of the network at that pixel alone, for
        all samples together. They follow upon each other, `height * width` of
        them, so that an accelerator is of little use.

        Args:
            num_samples: int. How many images.
            height: int. Their rows.
            width: int. Their columns.
            seed: int. The same one draws the same images. Defaults to 0.

        Returns:
            float32 `(num_samples, height, width, channels)`. The density has
            no bounds, so that some values may lie outside of [0, 1].
        """
        sizes = {"num_samples": num_samples, "height": height, "width": width}
        counts = [
            checks.check_count(value, name, self.name)
            for name, value in sizes.items()
        ]
        seed = checks.check_count(seed, "seed", self.name, least=0)
        self.check_adapted()
        samples = sample_pixels(self, *map(tf.constant, (*counts, seed)))
        return self.mean + self.stddev * samples

    def get_config(self):
        config = super().get_config()
        del config["value_range"]
        config.update(
            {
                "filters": self.network.filters,
                "kernel_sizes": self.network.kernel_sizes,
                "components": self.head.components,
                "scales": self.head.scales,
                "features": self.head.features,
                "neighbours": self.network.neighbours,
                "min_stddev": self.head.min_stddev,
                "seed": self.seed,
            }
        )
        return config
