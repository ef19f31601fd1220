"""Loading the same patch of the files that belong together."""

import os

import tensorflow as tf

from keras_affsr.data.decode import decode_image
from keras_affsr.data.decode import image_size


def patch_loader(groups, ratios, patch, channels, random, flips, unit=(1, 1)):
    """Returns the function that loads an item, for `indexed_batches`.

    Args:
        groups: list of tuples of files, of one length and with their `path`:
            those of each item.
        ratios: For each file of a tuple, the pair (rows, columns) of numbers by
            which it is larger than the first.
        patch: Pair of ints, the height and width of the patch of the first
            file; None for the whole image.
        channels: int. 1 or 3.
        random: bool. Whether the patch lies anywhere, and not in the centre.
        flips: bool. Whether it is mirrored along each axis by a coin.
        unit: Pair of ints, of which the size of a whole image is cropped to a
            multiple. Defaults to (1, 1).

    Returns:
        Function from `item` and `key` to a tuple of float32 tensors `(height,
        width, channels)` in [0, 1], or the one of them.
    """
    # Names of a file system need not be UTF-8.
    paths = [
        tf.constant([os.fsencode(file.path) for file in files])
        for files in zip(*groups)
    ]

    def load(item, key):
        contents = [tf.io.read_file(files[item]) for files in paths]
        size = image_size(contents[0])
        extent = size - size % unit if patch is None else patch
        start = _start(size - extent, key, random)
        images = []
        for file, ratio in zip(contents, ratios):
            box = tf.concat([start * ratio, extent * tf.constant(ratio)], 0)
            image = decode_image(file, channels, box)
            if flips:
                # `tf.reverse` takes axes, of which the number would vary.
                image = tf.raw_ops.Reverse(tensor=image, dims=_coins(key))
            image.set_shape(_shape(patch, ratio, channels))
            images.append(image)
        return images[0] if len(images) == 1 else tuple(images)

    return load


def _start(room, key, random):
    """Returns the upper left corner of a patch that has `room` to lie in."""
    if not random:
        return room // 2
    # In float64, in which rounding cannot reach one position too far.
    place = tf.random.stateless_uniform((2,), key, dtype="float64")
    return tf.cast(place * tf.cast(room + 1, "float64"), "int32")


def _coins(key):
    """Returns whether to mirror each axis of an image; not its channels."""
    key = tf.random.fold_in(key, 1)
    coins = tf.random.stateless_uniform((2,), key) < 0.5
    return tf.concat([coins, [False]], axis=0)


def _shape(patch, ratio, channels):
    if patch is None:
        return (None, None, channels)
    return (patch[0] * ratio[0], patch[1] * ratio[1], channels)
