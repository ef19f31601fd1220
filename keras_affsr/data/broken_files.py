"""What is said of files that turn out to be broken when they are decoded."""

from keras_affsr.data.image_files import inspect_image
from keras_affsr.data.image_files import report


class BrokenFiles:
    """Names each file that cannot be decoded, once; `on_broken` of batches.

    Called with the number of an item, it warns, or raises if it is to, or if no
    item is left that could take the place of this one. Datasets call it from
    several threads.

    Args:
        groups: list of tuples of paths: the files of each item.
        on_error: `"skip"` or `"raise"`.
        owner: string. The function that a message should name.
    """

    def __init__(self, groups, on_error, owner):
        self.groups = groups
        self.on_error = on_error
        self.owner = owner
        self.items = set()

    def __call__(self, item):
        is_known = item in self.items
        self.items.add(item)
        # Every thread has to hear of it, or it would search for ever.
        if len(self.items) == len(self.groups):
            what, on_error = "cannot decode any image, among them", "raise"
        else:
            what, on_error = "cannot decode", self.on_error
        if on_error == "raise" or not is_known:
            report(what, self._named(item), on_error, self.owner)

    def _named(self, item):
        files = [inspect_image(path, decode=True) for path in self.groups[item]]
        broken = [file for file in files if file.problem]
        # TensorFlow is stricter than Pillow in places.
        return [
            f"{file.path} ({file.problem or 'refused by TensorFlow'})"
            for file in broken or files
        ]
