"""Telling from its header and its end whether an image file will do."""

import os
import struct

import numpy as np

from keras_affsr.data.decode import JPEG_START
from keras_affsr.data.decode import PNG_START
from keras_affsr.data.decode import REFUSED_MODES
from keras_affsr.data.system_errors import is_system_error
from keras_affsr.data.system_errors import system_error

PNG_END = b"IEND\xaeB`\x82"
JPEG_SCAN, JPEG_END = b"\xff\xda", b"\xff\xd9"
# Tags of TIFF: where strips or tiles begin, and how many bytes each has.
TIFF_PARTS = ((273, 279), (324, 325))


def inspect_image(path, owner):
    """Returns the height and width of an image, and what is wrong with it.

    The file is opened once, and of JPEG, PNG, WebP, BMP and TIFF nothing is
    decoded: a header and an end show what a broken download has cut short.

    Args:
        path: string.
        owner: string. The function that a message should name.

    Returns:
        Tuple `(height, width, problem)`; `problem` is empty if it will do.

    Raises:
        OSError: If the system cannot read the file, whatever is in it.
    """
    from PIL import Image

    height = width = 0
    try:
        with open(path, "rb") as file:
            start = file.read(len(PNG_START))
            file.seek(0)
            with Image.open(file) as image:
                width, height = image.size
                problem = _problem(file, start, image)
    except Exception as error:  # Pillow's readers raise errors of any kind.
        if is_system_error(error):
            raise system_error(error, path, owner) from error
        problem = "no image" if "cannot identify" in str(error) else str(error)
        problem = problem or type(error).__name__
    return height, width, problem


def _problem(file, start, image):
    if image.mode in REFUSED_MODES:
        return f"values of Pillow's mode {image.mode}, whose white is unknown"
    if start[:3] == JPEG_START:
        complete = _ends_with(file, JPEG_END, after=JPEG_SCAN)
    elif start == PNG_START:
        complete = _ends_with(file, PNG_END)
    else:
        complete = True
        if not _has_its_length(file, image):
            image.load()  # Raises, unless the header has said too much.
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


def _has_its_length(file, image):
    """Returns whether a file is known to be as long as its header says."""
    if image.format == "WEBP":
        expected = 8 + _whole_number(file, 4)
    elif image.format == "BMP":
        expected = _whole_number(file, 2)
    elif image.format == "TIFF":
        expected = _tiff_length(image.tag_v2)
    else:
        expected = 0
    return 0 < expected <= os.fstat(file.fileno()).st_size


def _whole_number(file, position):
    file.seek(position)
    return struct.unpack("<I", file.read(4))[0]


def _tiff_length(tags):
    """Returns where the last part of the pixels ends, or 0 if that is open."""
    for starts, sizes in TIFF_PARTS:
        if starts in tags and sizes in tags:
            return max(np.ravel(tags[starts]) + np.ravel(tags[sizes]))
    return 0
