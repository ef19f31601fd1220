"""TFRecord files of images: reading them record by record, and writing."""

import collections
import posixpath

from beam_files import read_locally

ENCODED = "image/encoded"
FILENAME = "image/filename"
# `example` is what the record holds, and None if it cannot be read.
Record = collections.namedtuple("Record", "name example problem")


def records(path):
    """Yields the `Record`s of a file; one with a problem may be the last.

    Each is named by its file name, if it has one, or by its place in the file.
    Where a file is damaged nothing after that can be read.
    """
    import tensorflow as tf

    seen = set()
    number = -1
    try:
        with read_locally(path) as local:
            for number, record in enumerate(tf.data.TFRecordDataset(local)):
                found = parsed(record.numpy(), number)
                if found.name in seen:
                    problem = f"another record has its {FILENAME}, too"
                    found = Record(found.name, None, problem)
                seen.add(found.name)
                yield found
    except Exception as error:  # Of what unpacks, or of what reads.
        problem = f"no more of the file can be read: {type(error).__name__}"
        yield Record(f"{number + 1:06}", None, problem)


def parsed(contents, number):
    """Returns the `Record` of the bytes of one, of this place in its file."""
    import tensorflow as tf

    try:
        example = tf.train.Example.FromString(contents)
        return Record(name_of(example, number), example, "")
    except Exception as error:  # Of the parser, of any kind.
        return Record(f"{number:06}", None, f"no tf.Example: {error}")


def name_of(example, number):
    """Returns the relative path, without ending, that a record stands for."""
    values = values_of(example, FILENAME)
    if not values:
        return f"{number:06}"
    # Never out of the output's folder, whatever the record says.
    path = posixpath.normpath("/" + values[0].decode("utf-8"))
    return posixpath.splitext(path.lstrip("/"))[0] or f"{number:06}"


def contents_of(example, feature):
    """Returns the encoded image in a record, or raises."""
    values = values_of(example, feature)
    if len(values) != 1:
        known = ", ".join(sorted(example.features.feature)) or "none"
        raise ValueError(
            f"the record has {len(values)} values of {feature!r}, which should "
            f"be the bytes of one image. It has: {known}. Name the right one "
            "by --feature."
        )
    return values[0]


def values_of(example, feature):
    """Returns the bytes of a feature; none if there is no such feature."""
    # Asking for one that is not there would add it.
    features = example.features.feature
    return features[feature].bytes_list.value if feature in features else []


def example_of(png, size, example=None, name=None):
    """Returns the bytes of a record of an image.

    Args:
        png: bytes.
        size: Pair of ints, height and width.
        example: tf.train.Example that it was made from, whose other features
            are kept; or None.
        name: string. The file name of one that has none.
    """
    import tensorflow as tf

    new = tf.train.Example()
    if example is not None:
        new.CopyFrom(example)
    texts = {ENCODED: png, "image/format": b"png"}
    if not values_of(new, FILENAME):
        texts[FILENAME] = name.encode()
    for key, text in texts.items():
        new.features.feature[key].bytes_list.value[:] = [text]
    for key, value in zip(("image/height", "image/width"), size, strict=True):
        new.features.feature[key].int64_list.value[:] = [value]
    return new.SerializeToString()
