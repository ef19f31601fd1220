"""Finding the files that belong together, by their names."""

import os

from keras_affsr_cli.usage_error import UsageError


def partners(path, places, scale):
    """Returns the file at `path` that belongs to each place, by its source.

    Of folders, names match as those of `keras_affsr.data.image_folder` do,
    with a scale that may be None. A place without a partner is left out.
    """
    lone = len(places) == 1 and places[0].name == os.path.basename(
        places[0].source
    )
    if not os.path.isdir(path):
        if not os.path.exists(path):
            raise UsageError(f"{path} is missing. Give a file or a folder.")
        if not lone:
            raise UsageError(
                f"{path} is one file, for {len(places)} images. Give a folder."
            )
        return {places[0].source: path}
    return _by_name(path, places, scale)


def partner_of(place, found, flag):
    """Returns the partner of a place, or raises an `ImageError`."""
    from keras_affsr.upscale import ImageError

    if place.source not in found:
        raise ImageError(
            f"{place.source} has no partner in {flag}. Expected an image of "
            "the same name. Add or rename it."
        )
    return found[place.source]


def _by_name(folder, places, scale):
    from keras_affsr.data.find_images import find_images
    from keras_affsr.data.image_files import ImageFile
    from keras_affsr.data.image_pairs import match_images

    # Sizes are checked when the files are read, each for itself: none here.
    def unread(path, name):
        return ImageFile(path, name, 0, 0, 0, "")

    # Of unequal scales, any number in a name is taken for one.
    scales = (1, 2) if scale is None else scale
    scales = scales if isinstance(scales, tuple) else (scales, scales)
    try:
        found = find_images(folder, "keras-affsr")
        pairs = match_images(
            [unread(file.path, file.name) for file in found],
            [unread(place.source, place.name) for place in places],
            (folder, os.path.dirname(places[0].source)),
            scales,
            "skip",
            "keras-affsr",
        )
    except (ValueError, OSError) as error:
        raise UsageError(str(error)) from error
    return {source.path: partner.path for partner, source in pairs}
