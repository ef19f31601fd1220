"""encode_image: an image as the bytes of a file."""

import io
import logging
import os

from keras_affsr.upscale import deep_png
from keras_affsr.upscale import deep_tiff
from keras_affsr.upscale.image_error import ImageError
from keras_affsr.upscale.metadata import exif_of_size

LOGGER = logging.getLogger(__name__)
ENDINGS = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".webp": "WEBP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".bmp": "BMP",
}
FORMATS = tuple(dict.fromkeys(ENDINGS.values()))
LOSSLESS = ("PNG", "WEBP", "TIFF", "BMP")
OPTIONS = {
    # `exact`: also the colours under transparent pixels.
    "WEBP": {"lossless": True, "exact": True},
    "JPEG": {"quality": 97, "subsampling": "4:4:4"},
    "TIFF": {"compression": "tiff_adobe_deflate"},
}
LARGEST = {"WEBP": 16383, "JPEG": 65500}


def encode_image(image_file, format="PNG"):
    """Encodes an image, without loss in any format but JPEG.

    PNG and TIFF keep all, but of EXIF, TIFF of 16 bits keeps only the texts.
    WebP, written lossless, has 8 bits, and grey as three equal channels. BMP
    has 8 bits, no opacity, and no place for a colour profile and EXIF. JPEG,
    of quality 97 without subsampling, is still lossy: it breaks the agreement
    of an upscaled image with its input.

    Args:
        image_file: ImageFile.
        format: string. `"PNG"`, `"WEBP"`, `"TIFF"`, `"BMP"` or `"JPEG"`.
            Defaults to `"PNG"`.

    Returns:
        bytes.

    Raises:
        ImageError: If the format is unknown, or cannot hold the image.

    Example:

    >>> import numpy as np
    >>> import keras_affsr.upscale
    >>> image = keras_affsr.upscale.ImageFile(np.zeros((8, 9, 3), "uint16"))
    >>> contents = keras_affsr.upscale.encode_image(image, "TIFF")
    >>> keras_affsr.upscale.read_image(contents).pixels.dtype
    dtype('uint16')
    """
    from PIL import Image

    check_format(image_file, format)
    exif = image_file.exif
    if exif is not None:
        exif = exif_of_size(exif, *image_file.pixels.shape[:2])
    if image_file.bits == 16:
        deep = deep_png if format == "PNG" else deep_tiff
        return deep.encode(image_file, exif)
    metadata = {
        "icc_profile": image_file.icc_profile,
        "exif": exif,
        "dpi": image_file.dpi,
    }
    metadata = {key: value for key, value in metadata.items() if value}
    samples = image_file.samples
    if samples.shape[-1] == 1:
        samples = samples[..., 0]  # [h, w], as Pillow has it.
    stream = io.BytesIO()
    options = OPTIONS.get(format, {})
    if format == "TIFF" and exif:
        options = {}  # Compressed by libtiff, it cannot hold all of EXIF.
    Image.fromarray(samples).save(stream, format, **options, **metadata)
    return stream.getvalue()


def format_of(path):
    """Returns the format that the ending of a path stands for."""
    ending = os.path.splitext(os.fspath(path))[1].lower()
    if ending not in ENDINGS:
        raise ImageError(
            f"{os.fspath(path)} cannot be written: its ending is {ending!r}. "
            f"Expected one of {', '.join(ENDINGS)}. Rename it, to .png for "
            "instance."
        )
    return ENDINGS[ending]


def check_format(image_file, format):
    """Raises unless a format can hold an image."""
    if format not in FORMATS:
        raise ImageError(
            f"`encode_image` does not know format={format!r}. Expected one of "
            f"{', '.join(FORMATS)}."
        )
    channels = image_file.samples.shape[-1]
    side = max(image_file.pixels.shape[:2])
    problem = None
    if image_file.bits == 16 and format not in ("PNG", "TIFF"):
        problem = f"{format} has no 16 bits"
    elif image_file.bits == 16 and format == "TIFF" and channels == 2:
        problem = "grey of 16 bits with opacity is not read from TIFF"
    elif image_file.alpha is not None and format in ("JPEG", "BMP"):
        problem = f"{format} has no opacity channel"
    elif side > LARGEST.get(format, side):
        problem = f"{format} has at most {LARGEST[format]} pixels on a side"
    if problem:
        raise ImageError(
            f"The image of {image_file.pixels.shape[0]} x "
            f"{image_file.pixels.shape[1]} pixels and {channels} channels of "
            f"{image_file.bits} bits cannot be kept: {problem}. Write it as "
            "PNG."
        )
