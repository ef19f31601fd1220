"""Which files a dataset is made of, for as long as there is the dataset."""

import hashlib
import weakref

from keras_affsr.data.batches import numbered_items

ORIGINS = weakref.WeakKeyDictionary()


class Origin:
    """The files behind the batches of a dataset.

    Args:
        streams: list, for each of the `indexed_batches` that the dataset zips,
            of pairs: how many items there are, and a function from the number
            of one to the tuple of its files, with `path`, `name`, `num_bytes`.
        batching: dict of those arguments of `numbered_items` that do not say
            where the batches start and end.
    """

    def __init__(self, streams, batching):
        self.streams = streams
        self.batching = batching

    def files(self, batch):
        """Returns the tuple of files of each example in a batch."""
        parts = []
        for stream, (count, group) in enumerate(self.streams):
            examples = numbered_items(
                count,
                start_batch=batch,
                num_batches=1,
                stream=stream,
                **self.batching,
            )
            parts.append([group(int(item)) for item, _ in examples])
        return [sum(groups, ()) for groups in zip(*parts, strict=True)]

    def fingerprint(self):
        """Returns a line that tells of the names and sizes of all files."""
        digest, total, num_bytes = hashlib.sha256(), 0, 0
        for count, group in self.streams:
            for item in range(count):
                for file in group(item):
                    line = f"{file.name}\0{file.num_bytes}\n"
                    # Names of a file system need not be UTF-8.
                    digest.update(line.encode(errors="surrogateescape"))
                    total += 1
                    num_bytes += int(file.num_bytes)
            digest.update(b"\n")
        key = digest.hexdigest()[:16]
        return f"{total} images of {num_bytes} bytes, sha256 {key}"


def with_origin(dataset, streams, batching):
    """Returns a dataset, of which `origin_of` knows the files from now on."""
    ORIGINS[dataset] = Origin(streams, batching)
    return dataset


def origin_of(dataset, owner):
    """Returns the `Origin` of a dataset, or raises if there is none."""
    try:
        return ORIGINS[dataset]
    except (KeyError, TypeError):  # What has no weak reference, either.
        raise ValueError(
            f"`{owner}` needs a dataset as `image_folder`, `celeb_a` or "
            f"`imagenet` return it. Received: {dataset!r}. Pass that itself, "
            "and not what `pairs`, `map` or `take` have made of it."
        ) from None
