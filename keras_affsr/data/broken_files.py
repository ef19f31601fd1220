"""What is said of files that turn out to be broken when they are decoded."""

import os
import re

import tensorflow as tf

from keras_affsr.data.decode import decode_image
from keras_affsr.data.image_files import report
from keras_affsr.data.system_errors import system_error

# What is raised because of the contents of a file. Other errors, such as that
# it is gone or that its disk fails, tell nothing of them.
OF_THE_CONTENTS = (tf.errors.InvalidArgumentError, tf.errors.DataLossError)
# What TensorFlow puts before, and behind, the words for what went wrong.
AROUND = re.compile(r"^.* with iterator: \S+: |\{\{.*?\}\} ?|ValueError: ")


class BrokenFiles:
    """Names each file that cannot be decoded, once; `on_broken` of batches.

    Called with the number of an item and the error, it warns, or raises if it
    is to, if the system cannot read the file, or if no item is left that could
    take the place of this one. Datasets call it from several threads.

    Args:
        groups: list of tuples of files, with their `path`: those of each item.
        on_error: `"skip"` or `"raise"`.
        owner: string. The function that a message should name.
    """

    def __init__(self, groups, on_error, owner):
        self.groups = groups
        self.on_error = on_error
        self.owner = owner
        self.items = set()

    def __call__(self, item, error):
        paths = [file.path for file in self.groups[item]]
        cause = cause_of(error, " and ".join(paths), self.owner)
        is_known = item in self.items
        self.items.add(item)
        # Every thread has to hear of it, or it would search for ever.
        if len(self.items) == len(self.groups):
            what, on_error = "cannot decode any image, among them", "raise"
        else:
            what, on_error = "cannot decode", self.on_error
        if on_error == "raise" or not is_known:
            report(what, self._named(paths, cause), on_error, self.owner)

    def _named(self, paths, cause):
        if len(paths) > 1:
            causes = [self._cause(path) for path in paths]
            if any(causes):
                return [
                    f"{path} ({each})"
                    for path, each in zip(paths, causes)
                    if each
                ]
        return [f"{path} ({cause})" for path in paths]

    def _cause(self, path):
        file = tf.data.Dataset.from_tensors(os.fsencode(path))
        image = file.map(lambda path: decode_image(tf.io.read_file(path)))
        try:
            image.get_single_element()
        except tf.errors.OpError as error:
            return cause_of(error, path, self.owner)
        return ""


def cause_of(error, name, owner):
    """Returns what is wrong with an image, in a line.

    Args:
        error: `tf.errors.OpError`, of loading the image.
        name: string. What to call the image.
        owner: string. The function that a message should name.

    Raises:
        OSError: If it is not the image, but the system that cannot read it.
    """
    cause = AROUND.sub("", error.message.partition("\n")[0])
    cause = cause.rpartition("; ")[2]  # Before it is the path, once more.
    if isinstance(error, OF_THE_CONTENTS):
        return cause
    raise system_error(OSError(cause), name, owner) from None
