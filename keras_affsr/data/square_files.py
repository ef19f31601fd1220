"""An index of picture files, in the order that TFDS gives its records."""

import hashlib
import os

import numpy as np
import tensorflow as tf


class FileIndex:
    """Image files that are read by their number.

    Args:
        files: list of `FoundFile`.
    """

    def __init__(self, files):
        self.files = list(files)
        # Names of a file system need not be UTF-8.
        paths = [os.fsencode(file.path) for file in self.files]
        with tf.device("CPU"):
            self._tensor = tf.constant(paths, "string")

    def __len__(self):
        return len(self.files)

    def file(self, item):
        """Returns the `FoundFile` of a number."""
        return self.files[item]

    def contents(self, item):
        """Returns the bytes of a file, as a string tensor `()`."""
        return tf.io.read_file(self._tensor[item])

    def select(self, items):
        """Returns the index of some of the files, given their numbers."""
        return FileIndex([self.files[item] for item in items])

    def at_least(self, min_bytes):
        """Returns the numbers of the files of `min_bytes` or more."""
        sizes = np.array([file.num_bytes for file in self.files])
        return np.flatnonzero(sizes >= min_bytes)


def hash_order(names, split):
    """Returns the numbers of the names in the order of TFDS's records.

    TFDS writes the examples of a split in the order of `md5(split + name)`, the
    same on every machine. It is as good as a random one, and with it a folder
    of files gives the same batches as the prepared records.

    Args:
        names: list of strings. Keys of the examples.
        split: string. Name of TFDS's split.

    Returns:
        list of ints.
    """
    hashes = [name_hash(f"{split}{name}") for name in names]
    return sorted(range(len(names)), key=hashes.__getitem__)


def name_hash(name):
    """Returns 16 bytes that are as good as random, and always the same."""
    # Names of a file system need not be UTF-8.
    return hashlib.md5(name.encode(errors="surrogateescape")).digest()
