"""PNG of 16 bits and several channels, which Pillow reads as 8 bits.

TensorFlow decodes and encodes the pixels; what else the file says goes into
chunks of its own.
"""

import struct
import zlib

import numpy as np
import tensorflow as tf

from keras_affsr.data.decode import PNG_DEPTH
from keras_affsr.data.decode import PNG_START

# The signature, and the first chunk: length, name, 13 bytes, checksum.
HEADER_SIZE = 8 + 4 + 4 + 13 + 4
INCHES_PER_METRE = 1 / 0.0254


def is_deep(contents):
    """Returns whether bytes are a PNG file of 16 bits."""
    is_png = contents[: len(PNG_START)] == PNG_START
    return is_png and contents[PNG_DEPTH] == 16


def decode(contents, info):
    """Decodes a file, with what Pillow has found in it.

    Args:
        contents: bytes.
        info: dict. A colour of it may be `"transparency"`.

    Returns:
        uint16 array `(height, width, 1 to 4)`, and whether the last channel is
        opacity.
    """
    samples = tf.io.decode_png(contents, dtype="uint16").numpy()
    if "transparency" in info:
        colour = np.atleast_1d(info["transparency"])
        opaque = np.any(samples != colour, axis=-1, keepdims=True)
        alpha = np.where(opaque, np.uint16(65535), np.uint16(0))
        return np.concatenate([samples, alpha], axis=-1), True
    return samples, samples.shape[-1] in (2, 4)


def encode(image, exif):
    """Returns an `ImageFile` of 16 bits as the bytes of a PNG file."""
    contents = tf.io.encode_png(image.samples).numpy()
    chunks = []
    if image.icc_profile is not None:
        profile = b"ICC Profile\0\0" + zlib.compress(image.icc_profile)
        chunks.append(_chunk(b"iCCP", profile))
    if image.dpi is not None:
        per_metre = [round(dots * INCHES_PER_METRE) for dots in image.dpi]
        chunks.append(_chunk(b"pHYs", struct.pack(">IIB", *per_metre, 1)))
    if exif is not None:
        chunks.append(_chunk(b"eXIf", exif.removeprefix(b"Exif\0\0")))
    start, rest = contents[:HEADER_SIZE], contents[HEADER_SIZE:]
    return b"".join([start, *chunks, rest])


def _chunk(name, data):
    length = struct.pack(">I", len(data))
    checksum = struct.pack(">I", zlib.crc32(name + data))
    return length + name + data + checksum
