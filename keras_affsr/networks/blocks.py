"""What the networks are made of."""

import keras

from keras_affsr import checks
from keras_affsr.layers import FusedBatchNormalization
from keras_affsr.layers import MirroredConv2D

# Keras's default of 0.99 forgets the first, wildest steps so slowly that short
# trainings are evaluated with statistics of networks long gone.
MOMENTUM = 0.9

# How far from zero, in units of a first layer's one input, units may bend.
BIAS_SPREAD = 7.0


def convolution(tensor, filters, strides=1, normalization="batch", name=None):
    """Convolution, batch norm and ReLU, as in all of the paper's networks."""
    tensor = MirroredConv2D(
        filters,
        strides=strides,
        use_bias=normalization is None,  # Batch norm brings its own.
        kernel_initializer="he_normal",
        name=f"{name}_conv",
    )(tensor)
    if normalization == "batch":
        tensor = FusedBatchNormalization(
            momentum=MOMENTUM, name=f"{name}_norm"
        )(tensor)
    return keras.layers.ReLU(name=f"{name}_relu")(tensor)


def add_skip(tensor, skipped, name):
    """Adds a skip connection; a 1 x 1 convolution matches the channels."""
    if skipped.shape[-1] != tensor.shape[-1]:
        skipped = keras.layers.Conv2D(
            tensor.shape[-1], 1, use_bias=False, name=f"{name}_match"
        )(skipped)
    return keras.layers.Add(name=name)([tensor, skipped])


def dense(tensor, units, name):
    """Fully connected layer and tanh, for the toy problem.

    The biases are random: with few inputs and biases of zero all units would
    bend at the same place, and a map that jumps many times, as from x to the
    arms of a spiral, would be learned late or never.
    """
    spread = BIAS_SPREAD / tensor.shape[-1] ** 0.5
    return keras.layers.Dense(
        units,
        "tanh",
        kernel_initializer="lecun_normal",
        bias_initializer=keras.initializers.RandomUniform(-spread, spread),
        name=name,
    )(tensor)


def scaled(filters, width, owner):
    """Multiplies the filters by `width`, keeping at least one of each."""
    width = checks.check_positive(width, "width", owner)
    return [max(1, round(number * width)) for number in filters]


def preset(name, presets, owner, **given):
    """Returns a preset's settings, those that are given in place of its own."""
    checks.check_choice(name, tuple(presets), "preset", owner)
    given = {key: value for key, value in given.items() if value is not None}
    return {**presets[name], **given}
