"""write_image: a file that is there whole or not at all."""

import contextlib
import os

from keras_affsr.upscale.encode_image import encode_image
from keras_affsr.upscale.encode_image import format_of
from keras_affsr.upscale.image_error import ImageError


def write_image(target, image_file, overwrite=False):
    """Writes an image in the format that the ending of its path says.

    The file is written under a hidden name in the same folder, brought to the
    disk and then renamed: a full disk, an error or Ctrl-C leave nothing half
    written. Missing folders are made.

    Args:
        target: string or path, that ends in `.png`, `.webp`, `.tif`, `.tiff`,
            `.bmp`, `.jpg` or `.jpeg`; see `encode_image`.
        image_file: ImageFile.
        overwrite: bool. Whether to replace a file that is there. Defaults to
            False.

    Raises:
        ImageError: If the file is there, the format does not fit the image, or
            the file cannot be written.

    Example:

    ```python
    image = keras_affsr.upscale.read_image("photograph.jpg")
    keras_affsr.upscale.write_image("photograph.png", image)
    ```
    """
    check_target(target, overwrite)
    write_bytes(target, encode_image(image_file, format_of(target)), overwrite)


def check_target(target, overwrite):
    """Raises if a path is no place for a file, before work is put into it."""
    target = os.fspath(target)
    if os.path.isdir(target):
        raise ImageError(
            f"{target} cannot be written: it is a folder. Expected the path of "
            "a file."
        )
    if os.path.lexists(target) and not overwrite:
        raise ImageError(
            f"{target} exists, and is not replaced. Give another path, or "
            "allow it by overwrite=True (on the command line: --overwrite)."
        )


def write_bytes(target, contents, overwrite=False):
    """Writes a file, whole or not at all."""
    target = os.path.abspath(os.fspath(target))
    folder, name = os.path.split(target)
    partial = os.path.join(folder, f".{name}.{os.getpid()}.partial")
    try:
        os.makedirs(folder, exist_ok=True)
        _write_to_disk(partial, contents)
        check_target(target, overwrite)  # Work takes time: again.
        os.replace(partial, target)
    except OSError as error:
        raise ImageError(
            f"{target} cannot be written: {error.strerror or error}. Nothing "
            "of it is left. Choose a folder that you may write to, on a disk "
            f"with {len(contents)} free bytes."
        ) from error
    finally:
        with contextlib.suppress(OSError):
            os.remove(partial)


def _write_to_disk(path, contents):
    with open(path, "wb") as file:
        file.write(contents)
        file.flush()
        os.fsync(file.fileno())
