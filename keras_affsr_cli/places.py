"""Which image goes where."""

import collections
import os

from keras_affsr_cli.usage_error import UsageError

ENDINGS = {
    "png": ".png",
    "tiff": ".tif",
    "webp": ".webp",
    "bmp": ".bmp",
    "jpeg": ".jpg",
}
# Of inputs, those of a lossless format that the result can have too.
KEPT = (".png", ".tif", ".tiff", ".webp", ".bmp")
WITH_16_BITS = (".png", ".tif", ".tiff")
WRITTEN = (*KEPT, ".jpg", ".jpeg")

# `name` is the path below the input folder, for what is printed; without a
# result, `target` is None.
Place = collections.namedtuple("Place", ("name", "source", "target"))


def places(inputs, output, format=None, bits=None):
    """Returns the `Place` of every image of files and folders, in order.

    A lone file goes to `output` if that has the ending of an image, and into
    the folder `output` otherwise. Of a folder, the tree below it is kept.
    """
    sources = images(inputs)
    lone = len(inputs) == 1 and not os.path.isdir(inputs[0])
    ending = os.path.splitext(output)[1].lower()
    if lone and ending in WRITTEN and not os.path.isdir(output):
        if format and _ending(output, format, bits) != ending:
            raise UsageError(
                f"--format {format} and the ending of --output {output} do "
                "not agree. Leave one of them out."
            )
        return [sources[0]._replace(target=output)]
    if os.path.exists(output) and not os.path.isdir(output):
        raise UsageError(
            f"--output {output} is a file. Give a folder for the results."
        )
    return [
        place._replace(target=_target(place.name, output, format, bits))
        for place in sources
    ]


def images(paths):
    """Returns the `Place` of every image of files and folders, in order."""
    return [
        Place(name, source, None)
        for path in paths
        for name, source in _images(path)
    ]


def _images(path):
    """Returns the pairs (name, path) of the images at a path."""
    if not os.path.isdir(path):
        return [(os.path.basename(path), path)]
    from keras_affsr.data.find_images import find_images

    try:
        files = find_images(path, "keras-affsr")
    except (ValueError, OSError) as error:
        raise UsageError(str(error)) from error
    return [(file.name, file.path) for file in files]


def _target(name, output, format, bits):
    start = os.path.splitext(name)[0]
    return os.path.join(output, start + _ending(name, format, bits))


def _ending(name, format, bits):
    ending = os.path.splitext(name)[1].lower()
    if format:
        same = {".jpeg": ".jpg", ".tiff": ".tif"}.get(ending, ending)
        return ending if same == ENDINGS[format] else ENDINGS[format]
    kept = WITH_16_BITS if bits == 16 else KEPT
    return ending if ending in kept else ".png"
