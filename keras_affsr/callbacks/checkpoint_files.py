"""The files of `Checkpoint`: whole or not there, and known to be whole.

A file is one of Keras's `model.save_weights`, which `load_weights` can read,
with two lines of text at its end (try `tail -n 2`): the state of the training
as JSON, and the SHA-256 of all that comes before. Arrays of the state are among
the weights, in a group of their own.
"""

import errno
import hashlib
import json
import os
import re
import shutil
import warnings

import h5py

from keras_affsr.callbacks.ladder_files import write_then_move

NAME = re.compile(r"epoch_(\d+)\.weights\.h5")
PARTIAL = re.compile(r"partial_epoch_\d+\.weights\.h5")
# What HDF5 adds to the numbers, at most: its tables of names and groups.
OVERHEAD = 2**20
ARRAYS = "callback_states"
CHUNK = 2**20  # Bytes that are in memory at a time.
DIGEST_LINE = 2 * hashlib.sha256().digest_size + 1


def path_of(directory, epoch):
    """Returns the path of the checkpoint at the end of `epoch` epochs."""
    return os.path.join(directory, f"epoch_{epoch:04d}.weights.h5")


def checkpoints_in(directory):
    """Returns the paths of the checkpoints by epoch, the newest first."""
    names = os.listdir(directory) if os.path.isdir(directory) else []
    matches = [match for match in map(NAME.fullmatch, names) if match]
    return {
        int(match[1]): os.path.join(directory, match[0])
        for match in sorted(matches, key=lambda match: -int(match[1]))
    }


def remove_partial(directory):
    """Removes what a process that was killed has left half written."""
    names = os.listdir(directory) if os.path.isdir(directory) else []
    for name in filter(PARTIAL.fullmatch, names):
        os.remove(os.path.join(directory, name))


def check_writable(directory, owner):
    """Makes a directory, or raises unless files can be written to it."""
    probe = os.path.join(directory, "partial_epoch_0.weights.h5")
    try:
        os.makedirs(directory, exist_ok=True)
        with open(probe, "wb"):
            pass
        os.remove(probe)
    except OSError as error:
        raise OSError(
            f"`{owner}` cannot write to {directory!r}: {error}. Choose a "
            "directory that exists or can be made, and that you may write to."
        ) from error


def write(save, state, arrays, path, num_bytes, owner):
    """Writes a checkpoint, or raises with all that was there left in place.

    Args:
        save: Function that writes weights to the path that it is given.
        state: JSON-able object, to put after the weights.
        arrays: List of NumPy arrays that HDF5 knows.
        path: string. Where to.
        num_bytes: int. Size of the weights.
        owner: string. Who writes.
    """

    num_bytes += sum(each.nbytes for each in arrays)

    def save_with_state(partial):
        _check_space(path, num_bytes)
        save(partial)
        if arrays:
            _add_arrays(partial, arrays)
        _append(partial, b"\n" + json.dumps(state).encode() + b"\n")
        with open(partial, "rb") as file:
            digest = _digest(file, os.path.getsize(partial))
        _append(partial, digest + b"\n")

    try:
        write_durably(save_with_state, path)
    except (OSError, RuntimeError) as error:  # Both come from HDF5.
        directory = os.path.dirname(path)
        remove_partial(directory)
        number = getattr(error, "errno", None)
        reason = os.strerror(number) if number else error  # HDF5 tells a lot.
        needed = (num_bytes + OVERHEAD) / 1e6
        free = _free(directory) / 1e6
        raise OSError(
            f"`{owner}` cannot write {path}, and stops the training: {reason}. "
            f"It takes up to {needed:.1f} MB, and {free:.1f} MB are free. The "
            "checkpoints before it are as they were: make room, and start "
            "again with the same flags."
        ) from error


def write_durably(save, path):
    """Writes a file by `save(path)`, whole or not at all, also if power fails.

    A rename is safe once the data is on the disk, and done once the directory
    is.
    """

    def save_and_sync(partial):
        save(partial)
        with open(partial, "rb+") as file:
            os.fsync(file.fileno())

    write_then_move(save_and_sync, path)
    if os.name == "posix":  # Elsewhere a directory cannot be opened.
        directory = os.open(os.path.dirname(path) or ".", os.O_RDONLY)
        os.fsync(directory)
        os.close(directory)


def last_good(directory, owner):
    """Returns path and state of the last good checkpoint, or None twice."""
    found = checkpoints_in(directory)
    for path in found.values():
        try:
            return path, read(path)
        except (OSError, ValueError) as error:
            warnings.warn(
                f"`{owner}` leaves {path} out, as it is damaged: {error}. The "
                "one before it is next."
            )
    if found:
        raise OSError(
            f"`{owner}` found no checkpoint that is whole in {directory!r}: "
            f"{len(found)} of {len(found)} are damaged. Put a copy of one "
            "back, or give another directory to begin anew. Nothing has been "
            "removed."
        )
    return None, None


def read(path):
    """Returns the state in a checkpoint, or raises if that is damaged."""
    end = max(0, os.path.getsize(path) - DIGEST_LINE)
    with open(path, "rb") as file:
        digest = _digest(file, end)
        if file.read() != digest + b"\n":
            raise OSError("its checksum does not agree with its content")
        return json.loads(_line_before(file, end))


def read_arrays(path):
    """Returns the arrays that `write` was given."""
    with h5py.File(path, "r") as file:
        group = file.get(ARRAYS, {})
        return [group[str(number)][()] for number in range(len(group))]


def _add_arrays(path, arrays):
    with h5py.File(path, "a") as file:
        for number, array in enumerate(arrays):
            file[f"{ARRAYS}/{number}"] = array


def _append(path, line):
    with open(path, "ab") as file:
        file.write(line)


def _digest(file, end):
    """Returns the SHA-256 of a file up to a place, where it then stands."""
    digest = hashlib.sha256()
    while chunk := file.read(min(CHUNK, end - file.tell())):
        digest.update(chunk)
    return digest.hexdigest().encode()


def _line_before(file, end):
    """Returns the line of a file that ends at a place."""
    start, line = end - 1, b""  # Without the end of the line itself.
    while start > 0 and b"\n" not in line:
        size = min(CHUNK, start)
        start -= size
        file.seek(start)
        line = file.read(size) + line
    return line[line.rfind(b"\n") + 1 :]


def _check_space(path, num_bytes):
    # HDF5 takes a disk that fills up while it writes badly: it prints a page.
    if _free(os.path.dirname(path)) < num_bytes + OVERHEAD:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _free(directory):
    exists = os.path.isdir(directory)
    return shutil.disk_usage(directory).free if exists else 0
