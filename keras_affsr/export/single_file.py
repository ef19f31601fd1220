"""Exports that are one file."""

import os

from keras_affsr.callbacks.checkpoint_files import write_durably


def check_path(path, ending, overwrite, owner):
    """Returns a path for a new file as a string, or raises."""
    path = os.fspath(path)
    if not path.endswith(ending):
        raise ValueError(
            f"`{owner}` writes a file whose name ends in {ending!r}. Received: "
            f"path={path!r}."
        )
    if os.path.exists(path) and not overwrite:
        raise FileExistsError(
            f"`{owner}` found a file at {path!r}. Give another path, or "
            "overwrite=True to replace it."
        )
    return path


def write(content, path, owner):
    """Writes bytes to a file, whole or not at all, and returns its path."""

    def save(partial):
        try:
            with open(partial, "wb") as file:
                file.write(content)
        except OSError:
            if os.path.exists(partial):
                os.remove(partial)
            raise

    try:
        write_durably(save, path)
    except OSError as error:
        raise OSError(
            f"`{owner}` cannot write {path!r}: {error} Choose a folder that "
            f"exists, with {len(content) / 1e6:.1f} MB of room. What was there "
            "before is as it was."
        ) from error
    return path
