"""read_image: the pixels of a file, as a viewer shows them."""

import contextlib
import io
import os
import threading
import warnings

import numpy as np

from keras_affsr import checks
from keras_affsr.data.decode import JPEG_START
from keras_affsr.data.decode import PNG_START
from keras_affsr.upscale import deep_png
from keras_affsr.upscale import deep_tiff
from keras_affsr.upscale.image_error import ImageError
from keras_affsr.upscale.image_file import from_samples
from keras_affsr.upscale.metadata import kept_exif

FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF")  # With JPEG, MPO.
# How files of these formats start.
STARTS = (PNG_START, JPEG_START, b"RIFF", b"II*\0", b"MM\0*", b"BM", b"GIF8")
# Pillow's modes of what is decoded.
GREY_MODES = ("1", "L", "LA", "La")
COLOUR_MODES = ("P", "PA", "RGB", "RGBX", "RGBA", "RGBa", "CMYK", "YCbCr")
DEEP_GREY = ("I;16", "I;16L", "I;16B", "I;16N")
WITH_ALPHA = ("LA", "La", "PA", "RGBA", "RGBa")
ORIENTATION = 274
# What undoes each orientation of EXIF.
UPRIGHT = {
    2: lambda array: array[:, ::-1],
    3: lambda array: array[::-1, ::-1],
    4: lambda array: array[::-1],
    5: lambda array: array.swapaxes(0, 1),
    6: lambda array: np.rot90(array, -1),
    7: lambda array: array[::-1, ::-1].swapaxes(0, 1),
    8: lambda array: np.rot90(array),
}
# Pillow's limits are settings of the whole process.
PILLOW_LOCK = threading.Lock()


def read_image(source, max_pixels=None):
    """Reads an image file of 8 or 16 bits, with all that it says of itself.

    PNG, JPEG, WebP, TIFF, BMP and GIF, in grey or colour, with an opacity
    channel or without. One bit and palettes become 8 bits; CMYK becomes RGB by
    Pillow's formula, without its colour profile. The orientation of EXIF is
    applied. Nothing is guessed: a file that is damaged, or has several images,
    or values whose white is unknown, is refused.

    Args:
        source: string, path, or bytes. The file, or its content.
        max_pixels: int. Larger images are refused, before they are decoded.
            Defaults to Pillow's limit, some 89 million.

    Returns:
        `ImageFile`.

    Raises:
        ImageError: If the file cannot be read, or is not such an image.

    Example:

    ```python
    image = keras_affsr.upscale.read_image("photograph.png")
    image.pixels.shape  # (height, width, 3)
    ```
    """
    from PIL import Image

    if max_pixels is not None:
        max_pixels = checks.check_count(max_pixels, "max_pixels", "read_image")
    contents, name = _contents(source)
    try:
        with (
            _pillow_limits(max_pixels),
            Image.open(io.BytesIO(contents), formats=FORMATS) as image,
        ):
            return _read(image, contents, name)
    except (ImageError, MemoryError):
        raise
    except Exception as error:  # Pillow's readers raise errors of any kind.
        raise _image_error(error, contents, name, max_pixels) from error


def _image_error(error, contents, name, max_pixels):
    """Returns what an error of a reader means to whoever has the file."""
    from PIL import Image

    bombs = (Image.DecompressionBombError, Image.DecompressionBombWarning)
    if isinstance(error, bombs):
        return ImageError(
            f"{name} has too many pixels: {error} Expected at most max_pixels="
            f"{max_pixels or Image.MAX_IMAGE_PIXELS}. If the file can be "
            "trusted, raise max_pixels."
        )
    if isinstance(error, Image.UnidentifiedImageError):
        return ImageError(
            f"{name} is no image that can be read: {_look(contents)}. "
            "Expected: PNG, JPEG, WebP, TIFF, BMP or GIF. Convert it to one of "
            "these, or fetch it again."
        )
    return ImageError(
        f"{name} is damaged or cut short: {error}. Expected a whole image. "
        "Fetch it again, or repair it by saving it anew."
    )


