"""EXIF: what of it is still true of the file that is written."""

import logging

LOGGER = logging.getLogger(__name__)
# How a TIFF file stores its pixels, profiles with a place of their own, and
# the orientation, which has been applied.
STRUCTURE = {
    *(254, 255, 256, 257, 258, 259, 262, 263, 264, 265, 266, 273, 274, 277),
    *(278, 279, 280, 281, 282, 283, 284, 288, 289, 290, 291, 296, 301, 317),
    *(318, 319, 320, 322, 323, 324, 325, 330, 332, 338, 339, 340, 341, 347),
    *(512, 513, 514, 529, 530, 531, 532, 700, 33723, 34377, 34675),
}
DETAILS = 0x8769  # The EXIF tags proper, in a directory of their own.
WIDTH, HEIGHT = 0xA002, 0xA003


def kept_exif(image):
    """Returns the EXIF of a Pillow image as bytes, or None if there is none.

    Left out are the orientation, the thumbnail, and what a TIFF file says of
    the way in which its pixels are stored.
    """
    exif = image.getexif()
    for tag in STRUCTURE.intersection(exif):
        del exif[tag]
    if not exif:
        return None
    try:
        return exif.tobytes()
    except Exception as error:  # Cameras write many things.
        LOGGER.warning("EXIF that cannot be written is left out: %s.", error)
        return None


def exif_of_size(exif, height, width):
    """Returns EXIF as bytes, in which a stated size is the one given."""
    parsed = parse(exif)
    details = parsed.get_ifd(DETAILS)
    for tag, size in ((WIDTH, width), (HEIGHT, height)):
        if tag in details:
            details[tag] = size
    return parsed.tobytes()


def parse(exif):
    """Returns the EXIF of bytes as Pillow's object."""
    from PIL import Image

    parsed = Image.Exif()
    parsed.load(exif)
    return parsed


def texts(exif):
    """Returns the texts of EXIF's main directory by tag, as the artist."""
    if exif is None:
        return {}
    tags = parse(exif).items()
    return {tag: text for tag, text in tags if isinstance(text, str)}
