"""Enlarging images of any size by a trained model."""

import logging

import numpy as np

from keras_affsr import checks
from keras_affsr.layers import Downsample
from keras_affsr.models import noise as noises
from keras_affsr.models.generator_model import GeneratorModel
from keras_affsr.upscale import pixels
from keras_affsr.upscale.guess_network import GuessNetwork
from keras_affsr.upscale.levels import together
from keras_affsr.upscale.progress import Progress
from keras_affsr.upscale.projector import Projector
from keras_affsr.upscale.self_ensemble import self_ensemble
from keras_affsr.upscale.tiles import TILE
from keras_affsr.upscale.tiles import in_tiles
from keras_affsr.upscale.tiles import spans

OWNER = "Upscaler"


class Upscaler:
    """Upscales images by a model, so that the results downsample to them.

    What the model does before its final projection, the guess, is computed in
    tiles with a halo of all that a pixel's guess depends on, so that tiles
    leave no seams. The projection is done once on the whole image, and then
    the nearest image that a file can hold is taken; `Projector` says how. For
    an image of integers, `A` of the result, rounded, is that image exactly.

    A model that does not end in an `AffineProjection` is given one.

    Args:
        model: A generator, any `keras.Model` from low-resolution images in
            [0, 1] to high-resolution ones, or one of `keras_affsr.models`.
        downsample: Downsample. The operator `A`. Defaults to the model's; one
            that is given takes its place, with the exact `A+`.
        tile: int. Low-resolution pixels each way of a tile, without its halo.
            By default images of more than 256 pixels are cut in tiles of 256
            if the receptive field of the model can be computed, and else left
            whole, with a warning.
        self_ensemble: bool. Whether to average the guesses of the image turned
            and mirrored, at eight times the cost. Defaults to False.
        samples: int. How many samples to draw of a stochastic generator;
            None for one, without an axis of samples.
        seed: int. Of the samples' noise. Defaults to 0.
        strength: float in [0, 1]. How much of the difference to the given
            image the projection takes away; see `Projector`. Defaults to 1.
        noise_stddev: float. Noise of the given image, in [0, 1] units, instead
            of `strength`.
        project: bool. If False, no projection is added, and the result is the
            model's own output, clipped and rounded. Defaults to True.
        progress: bool. Whether to count tiles on stderr. Defaults to False.

    Call arguments:
        image: uint8, uint16, or float array in [0, 1], `(h, w, channels)`, or
            `(h, w)` for a model of one channel.

    Returns:
        `Upscaled`: the images, of the dtype given, and how well they agree.

    Raises:
        ValueError: If an argument will not do.

    Example:

    >>> downsample = keras_affsr.layers.GaussianDownsample(scale=4)
    >>> generator = keras_affsr.networks.generator(downsample)
    >>> upscaler = keras_affsr.upscale.Upscaler(generator)
    >>> image = np.random.default_rng(0).integers(80, 99, (9, 7, 3), "uint8")
    >>> upscaled = upscaler(image)
    >>> upscaled.images.shape, upscaled.images.dtype, upscaled.reproduced
    ((36, 28, 3), dtype('uint8'), 1.0)

    Reference:
     - [Sonderby et al., 2017](https://arxiv.org/abs/1610.04490), eq. 7
    """

    def __init__(
        self,
        model,
        downsample=None,
        tile=None,
        self_ensemble=False,
        samples=None,
        seed=0,
        strength=1.0,
        noise_stddev=None,
        project=True,
        progress=False,
    ):
        generator = model.generator if _is_ours(model) else model
        self.network = GuessNetwork(generator, OWNER)
        self.downsample = self._find_downsample(model, downsample, project)
        self.seed = checks.check_count(seed, "seed", OWNER, least=0)
        self.samples = self._check_samples(samples)
        self.tile = self._check_tile(tile)
        self.self_ensemble = bool(self_ensemble)
        self.progress = bool(progress)
        own = downsample is None or not project
        self.projector = Projector(
            self.downsample,
            self.network.projection if own else None,
            strength,
            noise_stddev,
            project,
            OWNER,
        )

    def __call__(self, image):
        low_res, _ = pixels.to_floats(image, OWNER)
        self._check_channels(low_res.shape)
        rows, columns = self._spans(low_res.shape[:2])
        output = self._empty(low_res.shape)
        count = self.samples or 1
        total = count * len(rows) * len(columns)
        results = []
        with Progress("tiles", total, self.progress) as progress:
            for number in range(count):
                inputs = self._inputs(low_res, number)
                network = self._network()
                for _ in in_tiles(network, inputs, output, rows, columns):
                    progress.step()
                results.append(self.projector(output, image))
        if self.samples is None:
            return results[0]
        return together(results, np.stack([each.images for each in results]))

    @property
    def scale(self):
        """Pair of ints: how much rows and columns are enlarged."""
        return self.network.scale

    @property
    def channels(self):
        """Channels of the images that the model takes."""
        return self.network.channels

    @property
    def halo(self):
        """Pair of ints: pixels around a tile; None if they are not known."""
        halo = self.network.halo
        return None if halo is None else (halo, halo)

    def _network(self):
        if not self.self_ensemble:
            return self.network
        return self_ensemble(self.network, self.scale[0] == self.scale[1])

    def _inputs(self, low_res, number):
        """Returns what the network takes, for a sample of this number."""
        channels = self.network.noise_channels
        if not channels:
            return [low_res[None]]
        shape = (1, *low_res.shape[:2], channels)
        noise = noises.normal(shape, self.seed, number, noises.SAMPLE_STREAM)
        return [low_res[None], np.asarray(noise)]

    def _spans(self, sizes):
        tile = self.tile
        halo, period = self.network.halo, self.network.period
        if tile is None and halo is not None:
            tile = TILE
        if halo is None and max(sizes) > TILE:
            self._warn(sizes)
        return [
            spans(size, tile, scale, halo, period)
            for size, scale in zip(sizes, self.scale)
        ]

    def _warn(self, sizes):
        logging.getLogger(__name__).warning(
            "`%s` computes the guess of an image of %d x %d pixels whole, for "
            "which memory may not suffice. %s",
            OWNER,
            *sizes,
            self.network.no_tiles,
        )

    def _empty(self, shape):
        sizes = (scale * size for scale, size in zip(self.scale, shape))
        return np.empty((*sizes, shape[-1]), "float32")

    def _find_downsample(self, model, downsample, project):
        """Returns the operator given, or the model's, once it fits."""
        own = self.network.projection or (model if _is_ours(model) else None)
        downsample = downsample or getattr(own, "downsample", None)
        if downsample is None:
            if not project:
                return None
            raise ValueError(
                f"`{OWNER}` does not know what `{model.name}` inverts: it does "
                "not end in an AffineProjection. Give it the operator, for "
                "instance downsample=keras_affsr.layers.GaussianDownsample("
                f"scale={self.scale[0]}), or project=False for the model's own "
                "output."
            )
        checks.check_instance(downsample, Downsample, "downsample", OWNER)
        scale = checks.check_pair(downsample.scale, "scale", OWNER)
        if scale != self.scale:
            raise ValueError(
                f"`{OWNER}` received a model and a downsample that do not fit "
                f"each other. Received: `{model.name}`, which enlarges by "
                f"{self.scale}, and `{downsample.name}`, which shrinks by "
                f"{scale}. Expected: the same (rows, columns)."
            )
        return downsample

    def _check_samples(self, samples):
        if samples is None:
            return None
        if not self.network.noise_channels:
            raise ValueError(
                f"`{OWNER}` has nothing to sample: `{self.network.name}` takes "
                f"no noise. Received: samples={samples!r}. Leave it out, or "
                "use a generator with noise_channels."
            )
        return checks.check_count(samples, "samples", OWNER)

    def _check_tile(self, tile):
        if tile is None:
            return None
        if self.halo is None:
            raise ValueError(
                f"`{OWNER}` cannot cut images in tiles for "
                f"`{self.network.name}`. {self.network.no_tiles} Received: "
                f"tile={tile!r}. Leave it out: the image is then computed "
                "whole."
            )
        return checks.check_count(tile, "tile", OWNER)

    def _check_channels(self, shape):
        if shape[-1] != self.channels:
            raise ValueError(
                f"`{OWNER}` expects an image of {self.channels} channels, as "
                f"`{self.network.name}` does. Received: shape {shape}."
            )


def _is_ours(model):
    return isinstance(model, GeneratorModel)