def _look(contents):
    """Says what bytes look like that Pillow does not know."""
    if not contents:
        return "it has 0 bytes"
    if contents.startswith(STARTS):
        return "its header is damaged, has no pixels, or is of a rare kind"
    return f"it starts with {contents[:8]!r}"


def _contents(source):
    if isinstance(source, bytes | bytearray | memoryview):
        return bytes(source), "The image in memory"
    try:
        name = os.fspath(source)
    except TypeError:
        raise ImageError(
            "`read_image` expects a path, or the bytes of a file. Received: "
            f"{type(source).__name__}. Give an array to "
            "`keras_affsr.upscale.upscale`."
        ) from None
    try:
        with open(name, "rb") as file:
            return file.read(), name
    except OSError as error:
        raise ImageError(
            f"{name} cannot be read: {error.strerror}. Expected an image file. "
            "Check the path and its permissions."
        ) from None


@contextlib.contextmanager
def _pillow_limits(max_pixels):
    """Makes Pillow refuse what is too large or cut short, and restores it."""
    from PIL import Image
    from PIL import ImageFile

    before = Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES
    with PILLOW_LOCK, warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            Image.MAX_IMAGE_PIXELS = max_pixels or before[0]
            ImageFile.LOAD_TRUNCATED_IMAGES = False
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = before[0]
            ImageFile.LOAD_TRUNCATED_IMAGES = before[1]


def _read(image, contents, name):
    _check(image, name)
    orientation = image.getexif().get(ORIENTATION, 1)
    image.load()
    if deep_png.is_deep(contents):
        samples, has_alpha = deep_png.decode(contents, image.info)
    elif deep_tiff.is_deep(image):
        samples, has_alpha = deep_tiff.decode(contents, name)
    else:
        samples, has_alpha = _samples(image)
        # Of some formats Pillow has applied the orientation, and forgotten it.
        orientation = image.getexif().get(ORIENTATION, 1)
    upright = UPRIGHT.get(orientation, lambda array: array)
    is_cmyk = image.mode == "CMYK"
    return from_samples(
        upright(samples),
        has_alpha,
        icc_profile=None if is_cmyk else image.info.get("icc_profile"),
        exif=kept_exif(image),
        dpi=image.info.get("dpi"),
        format="JPEG" if image.format == "MPO" else image.format,
    )


def _check(image, name):
    frames = getattr(image, "n_frames", 1)
    # The further images of a camera's MPO are previews, or the other eye's.
    if frames > 1 and image.format != "MPO":
        raise ImageError(
            f"{name} has {frames} images, as an animation or pages. Expected: "
            "one. Save the one that you mean as a file of its own."
        )
    if min(image.size) < 1:
        raise ImageError(
            f"{name} has no pixels: its size is {image.size[0]} x "
            f"{image.size[1]}. Expected at least 1 x 1."
        )
    bits = deep_tiff.bits(image)
    known = (*GREY_MODES, *COLOUR_MODES, *DEEP_GREY)
    if image.mode not in known or bits not in (1, 2, 4, 8, 16):
        raise ImageError(
            f"{name} has values of Pillow's mode {image.mode!r} with {bits} "
            "bits, whose white is not known. Expected: grey or colour of 8 or "
            "16 bits. Scale floats and save them with 16 bits."
        )


def _samples(image):
    """Returns the channels of an image that Pillow has decoded."""
    if image.mode in DEEP_GREY:
        return np.asarray(image).astype("uint16"), False
    has_alpha = image.mode in WITH_ALPHA or "transparency" in image.info
    mode = "L" if image.mode in GREY_MODES else "RGB"
    mode += "A" if has_alpha else ""
    return np.asarray(image.convert(mode)), has_alpha
