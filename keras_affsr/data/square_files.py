"""An index of picture files, in the order that TFDS gives its records."""

import hashlib
import os

import numpy as np
import tensorflow as tf


class FileIndex:
    """Image files that are read by their number.

    Args:
        paths: list of strings.

    Example:

    >>> from keras_affsr.data.square_files import FileIndex
    >>> index = FileIndex(["b.jpg", "a.jpg"])
    >>> len(index), index.name(1)
    (2, 'a.jpg')
    """

    def __init__(self, paths):
        self.paths = list(paths)
        with tf.device("CPU"):
            self._tensor = tf.constant(self.paths, "string")

    def __len__(self):
        return len(self.paths)

    def name(self, item):
        """Returns what a message calls the file."""
        return self.paths[item]

    def contents(self, item):
        """Returns the bytes of a file, as a string tensor `()`."""
        return tf.io.read_file(self._tensor[item])

    def select(self, items):
        """Returns the index of some of the files, given their numbers."""
        return FileIndex([self.paths[item] for item in items])

    def at_least(self, min_bytes):
        """Returns the numbers of the files of `min_bytes` or more."""
        sizes = np.array([os.path.getsize(path) for path in self.paths])
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
    hashes = [hashlib.md5(f"{split}{name}".encode()).digest() for name in names]
    return sorted(range(len(names)), key=hashes.__getitem__)
