"""TIFF of 16 bits in colour, which Pillow reads as 8 bits, by tifffile."""

import io

import numpy as np

from keras_affsr.upscale import metadata
from keras_affsr.upscale.image_error import ImageError

BITS_PER_SAMPLE = 258
STRAIGHT_ALPHA = "unassalpha"


def bits(image):
    """Returns the bits of a sample in the file of a Pillow image."""
    if image.format != "TIFF":
        return 8
    # An image without the tag has one bit.
    return max(image.tag_v2.get(BITS_PER_SAMPLE, (1,)))


def is_deep(image):
    """Returns whether a Pillow image has lost bits of its TIFF file."""
    return bits(image) == 16 and not image.mode.startswith("I;16")


def decode(contents, name):
    """Returns uint16 `(height, width, 3 or 4)`, and whether 4 is opacity."""
    import tifffile

    with tifffile.TiffFile(io.BytesIO(contents)) as file:
        page = file.pages[0]
        if page.photometric != tifffile.PHOTOMETRIC.RGB:
            raise ImageError(
                f"{name} has 16 bits and the colours "
                f"{page.photometric.name}. Expected: RGB or grey. Convert it "
                "to one of these first."
            )
        try:
            samples = page.asarray()
        except (KeyError, ValueError) as error:
            if "imagecodecs" not in str(error):
                raise
            raise ImageError(
                f"{name} has 16 bits and is compressed by "
                f"{page.compression.name}. Expected: no compression, or "
                "deflate. Save it like that, as PNG, or `pip install "
                "imagecodecs`."
            ) from None
        if page.planarconfig == tifffile.PLANARCONFIG.SEPARATE:
            samples = np.moveaxis(samples, 0, -1)
        return samples[..., :4], bool(page.extrasamples)


def encode(image, exif):
    """Returns an `ImageFile` of 16 bits as the bytes of a TIFF file.

    Of EXIF only the texts of its main directory are kept, such as the artist.
    """
    import tifffile

    stream = io.BytesIO()
    is_grey = image.pixels.shape[-1] == 1
    resolution = {}
    if image.dpi is not None:
        dpi = tuple(float(dots) for dots in image.dpi)
        resolution = {"resolution": dpi, "resolutionunit": "INCH"}
    texts = metadata.texts(exif).items()
    tifffile.imwrite(
        stream,
        image.pixels[..., 0] if is_grey else image.samples,
        photometric="minisblack" if is_grey else "rgb",
        planarconfig=None if is_grey else "contig",
        extrasamples=None if image.alpha is None else [STRAIGHT_ALPHA],
        compression="zlib",
        predictor=True,
        iccprofile=image.icc_profile,
        metadata=None,
        software=False,
        extratags=[(tag, "s", 0, text, True) for tag, text in texts],
        **resolution,
    )
    return stream.getvalue()
