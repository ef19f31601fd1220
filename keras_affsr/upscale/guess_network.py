"""The part of a generator that may be computed in tiles."""

import math

import keras
import tensorflow as tf
from keras import ops

from keras_affsr.layers import AffineProjection
from keras_affsr.models.check_networks import check_network
from keras_affsr.networks.shapes import input_shapes
from keras_affsr.networks.shapes import probe
from keras_affsr.upscale.receptive_field import receptive_field


class GuessNetwork:
    """A generator without its final projection, for images of any size.

    `P f(x) = f(x) + A+ (x - A f(x))`: the guess `f` is local, and may be
    computed in tiles; `A+` reaches over the whole image, and must not. One
    graph serves images of all sizes, if all layers can do so.

    Args:
        generator: Model. From `(batch, h, w, channels)` images, or a list of
            these and noise, to images.
        owner: str. Who refuses a generator that will not do.

    Attributes:
        projection: AffineProjection that the generator ends in, or None.
        scale: Pair of ints.
        channels: int. Channels of the images.
        noise_channels: int. Zero for a deterministic generator.
        halo: int. Low-resolution pixels around a tile that it needs; None if
            that cannot be known.
        period: int. Of which the beginning of a tile has to be a multiple.
        no_tiles: str. Why `halo` is None.

    Call arguments:
        low_res: Array `(1, h, w, channels)`.
        noise: Array `(1, h, w, noise_channels)`, for a stochastic generator.

    Returns:
        float32 tensor, `(1, scale * h, scale * w, channels)`.

    Raises:
        ValueError: If the generator does not map images to images.
    """

    def __init__(self, generator, owner):
        check_network(generator, "model", owner)
        self.owner, self.name = owner, generator.name
        guess, self.projection = _split(generator)
        shapes = _input_shapes(guess, owner)
        self.sizes = shapes[0][1:3]
        self.channels = shapes[0][-1]
        self.noise_channels = shapes[1][-1] if len(shapes) > 1 else 0
        self.scale = self._probe_scale(guess, shapes)
        self.halo, self.period, self.no_tiles = _reach(guess, self.scale)
        self.function = _one_graph(guess, shapes)

    def __call__(self, low_res, noise=None):
        self._check_size(low_res.shape)
        inputs = (low_res,) if noise is None else (low_res, noise)
        guess = self.function(*inputs)
        expected = _enlarged(low_res.shape, self.scale)
        if tuple(guess.shape) != expected:
            raise ValueError(
                f"`{self.owner}` expects `{self.name}` to make {expected} of "
                f"{tuple(low_res.shape)}. Received: {tuple(guess.shape)}. A "
                "network that shrinks images inside needs sizes that are "
                "multiples of what it shrinks by: crop the image."
            )
        return guess

    def _check_size(self, shape):
        if any(
            known not in (None, size)
            for known, size in zip(self.sizes, shape[1:3])
        ):
            raise ValueError(
                f"`{self.owner}` cannot give `{self.name}` an image of "
                f"{tuple(shape[1:3])} pixels: it was built for "
                f"{tuple(self.sizes)}. Build the network with `keras.Input("
                "(None, None, channels))`, and load these weights."
            )

    def _probe_scale(self, guess, shapes):
        known, made = probe(guess, shapes)
        ratios = [new // old for new, old in zip(made[1:3], known[1:3])]
        if made != _enlarged(known, ratios):
            expected = (1, *(f"scale * {size}" for size in known[1:3]))
            raise ValueError(
                f"`{self.owner}` needs a model that enlarges images by whole "
                f"numbers. Received: `{self.name}`, which makes {made} of "
                f"{known}. Expected: ({', '.join(map(str, expected))}, "
                f"{self.channels})."
            )
        return tuple(ratios)


def _enlarged(shape, scale):
    batch, height, width, channels = shape
    return batch, scale[0] * height, scale[1] * width, channels


def _input_shapes(network, owner):
    shapes = input_shapes(network)
    if len(shapes) not in (1, 2) or any(
        len(shape) != 4 or shape[-1] is None for shape in shapes
    ):
        raise ValueError(
            f"`{owner}` needs a model of images (batch, height, width, "
            "channels), and perhaps of noise as its second input. Received: "
            f"`{network.name}` with inputs of shapes {shapes}."
        )
    return shapes


def _split(generator):
    """Returns a generator without its projection, and the projection."""
    last = generator.layers[-1] if generator.layers else None
    ends = isinstance(last, AffineProjection) and (
        getattr(generator, "output", None) is last.output
    )
    # What is projected onto has to be the image itself.
    if not ends or last.input[1] is not generator.inputs[0]:
        return generator, None
    return keras.Model(generator.inputs, last.input[0]), last


def _reach(guess, scale):
    """Returns the halo, the period and "", or None, 1 and why not.

    They are one number for rows and columns: a self-ensemble exchanges these.
    """
    try:
        fields = receptive_field(guess)
    except ValueError as error:
        return None, 1, str(error)
    if any(field.pitch * ratio != 1 for field, ratio in zip(fields, scale)):
        return None, 1, f"`{guess.name}` does not keep its pixels in place."
    halo = max(field.halo for field in fields)
    return halo, math.lcm(*(field.period for field in fields)), ""


def _one_graph(guess, shapes):
    """Returns the network as a function that is traced once for all sizes."""

    def run(*inputs):
        inputs = inputs[0] if len(inputs) == 1 else list(inputs)
        return ops.cast(guess(inputs, training=False), "float32")

    signature = [
        tf.TensorSpec((None, *shape[1:]), "float32") for shape in shapes
    ]
    function = tf.function(run, signature, autograph=False)
    try:
        function.get_concrete_function()
    except (NotImplementedError, TypeError, ValueError):
        # Some layers, such as a bilinear UpSampling2D, want to know the size:
        # one graph for each.
        function = tf.function(run, autograph=False)
    return function
