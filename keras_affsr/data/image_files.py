"""Finding the image files of a folder, and telling which of them will do."""

import collections
import logging
import os
import time
from concurrent.futures import ThreadPoolExecutor

from keras_affsr import checks
from keras_affsr.data.decode import JPEG_START
from keras_affsr.data.decode import PNG_START
from keras_affsr.data.decode import REFUSED_MODES

LOGGER = logging.getLogger(__name__)
ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")
# What a desktop leaves beside images, and a zip file made on a Mac.
IGNORED = ("__macosx", "thumbs.db", "desktop.ini")
PNG_END = b"IEND\xaeB`\x82"
JPEG_SCAN, JPEG_END = b"\xff\xda", b"\xff\xd9"
NUM_NAMED = 10
# Reading headers waits for the disk, or the network, more than for processors.
NUM_THREADS = 16
CHUNK = 4096
# Seconds until the first word of progress, and between words.
PATIENCE, INTERVAL = 2.0, 10.0

ImageFile = collections.namedtuple(
    "ImageFile", ("path", "height", "width", "num_bytes", "problem")
)


def find_images(folder, owner):
    """Returns the paths of all images in a folder and the folders below it.

    They are sorted by their path below the folder, whatever the file system's
    order is. Hidden files and folders are left out, and a folder that links
    lead to again is entered once.

    Args:
        folder: string or path.
        owner: string. The function that a message should name.

    Returns:
        list of strings.

    Raises:
        ValueError: If it is no folder, or there is no image in it.
    """
    folder = os.path.expanduser(os.fspath(folder))
    if not os.path.isdir(folder):
        raise ValueError(
            f"`{owner}` expects a folder of images. Received: {folder!r}, "
            f"which {'is a file' if os.path.exists(folder) else 'is missing'}."
        )
    files = sorted(_walk(folder), key=lambda file: _parts(file, folder))
    images = [file for file in files if _ending(file) in ENDINGS]
    if not images:
        found = collections.Counter(_ending(file) or "none" for file in files)
        raise ValueError(
            f"`{owner}` found no image in {folder!r}, nor in the folders below "
            f"it. Found: {len(files)} files, by ending {dict(found)}. Expected "
            f"files that end in {', '.join(ENDINGS)}."
        )
    return images


def usable_images(folder, least, min_bytes, on_error, owner):
    """Returns the images of a folder that can be read and are large enough.

    Only headers are read, and the ends of files, which show what was cut short
    by a broken download. What is left out is told in one warning of its kind.

    Args:
        folder: string or path.
        least: Pair of ints. The smallest height and width.
        min_bytes: int. Smaller files are left out.
        on_error: `"skip"`, or `"raise"` to refuse a folder that has a file
            that cannot be read.
        owner: string. The function that a message should name.

    Returns:
        list of `ImageFile`, as sorted as `find_images` does.

    Raises:
        ValueError: If no image is left, or one cannot be read and
            `on_error="raise"`.
    """
    files = inspect_images(find_images(folder, owner))
    large = [file for file in files if file.num_bytes >= min_bytes]
    broken = [f"{file.path} ({file.problem})" for file in large if file.problem]
    readable = [file for file in large if not file.problem]
    fit = [
        file
        for file in readable
        if file.height >= least[0] and file.width >= least[1]
    ]
    if broken:
        report(f"cannot read {len(broken)} of {len(files)} files", broken,
               on_error, owner)  # fmt: skip
    small = f"{len(readable) - len(fit)} of {len(files)} images"
    if not fit:
        raise ValueError(
            f"`{owner}` has no image left to use in {folder!r}. Of "
            f"{len(files)} images, {len(files) - len(large)} have fewer than "
            f"min_bytes={min_bytes}, {len(broken)} cannot be read, and "
            f"{len(readable)} are smaller than {least[0]} x {least[1]} pixels. "
            "Use a smaller patch_size, or other images."
        )
    if len(fit) < len(readable):
        LOGGER.warning(
            "`%s` skips %s of %s, smaller than %d x %d pixels.",
            *(owner, small, folder, *least),
        )
    return fit


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


def inspect_images(paths):
    """Returns the `ImageFile` of each path, by reading its header."""
    start = time.monotonic()
    patience = PATIENCE
    files = []
    with ThreadPoolExecutor(NUM_THREADS) as pool:
        for first in range(0, len(paths), CHUNK):
            files += pool.map(inspect_image, paths[first : first + CHUNK])
            if time.monotonic() - start > patience:
                # A warning, because that is shown where logging is not set up.
                LOGGER.warning(
                    "Checked %d of %d images.", len(files), len(paths)
                )
                patience = time.monotonic() - start + INTERVAL
    return files


def inspect_image(path, decode=False):
    """Returns the `ImageFile` of a path; `problem` is empty if it will do.

    Args:
        path: string.
        decode: bool. Whether to decode all of it, and not read its header
            alone. Defaults to False.
    """
    from PIL import Image

    height = width = num_bytes = 0
    try:
        num_bytes = os.path.getsize(path)
        with Image.open(path) as image:
            width, height = image.size
            problem = _problem(path, image, decode)
    except Exception as error:  # Pillow's readers raise errors of any kind.
        problem = "no image" if "cannot identify" in str(error) else str(error)
        problem = problem or type(error).__name__
    return ImageFile(path, height, width, num_bytes, problem)


def _problem(path, image, decode):
    if image.mode in REFUSED_MODES:
        return f"values of Pillow's mode {image.mode}, whose white is unknown"
    with open(path, "rb") as file:
        start = file.read(len(PNG_START))
        if start[:3] == JPEG_START:
            complete = _ends_with(file, JPEG_END, after=JPEG_SCAN)
        elif start == PNG_START:
            complete = _ends_with(file, PNG_END)
        else:  # Rare, and of many formats: all of it is decoded.
            decode, complete = True, True
    if complete and decode:
        image.load()
    return "" if complete else "cut short"


def _ends_with(file, end, after=b""):
    """Returns whether an open file has the mark of its end.

    A camera may append more. Then the mark has to come after the last `after`,
    so that the end of a thumbnail in the header does not count.
    """
    file.seek(-len(end), os.SEEK_END)
    if file.read() == end:
        return True
    file.seek(0)
    contents = file.read()
    start = contents.rfind(after) if after else 0
    return contents.find(end, start) >= 0


def _walk(folder):
    """Yields the visible files of a folder and of those below it."""

    def fail(error):
        raise error

    entered = set()
    for root, folders, files in os.walk(folder, onerror=fail, followlinks=True):
        real = os.path.realpath(root)
        if real in entered:
            folders.clear()
            continue
        entered.add(real)
        folders[:] = sorted(filter(_is_visible, folders))
        yield from (
            os.path.join(root, name) for name in files if _is_visible(name)
        )


def _is_visible(name):
    return not name.startswith(".") and name.lower() not in IGNORED


def _ending(file):
    return os.path.splitext(file)[1].lower()


def _parts(file, folder):
    return os.path.relpath(file, folder).split(os.sep)
