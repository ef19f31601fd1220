"""Photographs cut to their centred square and resized, in batches."""

import tensorflow as tf

from keras_affsr import checks
from keras_affsr.data.batches import indexed_batches
from keras_affsr.data.broken_files import cause_of
from keras_affsr.data.decode import decode_image
from keras_affsr.data.decode import image_size
from keras_affsr.data.origins import with_origin

SPLITS = ("train", "validation", "test")
CHANNELS = 3


def square_batches(
    index,
    split,
    size,
    crop_size=None,
    batch_size=16,
    seed=0,
    flips=True,
    start_batch=0,
    num_batches=None,
    owner="square_batches",
):
    """Makes a dataset of batches of square pictures of one size.

    The split `"train"` is endless and shuffled anew each epoch, and batch `b`
    is a function of the seed and `b` alone; see `indexed_batches`. The others
    are one pass in the order of the index, each picture once and unmirrored.

    Args:
        index: `FileIndex` or `RecordIndex` of the split's pictures.
        split: `"train"`, `"validation"` or `"test"`.
        size: int. Side of the pictures that come out.
        crop_size: int or None. See `decode_square`.
        batch_size: int. Pictures per batch.
        seed: int.
        flips: bool. Whether training pictures are mirrored left to right by
            the toss of a coin.
        start_batch: int. Number of the first batch.
        num_batches: int or None. How many batches there are at most.
        owner: string. The function that a message should name.

    Returns:
        `tf.data.Dataset` of float32 batches `(batch_size, size, size, 3)`, in
        [0, 1]. The last one of `"validation"` and `"test"` may be smaller.
    """
    training = split == "train"

    def load(item, key):
        image = decode_square(index.contents(item), size, crop_size)
        return _maybe_mirrored(image, key) if training and flips else image

    batching = {
        "batch_size": batch_size,
        "seed": seed,
        "shuffle": training,
        "repeat": training,
    }
    dataset = indexed_batches(
        load,
        len(index),
        start_batch=start_batch,
        num_batches=num_batches,
        on_broken=_refuser(index, owner),
        **batching,
    )
    streams = [(len(index), lambda item: (index.file(item),))]
    return with_origin(dataset, streams, batching)


def decode_square(contents, size, crop_size=None):
    """Decodes the centred square of an image file, and resizes it.

    Of an image of `height x width` pixels it is the square of side `s` whose
    upper left pixel is `((height - s) // 2, (width - s) // 2)`; nothing else
    of a JPEG is decoded. The cubic filter is widened by the scale, as in
    Pillow's `resize(..., Resampling.BICUBIC)`, so that no frequency above the
    new grid's is folded into it. Its overshoot is clipped. A square smaller
    than `size` is enlarged.

    Args:
        contents: string tensor `()`. The bytes of a file.
        size: int. Side of the picture that comes out.
        crop_size: int or None. Side `s` of the square, at most the shorter side
            of the image, which is also what None stands for.

    Returns:
        float32 tensor `(size, size, 3)`, in [0, 1].

    Reference:
     - [Sonderby et al., 2017](https://arxiv.org/abs/1610.04490), appendix D
    """
    whole = image_size(contents)  # [2]
    side = tf.reduce_min(whole)
    if crop_size is not None:
        side = tf.minimum(side, crop_size)
    corner = (whole - side) // 2  # [2]
    box = tf.concat([corner, [side, side]], 0)  # [4]
    image = decode_image(contents, CHANNELS, box)
    image = tf.image.resize(image, (size, size), "bicubic", antialias=True)
    return tf.clip_by_value(image, 0.0, 1.0)


def check_square(split, size, crop_size, owner):
    """Raises unless the arguments that every set of squares has will do."""
    checks.check_choice(split, SPLITS, "split", owner)
    checks.check_count(size, "size", owner)
    if crop_size is not None:
        checks.check_count(crop_size, "crop_size", owner)


def _refuser(index, owner):
    """Returns what to do about a picture that cannot be decoded."""

    def refuse(item, error):
        name = index.file(item).path
        raise ValueError(
            f"The picture {name} cannot be decoded: "
            f"{cause_of(error, name, owner)}. Replace the file by a whole one, "
            "or remove it."
        )

    return refuse


def _maybe_mirrored(image, key):
    coin = tf.random.stateless_uniform((), key, 0, 2, dtype="int32")
    return tf.cond(coin == 1, lambda: image[:, ::-1], lambda: image)
