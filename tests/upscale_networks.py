"""Networks that see in every way that tiles have to know of, scale 2."""

import keras
from keras import layers
from keras import ops

from keras_affsr.layers import AffineProjection
from keras_affsr.layers import BoxDownsample
from keras_affsr.layers import SubPixel
from keras_affsr.networks import generator

DOWNSAMPLE = BoxDownsample(scale=2)


def image_input(size=None):
    return keras.Input((size, size, 1))


def mirrored():
    """Of the package: skips, batch norm, mirrored borders."""
    return generator(
        DOWNSAMPLE, channels=1, filters=(4, 6, 4), skip_every=2, project=False
    )


def dilated():
    """Dilation, separable and depthwise kernels, an asymmetric border."""
    inputs = image_input()
    tensor = layers.Conv2D(4, 3, dilation_rate=(2, 5), padding="same")(inputs)
    tensor = layers.LayerNormalization()(tensor)
    tensor = layers.SeparableConv2D(4, (5, 4), padding="same")(tensor)
    tensor = layers.ZeroPadding2D(((3, 0), (1, 1)))(tensor)
    tensor = layers.DepthwiseConv2D((4, 3), activation="tanh")(tensor)
    return keras.Model(inputs, SubPixel(2)(tensor))


def hourglass():
    """Strides, pooling, enlargement, and skips between the same sizes."""
    inputs = image_input()
    fine = layers.Conv2D(4, 3, padding="same")(inputs)
    coarse = layers.Conv2D(4, 3, strides=2, padding="same")(fine)
    coarsest = layers.AveragePooling2D(2)(coarse)
    coarsest = layers.Conv2D(4, 3, padding="same")(coarsest)
    up = layers.Conv2DTranspose(4, 4, strides=2, padding="same")(coarsest)
    up = layers.Concatenate()([up, coarse])
    up = layers.UpSampling2D(2)(up)
    tensor = layers.Conv2D(4, 1)(layers.Concatenate()([up, fine]))
    return keras.Model(inputs, SubPixel(2)(tensor))


def strided():
    """A wide kernel that reads every second pixel."""
    inputs = image_input()
    tensor = layers.Conv2D(16, 7, strides=2, padding="same")(inputs)
    return keras.Model(inputs, SubPixel(4)(tensor))


def interpolated():
    """A bilinear enlargement, to which a transposed convolution adds."""
    inputs = image_input()
    smooth = layers.UpSampling2D(2, interpolation="bilinear")(inputs)
    tensor = layers.Conv2DTranspose(1, 5, strides=2, padding="same")(inputs)
    return keras.Model(inputs, layers.Add()([smooth, tensor]))


def nested():
    """A model called twice within a model, a Sequential one, operations."""
    inside = keras.Input((None, None, 4))
    once = layers.Conv2D(4, 3, padding="same", activation="tanh")(inside)
    block = keras.Model(inside, once + inside)
    head = keras.Sequential(
        [layers.Conv2D(4, 3, padding="same"), layers.PReLU(shared_axes=[1, 2])]
    )
    inputs = image_input()
    tensor = block(block(head(inputs)))
    tensor = ops.pad(tensor, ((0, 0), (1, 1), (1, 1), (0, 0)), "reflect")
    tensor = layers.Cropping2D(((2, 0), (1, 1)))(tensor)
    tensor = layers.ZeroPadding2D(((2, 0), (1, 1)))(tensor)
    tensor = layers.Cropping2D(((1, 1), (1, 1)))(tensor)
    tensor = ops.clip(0.5 * tensor, -3.0, 3.0)
    return keras.Model(inputs, SubPixel(2)(tensor))


NETWORKS = {
    function.__name__: function
    for function in (
        *(mirrored, dilated, hourglass, strided),
        *(interpolated, nested),
    )
}


def attention():
    """One whose pixels see all others."""
    inputs = image_input()
    tensor = layers.Conv2D(4, 3, padding="same")(inputs)
    mean = layers.GlobalAveragePooling2D(keepdims=True, name="squeeze")(tensor)
    tensor = layers.Multiply()([tensor, layers.Dense(4, "sigmoid")(mean)])
    return keras.Model(inputs, SubPixel(2)(tensor), name="excited")


def projected(network):
    """Returns a network with the projection behind it."""
    output = AffineProjection(DOWNSAMPLE)(network.output, network.input)
    return keras.Model(network.input, output)
