"""The affine projection of an image, by this package; and its two extremes.

The dense matrices that one writes first, and the copy that nothing can beat.
"""

import functools

import numpy as np

from contenders import sizes
from contenders.clock import timed

MAX_DENSE = 128  # The two matrices of 128 x 128 pixels have 64 MiB each.
CACHED = 256  # Smaller images are copied faster than a thread is woken.


def project(size, channels=3, jit_compile=None):
    """`AffineProjection`, compiled."""
    import tensorflow as tf

    from keras_affsr import layers

    downsample = layers.GaussianDownsample(scale=4)
    guess, images = map(tf.constant, pair(size, channels))
    low_res = downsample(images)
    projection = tf.function(
        layers.AffineProjection(downsample), jit_compile=jit_compile
    )
    exactly = layers.GaussianDownsample(scale=4, dtype="float64")
    projection(guess, low_res)
    projected = tf.cast(projection(guess, low_res), "float64")
    error = exactly(projected) - tf.cast(low_res, "float64")
    turn = timed(lambda: projection(guess, low_res), repeats(size))
    turn.check = {"low_res_mse": float(tf.reduce_mean(error**2))}
    return turn


def dense(size, channels=1):
    """The same with `A`, and its pseudo-inverse, as one matrix each."""
    import tensorflow as tf

    if size > MAX_DENSE:
        raise ValueError(
            f"Dense matrices are for images of up to {MAX_DENSE} pixels each "
            f"way. Received: size={size}, whose pseudo-inverse would need "
            f"{size**4 / 4 / 2**30:.0f} GiB."
        )
    axis = sizes.axis_matrix(size // 4)
    matrix = np.kron(axis, axis)  # [n_low, n_high]
    arrays = [matrix, np.linalg.pinv(matrix)]
    # One row for each channel: TensorFlow multiplies columns more slowly.
    arrays += [image.reshape(-1, channels).T for image in pair(size, channels)]
    down, up, guess, images = (tf.constant(each, "float32") for each in arrays)
    multiply = functools.partial(tf.matmul, transpose_b=True)
    low_res = multiply(images, down)  # [channels, n_low]

    @tf.function
    def projection():
        return guess + multiply(low_res - multiply(guess, down), up)

    projection()
    error = projection().numpy().astype("float64") @ matrix.T - low_res.numpy()
    turn = timed(projection, repeats(size))
    turn.check = {"low_res_mse": float(np.mean(error**2))}
    return turn


def copy(size, channels=3):
    """Every pixel of an image read once and written once.

    NumPy in two threads copies faster than TensorFlow: that makes a new tensor
    for each result, and has to be told not to skip a copy. Below the size where
    the image stays in a core's cache, one thread is faster than two.
    """
    from concurrent.futures import ThreadPoolExecutor

    source, target = pair(size, channels)
    times = 64 * repeats(size)
    if size <= CACHED:
        return timed(lambda: np.copyto(target, source), times)
    upper, lower = zip(
        *(np.split(each, 2, axis=1) for each in (target, source))
    )
    pool = ThreadPoolExecutor(1)

    def both():
        half = pool.submit(np.copyto, *upper)
        np.copyto(*lower)
        half.result()

    return timed(both, times)


def pair(size, channels):
    """Returns two random images, `(1, size, size, channels)`."""
    shape = (2, 1, size, size, channels)
    return np.random.default_rng(0).random(shape, "float32")


def repeats(size):
    """Returns how often to project in one turn, of some tenths of a second."""
    return max(1, 2**22 // size**2)
