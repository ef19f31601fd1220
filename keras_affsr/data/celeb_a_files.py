"""The splits of a folder of photographs of faces."""

import logging
import os
import re

from keras_affsr.data.find_images import find_images
from keras_affsr.data.square import SPLITS
from keras_affsr.data.square_files import FileIndex
from keras_affsr.data.square_files import hash_order
from keras_affsr.data.square_files import name_hash

LOGGER = logging.getLogger(__name__)

PARTITION = "list_eval_partition.txt"
NUMBERED = re.compile(r"(\d{6})\.\w+")
# The number of the last picture of each split.
LAST = {"train": 162_770, "validation": 182_637, "test": 202_599}
# Of other pictures, in tenths.
TENTHS = ("train",) * 8 + ("validation", "test")


def face_files(image_dir, split, owner):
    """Returns the files of one split of a folder of faces.

    Args:
        image_dir: string. Folder of CelebA's pictures, or of others.
        split: `"train"`, `"validation"` or `"test"`.
        owner: string. Who asks.

    Returns:
        `FileIndex`, in the order of TFDS's records.

    Raises:
        ValueError: If there is no such folder, or no picture of that split
            in it.
    """
    folder = os.path.expanduser(os.fspath(image_dir))
    files = find_images(folder, owner)
    names = [_celeb_a_name(file.path) for file in files]
    if _are_celeb_a(names, folder):
        splits = _standard_splits(names, folder)
    else:
        names = [file.name for file in files]
        splits = _hashed_splits(names, folder)
    items = [item for item, other in enumerate(splits) if other == split]
    if not items:
        counts = {name: splits.count(name) for name in SPLITS}
        raise ValueError(
            f"`{owner}` finds no picture of split={split!r} in the folder "
            f"{folder}. Received: {len(files)} pictures, by split {counts}. "
            "Add pictures to the folder, or pass another split."
        )
    order = hash_order([names[item] for item in items], split)
    return FileIndex([files[items[position]] for position in order])


def _are_celeb_a(names, folder):
    """Returns whether files are CelebA's, by their names.

    Six digits are a common name: CelebA's reach the numbers of its test split.
    """
    numbers = [int(name[:6]) for name in names if name]
    if 2 * len(numbers) < len(names):
        return False
    return (
        max(numbers) > LAST["validation"] or _read_partition(folder) is not None
    )


def _celeb_a_name(path):
    """Returns what CelebA calls the picture of a file, or None."""
    match = NUMBERED.fullmatch(os.path.basename(path))
    # There is a version of it in PNG.
    return f"{match[1]}.jpg" if match else None


def _standard_splits(names, folder):
    """Returns the split of each name, or None for one that has none."""
    listed = _read_partition(folder)
    if listed is None:
        splits = [_split_of_number(name) for name in names]
    else:
        splits = [listed.get(name) for name in names]
    strangers = splits.count(None)
    if strangers:
        LOGGER.warning(
            "Left out %d of %d files in %s, not named in CelebA's split.",
            strangers,
            len(names),
            folder,
        )
    return splits


def _read_partition(folder):
    """Returns the split of each name, or None if there is no list of them."""
    for place in (folder, os.path.dirname(os.path.abspath(folder))):
        path = os.path.join(place, PARTITION)
        if os.path.isfile(path):
            return _read_list(path)
    return None


def _read_list(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        rows = [line.split() for line in file if line.strip()]
    try:
        return {name: SPLITS[("0", "1", "2").index(n)] for name, n in rows}
    except ValueError as error:
        raise ValueError(
            f"{path} is no list of CelebA's split: {error}. Expected lines "
            "such as '000001.jpg 0', with 0, 1 or 2. Replace it by "
            f"{PARTITION} as its authors hand it out, or remove it."
        ) from error


def _split_of_number(name):
    number = int(name[:6]) if name else 0
    if number == 0:
        return None
    return next((s for s, last in LAST.items() if number <= last), None)


def _hashed_splits(names, folder):
    """Draws a split for each name, whatever the other names are."""
    LOGGER.warning(
        "The files in %s are not numbered as CelebA's are: 80, 10 and 10 %% of "
        "them, by a hash of their names, are for training, validation and "
        "test.",
        folder,
    )
    hashes = [int.from_bytes(name_hash(name), "big") for name in names]
    return [TENTHS[value % 10] for value in hashes]
