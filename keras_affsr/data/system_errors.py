"""Errors of the disk, the network or the rights, which are no broken image."""

import errno
import os

# To seek before the beginning, as a file may say that is no image.
OF_THE_FILE = (None, errno.EINVAL)
ADVICE = (
    "That is an error of the system and not a broken image, for which nothing "
    "is skipped: look after the disk, the network, the link or the rights, and "
    "start again."
)


def is_system_error(error):
    """Returns whether an exception of Python tells nothing of the contents."""
    if isinstance(error, OSError):
        return error.errno not in OF_THE_FILE
    return isinstance(error, MemoryError)


def system_error(error, path, owner):
    """Returns the error to raise for what the system cannot read.

    Args:
        error: OSError, MemoryError, or another exception with a text.
        path: string. The file or folder.
        owner: string. The function that the message should name.

    Returns:
        OSError, of the same errno and subclass if there is one.
    """
    number = getattr(error, "errno", None)
    reason = os.strerror(number) if number else str(error)
    reason = reason or type(error).__name__
    message = f"`{owner}` cannot read {path}: {reason}. {ADVICE}"
    return OSError(number, message) if number else OSError(message)
