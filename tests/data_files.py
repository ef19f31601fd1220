"""Small image files for the tests of folders."""

import io
import os

import numpy as np
from PIL import Image

from keras_affsr.data import photograph


def cut_out(height=90, width=70, name="coffee"):
    """Returns a part of a photograph, as uint8 of `(height, width, 3)`."""
    image = photograph(name)[40 : 40 + height, 150 : 150 + width]
    return np.round(255 * image).astype("uint8")


def encode(pixels, kind, mode=None, **options):
    """Returns the bytes of an image file that Pillow writes."""
    image = Image.fromarray(pixels)
    stream = io.BytesIO()
    (image.convert(mode) if mode else image).save(stream, kind, **options)
    return stream.getvalue()


def write(path, contents):
    """Writes bytes, or an image in the format of its ending, to a path."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    if isinstance(contents, bytes):
        with open(path, "wb") as file:
            file.write(contents)
    else:
        Image.fromarray(contents).save(path)
    return str(path)


def write_numbered(folder, count, size=(8, 8)):
    """Writes `count` grey PNG images, of which number `i` is `i` all over."""
    for number in range(count):
        write(folder / f"{number:03}.png", np.full(size, number, "uint8"))


def numbers(images):
    """Returns the numbers of images that `write_numbered` wrote."""
    values = np.round(255 * np.asarray(images)[:, 0, 0, 0])
    return [int(value) for value in values]
