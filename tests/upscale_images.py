"""Small image files for the tests of upscaling."""

import io
import struct
import zlib

import numpy as np
import tensorflow as tf
from PIL import Image

PROFILE = b"a colour profile " * 20


def ramp(height=10, width=13, channels=3, bits=8):
    """Returns an image of which no two pixels of a row are equal."""
    rows, columns, number = np.indices((height, width, channels))
    values = 17 * rows + 5 * columns + 60 * number
    step = 1 if bits == 8 else 251
    return (values * step % 2**bits).astype(f"uint{bits}")


def encode(image, kind="PNG", **options):
    """Returns the bytes of a file that Pillow writes of an array or image."""
    if isinstance(image, np.ndarray):
        image = Image.fromarray(image[..., 0] if image.shape[2:] == (1,) else
                                image)  # fmt: skip
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def encode_deep(samples):
    """Returns the bytes of a PNG file of 16 bits, by TensorFlow."""
    return tf.io.encode_png(samples).numpy()


def exif(**tags):
    """Returns EXIF with an artist and a stated size, and more by number."""
    made = Image.Exif()
    made[315] = "An artist"
    made[0x8769] = {0xA002: 13, 0xA003: 10, 0x829A: 0.01}
    for tag, value in tags.items():
        made[int(tag.removeprefix("tag_"))] = value
    return made


def insert_chunk(contents, name, data):
    """Returns a PNG file with one more chunk behind its header."""
    return contents[:33] + chunk(name, data) + contents[33:]


def chunk(name, data):
    """Returns a chunk of a PNG file."""
    length, checksum = len(data), zlib.crc32(name + data)
    return struct.pack(">I", length) + name + data + struct.pack(">I", checksum)
