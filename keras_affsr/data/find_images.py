"""Finding the image files of a folder and of the folders below it."""

import collections
import os
import stat

from keras_affsr.data.in_threads import in_threads
from keras_affsr.data.system_errors import system_error

ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")
# What a desktop leaves beside images, and a zip file made on a Mac.
IGNORED = ("__macosx", "thumbs.db", "desktop.ini")

# `name` is the path below the folder, with slashes on every system.
FoundFile = collections.namedtuple(
    "FoundFile", ("path", "name", "num_bytes", "mtime_ns")
)


def find_images(folder, owner):
    """Returns all images in a folder and the folders below it.

    They are sorted by their path below the folder, whatever the file system's
    order is. Hidden files and folders are left out, and a folder that links
    lead to again is entered once. No file is opened.

    Args:
        folder: string or path.
        owner: string. The function that a message should name.

    Returns:
        list of `FoundFile`.

    Raises:
        ValueError: If it is no folder, or there is no image in it.
        OSError: If the system cannot read a folder, or say what a file is.
    """
    folder = os.path.expanduser(os.fspath(folder))
    _check_folder(folder, owner)
    names = sorted(_walk(folder, owner), key=lambda name: name.split("/"))
    images = [name for name in names if _ending(name) in ENDINGS]
    paths = [os.path.join(folder, name) for name in images]
    states = in_threads(lambda path: _status(path, owner), paths, "Found")
    files = [
        FoundFile(path, name, state.st_size, state.st_mtime_ns)
        for path, name, state in zip(paths, images, states, strict=True)
        # To open anything else, such as a pipe, might wait for ever.
        if stat.S_ISREG(state.st_mode)
    ]
    if not files:
        found = collections.Counter(_ending(name) or "none" for name in names)
        raise ValueError(
            f"`{owner}` found no image in {folder!r}, nor in the folders below "
            f"it. Found: {len(names)} files, by ending {dict(found)}. Expected "
            f"files that end in {', '.join(ENDINGS)}."
        )
    return files


def _check_folder(folder, owner):
    found = "is a file"
    try:
        if stat.S_ISDIR(_status(folder, owner).st_mode):
            return
    except (FileNotFoundError, NotADirectoryError):
        found = "is missing"
    raise ValueError(
        f"`{owner}` expects a folder of images. Received: {folder!r}, which "
        f"{found}."
    )


def _walk(folder, owner):
    """Yields the name of each visible file in a folder and below it."""
    entered, waiting = set(), [""]
    while waiting:
        below = waiting.pop()
        place = os.path.join(folder, below)
        real = os.path.realpath(place)
        if real in entered:
            continue
        entered.add(real)
        visible = [
            (below + entry.name, _told(entry.is_dir, entry.path, owner))
            for entry in _entries(place, owner)
            if _is_visible(entry.name)
        ]
        yield from (name for name, is_folder in visible if not is_folder)
        folders = [f"{name}/" for name, is_folder in visible if is_folder]
        waiting += sorted(folders, reverse=True)  # The last is entered next.


def _entries(folder, owner):
    with _told(lambda: os.scandir(folder), folder, owner) as entries:
        return _told(lambda: list(entries), folder, owner)


def _status(path, owner):
    return _told(lambda: os.stat(path), path, owner)


def _told(ask, path, owner):
    """Returns what the file system answers, or raises and names the path."""
    try:
        return ask()
    except OSError as error:
        raise system_error(error, path, owner) from error


def _is_visible(name):
    return not name.startswith(".") and name.lower() not in IGNORED


def _ending(name):
    return os.path.splitext(name)[1].lower()
