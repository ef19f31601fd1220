"""Random patches of a few images, as an endless and repeatable dataset."""

import numpy as np
import tensorflow as tf

from keras_affsr import checks

OWNER = "texture_patches"


def texture_patches(
    images,
    patch_size=64,
    batch_size=16,
    seed=0,
    flips=True,
    num_batches=None,
    start_batch=0,
):
    """Makes a dataset of batches of random patches of one or more images.

    Every position of a patch in every image is equally likely, so that large
    images give more patches. Batch `i` depends on `seed` and `i` alone: the
    dataset repeats itself exactly when it is made again, all its batches
    differ, and `start_batch=i` goes on where a run has stopped.

    Without `num_batches` the dataset is endless. Give `fit` its
    `steps_per_epoch` then; Keras keeps reading where the epoch before stopped,
    so that every epoch has new patches. With `num_batches`, every epoch has
    the same ones, which is what `validation_data` needs.

    Args:
        images: Float array in [0, 1], `(height, width, channels)`, or a list
            of such arrays, of any sizes and the same number of channels; or
            one array `(batch, height, width, channels)`.
        patch_size: int. Side of the square patches. Defaults to 64.
        batch_size: int. Patches per batch. Defaults to 16.
        seed: int. Defaults to 0.
        flips: bool. Whether each patch is mirrored left to right, and upside
            down, by the toss of a coin. Defaults to True.
        num_batches: int or None. Length of the dataset. Defaults to None.
        start_batch: int. Number of the first batch; those before it are not
            made, which `dataset.skip` would do. Defaults to 0.

    Returns:
        `tf.data.Dataset` of float32 batches of static shape
        `(batch_size, patch_size, patch_size, channels)`, in [0, 1].

    Raises:
        ValueError: If the images are not floats in [0, 1] of the shapes above,
            or one is smaller than a patch.

    Example:

    >>> import keras_affsr.data
    >>> patches = keras_affsr.data.texture_patches(
    ...     keras_affsr.data.grass("train"), patch_size=32, batch_size=8)
    >>> next(iter(patches)).shape
    TensorShape([8, 32, 32, 1])
    """
    patch_size = checks.check_count(patch_size, "patch_size", OWNER)
    batch_size = checks.check_count(batch_size, "batch_size", OWNER)
    seed = checks.check_count(seed, "seed", OWNER, least=0)
    images = _check_images(images, patch_size)
    make_batch = _batch_maker(images, patch_size, batch_size, seed, flips)
    indices = batch_numbers(start_batch, num_batches, OWNER)
    options = tf.data.Options()
    options.deterministic = True
    dataset = indices.map(make_batch, num_parallel_calls=tf.data.AUTOTUNE)
    return dataset.prefetch(tf.data.AUTOTUNE).with_options(options)


def batch_numbers(start_batch, num_batches, owner):
    """Returns a dataset of the numbers of batches, int64, or raises.

    Args:
        start_batch: int. The first number.
        num_batches: int or None. How many; without end if None.
        owner: string. Who asks.
    """
    start = checks.check_count(start_batch, "start_batch", owner, least=0)
    if num_batches is None:
        return tf.data.Dataset.counter(start)
    count = checks.check_count(num_batches, "num_batches", owner)
    return tf.data.Dataset.range(start, start + count)


def _check_images(images, patch_size):
    if getattr(images, "ndim", 4) <= 3:
        images = [images]
    images = [
        checks.check_unit_range(image, "images", OWNER) for image in images
    ]
    shapes = [image.shape for image in images]
    if not images or any(len(shape) != 3 for shape in shapes):
        raise ValueError(
            f"`{OWNER}` expects `images` of shape (height, width, channels), "
            f"one or a list. Received: shapes {shapes}. Give a grey image its "
            "channel with `image[..., None]`."
        )
    if len({shape[2] for shape in shapes}) > 1:
        raise ValueError(
            f"`{OWNER}` expects images of the same number of channels. "
            f"Received: shapes {shapes}."
        )
    for shape in shapes:
        if min(shape[:2]) < patch_size:
            raise ValueError(
                f"`{OWNER}` cannot cut a patch of patch_size={patch_size} out "
                f"of an image of shape {shape}. Leave the image out, or make "
                f"patch_size at most {min(min(s[:2]) for s in shapes)}."
            )
    return images


def _batch_maker(images, patch_size, batch_size, seed, flips):
    """Returns the function from the number of a batch to the batch."""
    heights, widths = np.array([image.shape[:2] for image in images]).T
    across = widths - patch_size + 1  # [images], positions in a row.
    ends = np.cumsum((heights - patch_size + 1) * across)
    channels = images[0].shape[-1]
    # All pixels one after the other, so that one gather serves images of
    # different sizes; on the CPU, where tf.data runs.
    flat = [image.reshape(-1, channels) for image in images]
    with tf.device("CPU"):
        pixels = tf.constant(np.concatenate(flat))  # [pixels, channels]
    first_pixels = np.cumsum([0] + [len(image) for image in flat[:-1]])
    offsets = np.arange(patch_size)

    def make_batch(index):
        position, down, right = _draw((seed, index), batch_size, ends[-1])
        image = tf.searchsorted(ends, position, side="right")  # [batch]
        position -= tf.gather(np.append(0, ends), image)
        row = position // tf.gather(across, image)
        column = position % tf.gather(across, image)
        rows = row[:, None] + _maybe_reversed(offsets, flips & down)
        columns = column[:, None] + _maybe_reversed(offsets, flips & right)
        starts = tf.gather(first_pixels, image)[:, None]  # [batch, 1]
        starts += rows * tf.gather(widths, image)[:, None]  # [batch, patch]
        return tf.gather(pixels, starts[:, :, None] + columns[:, None, :])

    return make_batch


def _draw(key, batch_size, num_positions):
    """Draws a position and two coins for each patch, from the key alone."""
    key = tf.stack([tf.cast(number, "int64") for number in key])
    position = tf.random.stateless_uniform(
        (batch_size,), key, 0, num_positions, dtype="int64"
    )
    coins = tf.random.stateless_uniform(
        (2, batch_size), tf.random.fold_in(key, 1), 0, 2, dtype="int32"
    )
    return position, coins[0] == 1, coins[1] == 1


def _maybe_reversed(offsets, reverse):
    return tf.where(reverse[:, None], offsets[::-1], offsets)  # [batch, patch]
