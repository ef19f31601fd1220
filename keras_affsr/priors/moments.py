"""Mean and standard deviation of images, of arrays and of datasets."""

import numpy as np
import tensorflow as tf

from keras_affsr import checks

# What is left of the square of one by cancellation, and far below the variance
# of an image with two neighbouring levels of 8 bits.
EPSILON = 1e-12


def moments(images, channels, steps, owner):
    """Measures the mean and standard deviation of each channel.

    Args:
        images: Array `(batch, height, width, channels)` in [0, 1], or
            `tf.data.Dataset` of such batches or of pairs `(low_res,
            high_res)`, of which the second counts.
        channels: int. Number of channels that is expected.
        steps: int or None. How many batches of a dataset to read.
        owner: str. Who asks.

    Returns:
        Two float32 arrays `(channels,)`.

    Raises:
        ValueError: If the images are of another kind, or do not vary.
    """
    count, total, squares = 0, np.zeros(channels), np.zeros(channels)
    for batch in _batches(images, steps, owner):
        pixels = _pixels(batch, channels, owner)  # [n, channels]
        count += len(pixels)
        total += np.sum(pixels, axis=0)
        squares += np.sum(pixels**2, axis=0)
    if not count:
        raise ValueError(
            f"`{owner}` received no images to adapt to. Give it a dataset "
            "that is not empty, or not used up."
        )
    mean = total / count
    variance = squares / count - mean**2
    if np.any(variance < EPSILON):
        raise ValueError(
            f"`{owner}` needs images that vary in every channel. Received: "
            f"images with standard deviations {np.sqrt(np.abs(variance))}."
        )
    return mean.astype("float32"), np.sqrt(variance).astype("float32")


def _batches(images, steps, owner):
    """Returns an iterable of batches, of one if `images` is an array."""
    if isinstance(images, np.ndarray | tf.Tensor):
        return [images]
    if not isinstance(images, tf.data.Dataset):
        raise ValueError(
            f"`{owner}` adapts to an array or to a `tf.data.Dataset`. "
            f"Received: {type(images).__name__}. Call `adapt` with some "
            "images as an array before `fit`."
        )
    if steps is not None:
        steps = checks.check_count(steps, "steps", owner)
        return images.take(steps)
    if images.cardinality() == tf.data.INFINITE_CARDINALITY:
        raise ValueError(
            f"`{owner}` cannot adapt to all of a dataset without end. Say how "
            "many batches to read, for instance with `steps=32`."
        )
    return images


def _pixels(batch, channels, owner):
    """Returns the pixels of a batch, one in each row, as float64."""
    images = batch[1] if isinstance(batch, tuple) else batch
    images = checks.check_unit_range(images, "images", owner)
    checks.check_image_shape(images.shape, "images", owner)
    if images.shape[-1] != channels:
        raise ValueError(
            f"`{owner}` is a prior for {channels} channels. Received: "
            f"`images` of shape {images.shape}."
        )
    return images.reshape(-1, channels).astype("float64")
