"""Matching the low-resolution files of a folder to the high-resolution ones."""

import os
import re

from keras_affsr.data.image_files import report


def match_images(low_res, high_res, folders, scales, on_error, owner):
    """Returns the pairs `(low_res, high_res)` of files that belong together.

    Those are of the same path below their folder, but for the ending, and but
    for what is usually added to a name: `0001x4`, `0001_x4`, `0001_LR` and
    `img_001_SRF_4_LR` belong to `0001`, `0001_HR` and `img_001_SRF_4_HR`.

    Args:
        low_res: list of `ImageFile`.
        high_res: list of `ImageFile`.
        folders: Pair of strings: the folders of the two.
        scales: Pair of ints (rows, columns).
        on_error: `"skip"`, or `"raise"` to refuse an image without a partner.
        owner: string. The function that a message should name.

    Returns:
        list of pairs of `ImageFile`, in the order of `high_res`.

    Raises:
        ValueError: If nothing matches, one file matches two, the sizes of a
            pair do not fit, or a partner is missing and `on_error="raise"`.
    """
    number = scales[0] if scales[0] == scales[1] else r"\d+"
    added = rf"x{number}[a-z]?|{number}x|[_-](?:lr|hr|srf_?{number})"
    added = re.compile(rf"(?:[_-]?(?:{added}))+$", re.IGNORECASE)
    names = _by_name(low_res, None, owner)
    short_names = _by_name(low_res, added, owner)
    pairs = []
    alone = []
    for file in high_res:
        partner = names.get(_name(file, None))
        partner = partner or short_names.get(_name(file, added))
        if partner is None:
            alone.append(file.path)
        else:
            pairs.append((partner, file))
    if alone:
        what = f"found no partner in {folders[0]!r} for {len(alone)} images"
        report(what, alone, on_error if pairs else "raise", owner)
    for pair in pairs:
        _check_sizes(*pair, scales, owner)
    return pairs


def _by_name(files, added, owner):
    by_name = {}
    for file in files:
        name = _name(file, added)
        if name in by_name:
            raise ValueError(
                f"`{owner}` cannot tell which low-resolution image {name!r} "
                f"means: {by_name[name].path} or {file.path}. Keep one of them "
                "in lr_dir."
            )
        by_name[name] = file
    return by_name


def _name(file, added):
    name = os.path.splitext(file.name)[0]
    return added.sub("", name) if added else name


def _check_sizes(low_res, high_res, scales, owner):
    sizes = [(file.height, file.width) for file in (low_res, high_res)]
    if all(a * scale == b for a, b, scale in zip(*sizes, scales)):
        return
    scale = scales[0] if scales[0] == scales[1] else scales
    turned = sizes[0][0] * scales[0] == sizes[1][1]
    hint = " One of the two seems to be turned by 90 degrees." if turned else ""
    raise ValueError(
        f"`{owner}` expects the images of hr_dir to be exactly scale={scale} "
        f"times those of lr_dir. Received: {high_res.path} of "
        f"{sizes[1][0]} x {sizes[1][1]} pixels (height x width) and "
        f"{low_res.path} of {sizes[0][0]} x {sizes[0][1]}.{hint} Crop the "
        "larger before it is made smaller, or use paired=False."
    )
