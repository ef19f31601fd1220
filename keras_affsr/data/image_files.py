"""Which images of a folder will do, and what to say of the others."""

import collections
import logging

from keras_affsr import checks
from keras_affsr.data.find_images import find_images
from keras_affsr.data.manifest import inspect_files

LOGGER = logging.getLogger(__name__)
NUM_NAMED = 10

ImageFile = collections.namedtuple(
    "ImageFile", ("path", "name", "num_bytes", "height", "width", "problem")
)


def usable_images(folder, least, min_bytes, on_error, owner):
    """Returns the images of a folder that can be read and are large enough.

    Only headers are read, and the ends of files, which show what was cut short
    by a broken download. What is left out is told in one warning of its kind.

    Args:
        folder: string or path.
        least: Pair of ints. The smallest height and width.
        min_bytes: int. Smaller files are left out, and not opened.
        on_error: `"skip"`, or `"raise"` to refuse a folder that has a file
            that cannot be read.
        owner: string. The function that a message should name.

    Returns:
        list of `ImageFile`, as sorted as `find_images` does.

    Raises:
        ValueError: If no image is left, or one is broken and
            `on_error="raise"`.
        OSError: If the system cannot read a file.
    """
    found = find_images(folder, owner)
    large = [file for file in found if file.num_bytes >= min_bytes]
    files = _inspected(large, found, folder, owner)
    broken = [f"{file.path} ({file.problem})" for file in files if file.problem]
    readable = [file for file in files if not file.problem]
    fit = [f for f in readable if f.height >= least[0] and f.width >= least[1]]
    if broken:
        what = f"cannot read {len(broken)} of {len(found)} files"
        report(what, broken, on_error, owner)
    small = f"smaller than {least[0]} x {least[1]} pixels"
    if not fit:
        raise ValueError(
            f"`{owner}` has no image left to use in {folder!r}. Of "
            f"{len(found)} images, {len(found) - len(large)} have fewer than "
            f"min_bytes={min_bytes}, {len(broken)} cannot be read, and "
            f"{len(readable)} are {small}. Use a smaller patch_size, or other "
            "images."
        )
    if len(fit) < len(readable):
        skipped = f"{len(readable) - len(fit)} of {len(found)} images"
        LOGGER.warning(
            "`%s` skips %s of %s, %s.", owner, skipped, folder, small
        )
    return fit


def _inspected(files, found, folder, owner):
    inspected = inspect_files(files, found, folder, owner)
    return [
        ImageFile(file.path, file.name, file.num_bytes, *told)
        for file, told in zip(files, inspected, strict=True)
    ]


def report(what, names, on_error, owner):
    """Says in one warning what is skipped, or raises if that is asked for."""
    checks.check_choice(on_error, ("skip", "raise"), "on_error", owner)
    named = ", ".join(names[:NUM_NAMED])
    if len(names) > NUM_NAMED:
        named += f" and {len(names) - NUM_NAMED} more"
    if on_error == "raise":
        raise ValueError(
            f"`{owner}` {what}: {named}. Repair or remove them, or skip them "
            "with on_error='skip'."
        )
    LOGGER.warning("`%s` %s, skipped: %s.", owner, what, named)
