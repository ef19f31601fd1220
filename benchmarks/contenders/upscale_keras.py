"""Enlarging an image, by this package."""

from contenders.clock import timed


def upscale(height, width):
    """`upscale(model, image)`: a new graph, tiles, projection and rounding."""
    import numpy as np

    from keras_affsr.upscale import upscale

    generator = make_generator("float32")
    image = np.uint8(255 * photograph(height, width) + 0.5)
    upscale(generator, image[:64, :64])
    return timed(lambda: upscale(generator, image), repeats(height, width))


def predict(height, width, dtype="float32", batch_size=1):
    """The bare model in a graph, projection and all, on the whole image."""
    import numpy as np
    import tensorflow as tf

    generator = make_generator(dtype)
    image = photograph(height, width)
    low_res = tf.constant(np.repeat(image[None], batch_size, axis=0))
    function = tf.function(lambda images: generator(images, training=False))
    error = generator.layers[-1].downsample(function(low_res)) - low_res
    turn = timed(
        lambda: function(low_res)[0, 0, 0, 0].numpy(),
        repeats(height, width, batch_size),
    )
    turn.check = {"low_res_mse": float(tf.reduce_mean(error**2))}
    turn()
    return turn


def make_generator(dtype):
    import keras

    import keras_affsr

    keras.utils.set_random_seed(0)
    if dtype != "float32":
        keras.config.set_dtype_policy(f"mixed_{dtype}")
    downsample = keras_affsr.layers.GaussianDownsample(scale=4)
    return keras_affsr.networks.generator(downsample, "grass")


def photograph(height, width):
    """Returns a low-resolution photograph in [0, 1], mirrored to its size."""
    import numpy as np

    import keras_affsr

    image = keras_affsr.data.photograph("astronaut")
    sides = [
        (0, max(0, 4 * size - there))
        for size, there in zip((height, width), image.shape)
    ]
    image = np.pad(image, [*sides, (0, 0)], "symmetric")
    downsample = keras_affsr.layers.GaussianDownsample(scale=4)
    return np.asarray(downsample(image[None, : 4 * height, : 4 * width]))[0]


def repeats(height, width, batch_size=1):
    """Returns how often to do it in a turn, of some tenths of a second."""
    return max(1, 64 * 64 * 4 // (height * width * batch_size))
