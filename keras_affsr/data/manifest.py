"""What is known of the files of a folder from one start to the next."""

import contextlib
import functools
import hashlib
import json
import logging
import os
import tempfile

from keras_affsr.data.in_threads import in_threads
from keras_affsr.data.inspect_image import inspect_image

LOGGER = logging.getLogger(__name__)

VERSION = 1
# Smaller folders are looked at anew: that takes less than a second.
LEAST_FILES = 1000


def inspect_files(files, found, folder, owner):
    """Returns the height, width and problem of each of some files of a folder.

    Each file is opened only once: what was found is kept in the user's cache,
    `keras_affsr` in `XDG_CACHE_HOME` or else in `~/.cache`, and holds as long
    as size and time of the file do. Only files that will do are kept: others
    may have been repaired, or a newer Pillow may read them.

    Args:
        files: list of `FoundFile`: those to look at.
        found: list of `FoundFile`: all of the folder, to forget no other.
        folder: string or path.
        owner: string. The function that a message should name.

    Returns:
        list of tuples, as `inspect_image` returns them.

    Raises:
        OSError: If the system cannot read a file.
    """
    path = manifest_path(folder) if len(found) >= LEAST_FILES else None
    known = _read(path)
    fresh = [file for file in files if not _is_known(file, known)]
    inspected = in_threads(
        lambda file: inspect_image(file.path, owner), fresh, "Checked"
    )
    problems = {}
    for file, (height, width, problem) in zip(fresh, inspected, strict=True):
        known[file.name] = [file.num_bytes, file.mtime_ns, height, width]
        problems[file.name] = problem
    if path and not all(problems.values()):
        good = [file.name for file in found if not problems.get(file.name)]
        _write(path, {name: known[name] for name in good if name in known})
    return [(*known[f.name][2:], problems.get(f.name, "")) for f in files]


def manifest_path(folder):
    """Returns where the manifest of a folder is, or None if there is no home.

    Args:
        folder: string or path.
    """
    root = os.environ.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(root):  # As that standard says.
        root = os.path.expanduser(os.path.join("~", ".cache"))
    if not os.path.isabs(root):
        return None
    folder = os.path.abspath(os.path.expanduser(os.fspath(folder)))
    key = hashlib.sha256(os.fsencode(folder)).hexdigest()[:32]
    return os.path.join(root, "keras_affsr", f"{key}.json")


def _is_known(file, known):
    entry = known.get(file.name)
    return bool(entry) and entry[:2] == [file.num_bytes, file.mtime_ns]


def _read(path):
    """Returns what is known of files, by name: nothing if it is damaged."""
    if path is None:
        return {}
    try:
        with open(path, encoding="utf-8") as file:
            manifest = json.load(file)
        known = manifest["files"] if manifest["version"] == VERSION else {}
        if all(len(entry) == 4 for entry in known.values()):
            return known
    except FileNotFoundError:
        pass
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        LOGGER.info("Left %s, which is damaged: %s", path, error)
    return {}


def _write(path, known):
    """Writes a manifest, whole or not at all."""
    # In one go: `json.dump` takes several times as long.
    text = json.dumps({"version": VERSION, "files": known})
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        number, partial = tempfile.mkstemp(dir=os.path.dirname(path))
        try:
            with open(number, "w", encoding="utf-8") as file:
                file.write(text)
            os.replace(partial, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.remove(partial)
            raise
    except OSError as error:
        _say_unwritable(os.path.dirname(path), os.strerror(error.errno))


@functools.cache  # Once is enough.
def _say_unwritable(folder, reason):
    LOGGER.warning(
        "Cannot keep in %s what was found in the headers of images (%s): they "
        "will be read again at the next start. Set XDG_CACHE_HOME to a folder "
        "that can be written to.",
        folder,
        reason,
    )
