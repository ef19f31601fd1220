"""Data sets that TensorFlow Datasets (TFDS) has prepared, or prepares now."""

import collections
import contextlib
import logging
import os
import sys

from keras_affsr.data.tfds_records import record_index

LOGGER = logging.getLogger(__name__)

# What TFDS prepares a data set of: its name there, the names of the files, if
# it can download them, and the advice for when they are missing or broken.
Archives = collections.namedtuple("Archives", "name files downloads advice")


def prepared_split(archives, split, data_dir, manual_dir, owner):
    """Returns the records of a split, once TFDS has prepared them.

    What is prepared already is used as it is. How TFDS gets on is said on the
    standard error.

    Args:
        archives: `Archives`.
        split: string. Name of TFDS's split.
        data_dir: string or None. Folder of all data of TFDS; None for its own,
            `~/tensorflow_datasets`.
        manual_dir: string or None. Folder of the files, downloaded by the user;
            None for `downloads/manual` in `data_dir`, or to download them.
        owner: string. Who asks.

    Returns:
        `RecordIndex`.

    Raises:
        ImportError: If TFDS is not installed.
        FileNotFoundError: If a file is missing.
        RuntimeError: If TFDS cannot prepare the data set; its own error is the
            cause.
        ValueError: If the prepared files are of another kind, or broken.
    """
    with _needed_by(owner):
        import tensorflow_datasets as tfds

        # It imports some of what it needs only here.
        builder = tfds.builder(archives.name, data_dir=_expanded(data_dir))
    if not builder.is_prepared():
        folder = _manual_folder(archives, builder, manual_dir, owner)
        config = tfds.download.DownloadConfig(manual_dir=folder)
        _prepare(builder, config, archives, owner)
    return _records(builder, split, owner)


@contextlib.contextmanager
def _needed_by(owner):
    try:
        yield
    except ImportError as error:
        raise ImportError(
            f"`{owner}` needs TensorFlow Datasets, which is not installed, or "
            f'not all of it: {error}. Install it with `pip install "keras-affsr'
            '[data]"`, or pass the folder of the pictures as image_dir.'
        ) from error


def _manual_folder(archives, builder, manual_dir, owner):
    """Returns the folder of the files, or None if TFDS shall download them."""
    if manual_dir is None and archives.downloads:
        return None
    root = os.fspath(builder.data_dir_root)
    folder = _expanded(manual_dir) or os.path.join(root, "downloads", "manual")
    missing = [
        file
        for file in archives.files
        if not os.path.isfile(os.path.join(folder, file))
    ]
    if missing:
        raise FileNotFoundError(
            f"`{owner}` does not find {', '.join(missing)} in the folder "
            f"{folder}. {archives.advice}"
        )
    return folder


def _prepare(builder, config, archives, owner):
    LOGGER.info("Preparing %s in %s.", archives.name, builder.data_dir)
    try:
        with _needed_by(owner), contextlib.redirect_stdout(sys.stderr):
            builder.download_and_prepare(download_config=config)
    except ImportError:
        raise
    # A download, an archive and a disk fail in many ways, of many libraries.
    except Exception as error:
        reason = str(error).partition("\n")[0]
        raise RuntimeError(
            f"`{owner}` could not have its pictures prepared in "
            f"{builder.data_dir}. {type(error).__name__}: {reason} "
            f"{archives.advice}"
        ) from error


def _records(builder, split, owner):
    splits = builder.info.splits
    file_format = getattr(builder.info.file_format, "value", None)
    if split not in splits or file_format != "tfrecord":
        raise ValueError(
            f"`{owner}` needs the split {split!r} in tfrecord files. Received: "
            f"splits {sorted(splits)} in {file_format} files, in the folder "
            f"{builder.data_dir}. Pass another data_dir, where it is prepared "
            "anew."
        )
    files = [os.fspath(path) for path in splits[split].filepaths]
    return record_index(files, splits[split].shard_lengths)


def _expanded(folder):
    return None if folder is None else os.path.expanduser(os.fspath(folder))
