"""Random access to the TFRecord files that TFDS has prepared.

TFDS itself has none: its `as_data_source` refuses this format, which is its
default, and a stream of records cannot start in the middle of an epoch without
reading what comes before. But each record says its length, so that one look at
the lengths tells where each begins.
"""

import os
import struct
from concurrent import futures

import numpy as np
import tensorflow as tf

from keras_affsr.data.find_images import FoundFile

# A record is the length of its data and a checksum of it (8 + 4 bytes), the
# data, and a checksum of them (4 bytes).
LENGTH = struct.Struct("<Q")
HEAD = 12
FRAME = 16
# More than the bytes of a record of ImageNet that are not the image: a label, a
# name and four headings, about a hundred.
MARGIN = 1024
THREADS = 16


class RecordIndex:
    """Records of images, `tf.train.Example`s, that are read by their number.

    Args:
        files: list of strings. TFRecord files without compression.
        shards: int array `(records,)`. The file of each record.
        starts: int array `(records,)`. Where its data begin in the file.
        lengths: int array `(records,)`. Bytes of its data.
    """

    def __init__(self, files, shards, starts, lengths):
        self.files = list(files)
        self.arrays = (shards, starts, lengths)
        with tf.device("CPU"):
            self._files = tf.constant(self.files, "string")
            self._tensors = [
                tf.constant(array, "int64") for array in (shards, starts)
            ]

    def __len__(self):
        return len(self.arrays[0])

    def file(self, item):
        """Returns what stands for the file of an image: its record."""
        shard, start, length = (array[item] for array in self.arrays)
        path = self.files[shard]
        name = f"{os.path.basename(path)}:{start}"
        return FoundFile(f"at byte {start} of {path}", name, length, None)

    def contents(self, item):
        """Returns the bytes of an image file, as a string tensor `()`."""
        shard, start = (tensor[item] for tensor in self._tensors)
        # `tf.data.TFRecordDataset`, begun in the middle of a file. Other ways
        # to skip bytes, as FixedLengthRecordDataset's header, read them.
        records = tf.raw_ops.TFRecordDatasetV2(
            filenames=self._files[shard][None],
            compression_type="",
            buffer_size=0,
            byte_offsets=start[None] - HEAD,
        )
        records = tf.data.experimental.from_variant(
            records, tf.TensorSpec((), "string")
        )
        record = records.take(1).get_single_element()
        spec = {"image": tf.io.FixedLenFeature((), "string")}
        return tf.io.parse_single_example(record, spec)["image"]

    def select(self, items):
        """Returns the index of some of the records, given their numbers."""
        items = np.asarray(items, "int64")
        return RecordIndex(self.files, *(array[items] for array in self.arrays))

    def at_least(self, min_bytes):
        """Returns the numbers of the images of `min_bytes` or more.

        Few records leave it open, by their length, whether the image is of
        that size; only these are read.
        """
        lengths = self.arrays[2]
        keep = lengths >= min_bytes
        for item in np.flatnonzero(keep & (lengths < min_bytes + MARGIN)):
            keep[item] = len(self._image(item)) >= min_bytes
        return np.flatnonzero(keep)

    def _image(self, item):
        shard, start, length = (array[item] for array in self.arrays)
        with open(self.files[shard], "rb") as file:
            file.seek(start)
            record = tf.train.Example.FromString(file.read(length))
        return record.features.feature["image"].bytes_list.value[0]


def record_index(files, counts):
    """Finds the records of a split in its TFRecord files.

    Args:
        files: list of strings.
        counts: list of ints. How many records each file should hold.

    Returns:
        `RecordIndex` of all records, in their order.

    Raises:
        ValueError: If a file holds another number of records, or ends within
            one.
    """
    with futures.ThreadPoolExecutor(THREADS) as pool:
        found = list(pool.map(_scan, files, counts))
    shards = np.repeat(np.arange(len(files)), [len(part) for part in found])
    lengths = np.concatenate(found)
    starts = [np.cumsum(part + FRAME) - part - FRAME + HEAD for part in found]
    return RecordIndex(files, shards, np.concatenate(starts), lengths)


def _scan(path, count):
    """Returns the length of each record of a file, as int64 `(records,)`."""
    lengths, position, size = [], 0, os.path.getsize(path)
    with open(path, "rb", buffering=0) as file:
        while position < size:
            file.seek(position)
            head = file.read(LENGTH.size).ljust(LENGTH.size, b"\xff")
            lengths.append(LENGTH.unpack(head)[0])
            position += FRAME + lengths[-1]
    if position != size or len(lengths) != count:
        raise ValueError(
            f"The record file {path} is not whole. Expected: {count} records. "
            f"Received: {len(lengths)}, in {size} bytes. Delete its folder, so "
            "that TensorFlow Datasets prepares it again."
        )
    return np.array(lengths, "int64")
