"""ImageNet (ILSVRC 2012): photographs of many things, cut square."""

import logging
import re

from keras_affsr import checks
from keras_affsr.data.find_images import find_images
from keras_affsr.data.square import check_square
from keras_affsr.data.square import square_batches
from keras_affsr.data.square_files import FileIndex
from keras_affsr.data.square_files import hash_order
from keras_affsr.data.tfds_builder import Archives
from keras_affsr.data.tfds_builder import prepared_split

LOGGER = logging.getLogger(__name__)

OWNER = "imagenet"

# The pictures that have all three splits within them.
SOURCE_SPLIT = "train"
# The names by which TFDS knows its pictures, whatever their folder.
NAMED = re.compile(r"(?:.*/)?(n\d{8}_\d+\.JPEG)")
FILES = ("ILSVRC2012_img_train.tar", "ILSVRC2012_img_val.tar")
ARCHIVES = Archives(
    name="imagenet2012",
    files=FILES,
    downloads=False,
    advice=(
        "ImageNet cannot be downloaded by a program. Register at "
        "https://image-net.org/download-images, download "
        f"{' and '.join(FILES)}, and put the two as they are, not unpacked, "
        "into <data_dir>/downloads/manual, or pass their folder as manual_dir. "
        "Or pass a folder of JPEGs as image_dir, for which TensorFlow Datasets "
        "is not needed."
    ),
)


def imagenet(
    split,
    size=128,
    batch_size=16,
    crop_size=None,
    min_bytes=20_000,
    held_out=10_000,
    seed=0,
    flips=True,
    start_batch=0,
    num_batches=None,
    image_dir=None,
    manual_dir=None,
    data_dir=None,
):
    """Makes a dataset of batches of ImageNet's photographs, cut square.

    As in the paper, the 1,281,167 training pictures of 2012 are split at
    random, 10,000 each for validation and testing; then files of less than
    20 kB are dropped; then the largest centred square is resized, by the
    antialiased cubic filter, as Pillow's.

    The split does not depend on the seed. In the order of `md5("train" +
    name)`, with names like n01440764_10026.JPEG, the first 10,000 are for
    testing, the next for validation, and the rest for training. That is also
    the order of TFDS's records, so that all sources give the same batches (but
    for 23 files, which TFDS writes anew as RGB JPEGs).

    Of a folder of other photographs the name is the path below it. Its splits
    have these numbers as well, and not a share of the names, so that their
    bounds move by the files that are added: a picture can come from testing
    into validation, and from validation into training. None that was trained on
    is ever held out. (Files that are removed do the reverse; only with more
    than `held_out` of them could what was trained on come into testing.) Put
    `data.fingerprint` of this dataset into the config of a `Checkpoint`, and no
    run goes on with other files.

    `"train"` is endless, in another order each epoch, and batch `b` is a
    function of the seed and `b` alone, so that `start_batch=b` goes on at once
    where a run has stopped. The other two are one pass, in the order above.

    The pictures come from `image_dir`, a folder of any depth of JPEGs, if it is
    given; else from TensorFlow Datasets (TFDS), which prepares `imagenet2012`,
    unless it has done so, from ILSVRC2012_img_train.tar and
    ILSVRC2012_img_val.tar in `manual_dir`.

    Args:
        split: `"train"`, `"validation"` or `"test"`.
        size: int. Side of the pictures that come out. Defaults to 128.
        batch_size: int. Pictures per batch. Defaults to 16.
        crop_size: int or None. Side of the centred square, in pixels of the
            file. A picture that is smaller gives its largest square, as all do
            for None. Defaults to None.
        min_bytes: int. Smaller files are dropped, after the split. Defaults to
            20,000.
        held_out: int. Pictures in each of the validation and test splits,
            before any is dropped. Defaults to 10,000.
        seed: int. Of the order and the flips of training. Defaults to 0.
        flips: bool. Whether training pictures are mirrored left to right by
            the toss of a coin. Defaults to True.
        start_batch: int. Number of the first batch. Defaults to 0.
        num_batches: int or None. How many batches there are at most: in
            training, the same ones in each epoch of `fit`. Defaults to None.
        image_dir: string or None. Defaults to None.
        manual_dir: string or None. None for `<data_dir>/downloads/manual`.
            Defaults to None.
        data_dir: string or None. A local folder, where TFDS keeps all its data;
            None for `~/tensorflow_datasets`. Defaults to None.

    Returns:
        `tf.data.Dataset` of float32 batches `(batch_size, size, size, 3)`, in
        [0, 1]. The last one of `"validation"` and `"test"` may be smaller.

    Raises:
        ValueError: If an argument will not do, or the split has no picture.
        FileNotFoundError: If one of the two archives is missing.
        OSError: If the system cannot read the folder.
        RuntimeError: If TFDS cannot prepare the archives.
        ImportError: If TFDS is needed and not installed.

    Example:

    ```python
    photographs = keras_affsr.data.imagenet("train", manual_dir="archives")
    downsample = keras_affsr.layers.GaussianDownsample(scale=4)
    pairs = keras_affsr.data.pairs(photographs, downsample)
    model.fit(pairs, steps_per_epoch=1000)
    ```

    Reference:
     - [Sonderby et al., 2017](https://arxiv.org/abs/1610.04490), section 5.5
       and appendix D
     - Russakovsky et al., ImageNet Large Scale Visual Recognition Challenge,
       IJCV 2015
    """
    check_square(split, size, crop_size, OWNER)
    min_bytes = checks.check_count(min_bytes, "min_bytes", OWNER, least=0)
    held_out = checks.check_count(held_out, "held_out", OWNER)
    if image_dir is not None:
        index = _files(image_dir)
    else:
        index = prepared_split(
            ARCHIVES, SOURCE_SPLIT, data_dir, manual_dir, OWNER
        )
    index = index.select(_split_items(split, len(index), held_out))
    return square_batches(
        _without_small(index, split, min_bytes),
        split,
        size,
        crop_size,
        batch_size,
        seed,
        flips,
        start_batch,
        num_batches,
        OWNER,
    )


def _files(image_dir):
    files = find_images(image_dir, OWNER)
    names = [_key(file.name) for file in files]
    return FileIndex([files[i] for i in hash_order(names, SOURCE_SPLIT)])


def _key(name):
    """Returns what a picture is called in the hash."""
    match = NAMED.fullmatch(name)
    return match[1] if match else name


def _split_items(split, count, held_out):
    """Returns the numbers of the pictures of a split."""
    if count <= 2 * held_out:
        raise ValueError(
            f"`{OWNER}` needs more than {2 * held_out} pictures to hold out "
            f"held_out={held_out} each for validation and test. Received: "
            f"{count}. Pass a held_out of less than {-(-count // 2)}."
        )
    bounds = {
        "test": (0, held_out),
        "validation": (held_out, 2 * held_out),
        "train": (2 * held_out, count),
    }
    return range(*bounds[split])


def _without_small(index, split, min_bytes):
    kept = index.at_least(min_bytes)
    LOGGER.info(
        "Kept %d of the %d pictures of split %s, of %d bytes or more.",
        len(kept),
        len(index),
        split,
        min_bytes,
    )
    if not len(kept):
        raise ValueError(
            f"`{OWNER}` has no picture left for split={split!r}: all "
            f"{len(index)} files are of less than min_bytes={min_bytes}. Pass "
            "a smaller min_bytes, such as 0."
        )
    return index.select(kept)
