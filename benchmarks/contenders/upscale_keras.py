"""Enlarging an image, by this package."""

from contenders.clock import timed

SMALL = 256 * 256  # Pixels; of larger images a turn is one, and not tried out.


def upscale(
    height,
    width,
    preset="grass",
    channels=3,
    dtype="float32",
    batch_size=1,
    pixels="uint8",
    **options,
):
    """`upscale(model, image)`: a new graph, tiles, projection and rounding."""
    from keras_affsr.upscale import upscale

    generator = make_generator(preset, channels, dtype)

    def work(image):
        return upscale(generator, image, **options)

    return images_in_turn(work, height, width, channels, batch_size, pixels)


def upscaler(
    height,
    width,
    preset="grass",
    channels=3,
    dtype="float32",
    batch_size=1,
    pixels="uint8",
    **options,
):
    """The same by an `Upscaler` that is there already, as for many images."""
    from keras_affsr.upscale import Upscaler

    work = Upscaler(make_generator(preset, channels, dtype), **options)
    turn = images_in_turn(work, height, width, channels, batch_size, pixels)
    small = work(photograph(64, 64, channels, pixels))
    turn.check = {
        "low_res_psnr": small.low_res_psnr,
        "reproduced": small.reproduced,
    }
    return turn


def predict(
    height,
    width,
    preset="grass",
    channels=3,
    dtype="float32",
    batch_size=1,
    jit_compile=False,
):
    """The bare model in a graph, projection and all, on the whole image."""
    import numpy as np
    import tensorflow as tf

    generator = make_generator(preset, channels, dtype)
    image = photograph(height, width, channels, "float32")
    low_res = tf.constant(np.repeat(image[None], batch_size, axis=0))
    function = tf.function(
        lambda images: generator(images, training=False),
        jit_compile=jit_compile,
    )
    error = generator.layers[-1].downsample(function(low_res)) - low_res
    turn = timed(
        lambda: function(low_res)[0, 0, 0, 0].numpy(),
        repeats(height, width, batch_size),
    )
    turn.check = {"low_res_mse": float(tf.reduce_mean(error**2))}
    turn()
    return turn


def make_generator(preset, channels, dtype):
    import keras

    import keras_affsr

    keras.utils.set_random_seed(0)
    if dtype != "float32":
        keras.config.set_dtype_policy(f"mixed_{dtype}")
    downsample = keras_affsr.layers.GaussianDownsample(scale=4)
    return keras_affsr.networks.generator(downsample, preset, channels)


def images_in_turn(work, height, width, channels, batch_size, pixels):
    """Returns a turn of so many images, one after the other."""
    images = [photograph(height, width, channels, pixels)] * batch_size
    turn = timed(
        lambda: [work(image) for image in images],
        repeats(height, width, batch_size),
    )
    if height * width > SMALL:
        work(photograph(64, 64, channels, pixels))
        return turn
    turn()
    turn()
    return turn


def photograph(height, width, channels, pixels):
    """Returns a low-resolution photograph, mirrored where it ends."""
    import numpy as np

    import keras_affsr

    image = keras_affsr.data.photograph("astronaut")
    sides = [
        (0, max(0, 4 * size - there))
        for size, there in zip((height, width), image.shape)
    ]
    image = np.pad(image, [*sides, (0, 0)], "symmetric")
    image = image[None, : 4 * height, : 4 * width, :channels]
    downsample = keras_affsr.layers.GaussianDownsample(scale=4)
    low_res = np.asarray(downsample(image))[0]
    return low_res if pixels == "float32" else np.uint8(255 * low_res + 0.5)


def repeats(height, width, batch_size):
    return max(1, 64 * 64 * 4 // (height * width * batch_size))
