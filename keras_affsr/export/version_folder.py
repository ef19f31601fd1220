"""The folders of versions that TensorFlow Serving watches."""

import os
import shutil

import tensorflow as tf

from keras_affsr import checks


def choose_version(path, version, owner):
    """Returns a version that is free in a folder, or raises.

    Args:
        path: str. Folder of the model. It is made if it does not exist.
        version: int, or None for the one after the last.
        owner: str. Who asks.
    """
    if version is not None:
        version = checks.check_count(version, "version", owner)
    try:
        os.makedirs(path, exist_ok=True)
        names = os.listdir(path)
    except OSError as error:
        raise _cannot_write(path, error, owner) from error
    taken = {int(name) for name in names if name.isdecimal()}
    if version is None:
        return max(taken, default=0) + 1
    if version in taken:
        raise FileExistsError(
            f"`{owner}` does not replace a version that may be served at this "
            f"moment. Received: version={version}, and {path!r} has the "
            f"versions {sorted(taken)}. Leave version=None for the next one."
        )
    return version


def write_version(write, path, version, owner):
    """Writes a version's folder by `write(folder)`, whole or not at all.

    The server polls: a folder that is being written must not have a number
    for a name. So it gets it at the end, and all of its files with it.

    Args:
        write: Function of the path of a folder that does not exist yet.
        path: str. Folder of the model.
        version: int. One that is free.
        owner: str. Who writes.

    Returns:
        The path of the version's folder.

    Raises:
        OSError: If it cannot be written. Nothing is left of it then.
    """
    final = os.path.join(path, str(version))
    partial = os.path.join(path, f"partial_{version}_{os.getpid()}")
    shutil.rmtree(partial, ignore_errors=True)  # Of one that was killed.
    try:
        write(partial)
        _sync(partial)
        os.rename(partial, final)
        _sync_directory(path)
    except (OSError, tf.errors.OpError) as error:
        raise _cannot_write(final, error, owner) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return final


def _sync(folder):
    """Waits until all files below a folder are on the disk."""
    for directory, _, names in os.walk(folder):
        for name in names:
            with open(os.path.join(directory, name), "rb+") as file:
                os.fsync(file.fileno())
        _sync_directory(directory)


def _sync_directory(path):
    if os.name == "posix":  # Elsewhere a directory cannot be opened.
        directory = os.open(path, os.O_RDONLY)
        os.fsync(directory)
        os.close(directory)


def _cannot_write(path, error, owner):
    return OSError(
        f"`{owner}` cannot write {path!r}: {error} Choose a folder that you "
        "may write to, on a disk with room for the model. Nothing is left of "
        "the version."
    )
