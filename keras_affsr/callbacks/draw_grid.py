"""Pictures of several versions of several images, side by side."""

import os

import numpy as np

from keras_affsr import checks

MARGIN = 12
FONT_SIZE = 18
SMALLEST_TILE = 160
INK = (40, 40, 40)


def draw_grid(columns, title=None, zoom=None):
    """Draws images in labelled columns, one row for each image.

    An image smaller than the largest of its row, such as a low-resolution one,
    is enlarged to that size by repeating its pixels, so that they can be seen.

    Args:
        columns: dict from the label of a column to its images: a list of
            arrays, or one array `(rows, height, width, channels)`, of floats
            in [0, 1] with one channel (or none) or three. The images of a
            column and of a row may differ in size.
        title: string or None. A line of text on top. Defaults to None.
        zoom: int or None. Side of the square that a pixel of a row's largest
            image is drawn as. Defaults to the one that makes the narrowest
            such image at least 160 pixels wide.

    Returns:
        uint8 array of shape `(height, width, 3)`.

    Raises:
        ValueError: If there are no images, the columns differ in length, or an
            image is not one of floats in [0, 1].

    Example:

    >>> import keras_affsr.callbacks
    >>> import keras_affsr.data
    >>> image = keras_affsr.data.grass()[:64, :64]
    >>> grid = keras_affsr.callbacks.draw_grid(
    ...     {"every fourth": [image[::4, ::4]], "truth": [image]}, zoom=2)
    >>> keras_affsr.callbacks.save_png(grid, "grid.png")
    """
    table = _check_columns(columns)  # [column][row], each [h, w, 3]
    rows = list(zip(*table))
    largest = [np.max([image.shape[:2] for image in row], 0) for row in rows]
    if zoom is None:
        zoom = max(1, -(-SMALLEST_TILE // min(size[1] for size in largest)))
    zoom = checks.check_count(zoom, "zoom", "draw_grid")
    tiles = [
        [nearest(image, size * zoom) for image in row]
        for row, size in zip(rows, largest)
    ]
    return _paste(tiles, list(columns), title)


def save_png(array, path):
    """Writes a picture as a PNG file, whole or not at all.

    The file is written under another name in the same folder and then renamed,
    so that a viewer or a copy never meets half a picture. Missing folders are
    made.

    Args:
        array: uint8 array, `(height, width)` or `(height, width, 3)`.
        path: string or path. Where to write.

    Raises:
        ValueError: If the array is not uint8 of such a shape.
        OSError: If the file cannot be written.

    Example:

    >>> import numpy as np
    >>> import keras_affsr.callbacks
    >>> keras_affsr.callbacks.save_png(np.zeros((8, 8), "uint8"), "black.png")
    """
    from PIL import Image

    array = np.asarray(array)
    if array.dtype != np.uint8 or array.shape[2:] not in ((), (3,)):
        raise ValueError(
            "`save_png` expects a uint8 array of shape (height, width) or "
            f"(height, width, 3). Received: dtype {array.dtype}, shape "
            f"{array.shape}. `draw_grid` makes one of floats in [0, 1]."
        )
    path = os.fspath(path)
    temporary = f"{path}.{os.getpid()}.partial"
    try:
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        Image.fromarray(array).save(temporary, format="PNG")
        os.replace(temporary, path)
    except OSError as error:
        if os.path.exists(temporary):
            os.remove(temporary)
        raise OSError(
            f"`save_png` cannot write {path!r}: {error}. Choose a folder that "
            "exists or can be made, and that you may write to."
        ) from error


def nearest(image, size):
    """Resizes an image by repeating its pixels.

    Args:
        image: Array, `(height, width, channels)`.
        size: Pair of ints, the new height and width.

    Returns:
        Array of shape `(*size, channels)`.
    """
    rows, columns = (
        (np.arange(new) + 0.5) * old // new
        for new, old in zip(size, image.shape)
    )
    return image[rows.astype(int)[:, None], columns.astype(int)]


def bicubic(image, size, shift=0.0):
    """Enlarges an image by bicubic interpolation, in floats.

    It is Pillow's: the kernel with a = -0.5, which may leave [0, 1] a little.

    Args:
        image: Float array, `(height, width, channels)`.
        size: Pair of ints, the new height and width.
        shift: float. Pixels of the result by which to move it to the right
            and down, less than the ratio of the sizes. An image made by a
            `GaussianDownsample` of 9 taps and an even scale lies half a pixel
            off the centres of its blocks, and needs 0.5. Defaults to 0.

    Returns:
        float32 array of shape `(*size, channels)`.

    Example:

    >>> import keras_affsr.callbacks
    >>> import keras_affsr.data
    >>> image = keras_affsr.data.grass()
    >>> keras_affsr.callbacks.bicubic(image, (1024, 1024)).shape
    (1024, 1024, 1)
    """
    from PIL import Image

    image = np.asarray(image, "float32")
    rows, columns = image.shape[:2]
    height, width = (int(number) for number in size)
    box = (0, 0, columns, rows)
    if shift:  # Seen through a window that is moved the other way.
        image = np.pad(image, ((1, 1), (1, 1), (0, 0)), "edge")
        left = 1 - shift * columns / width
        top = 1 - shift * rows / height
        box = (left, top, left + columns, top + rows)
    channels = [
        Image.fromarray(np.ascontiguousarray(channel)).resize(
            (width, height), Image.Resampling.BICUBIC, box
        )
        for channel in np.moveaxis(image, -1, 0)
    ]
    return np.stack([np.asarray(channel) for channel in channels], axis=-1)


def _check_columns(columns):
    table = [
        [_as_colour(image, label) for image in images]
        for label, images in columns.items()
    ]
    lengths = [len(images) for images in table]
    if not lengths or len(set(lengths)) > 1 or not lengths[0]:
        raise ValueError(
            "`draw_grid` expects a dict from labels to equally many images, at "
            f"least one. Received: {dict(zip(columns, lengths))} images."
        )
    return table


def _as_colour(image, label):
    image = checks.check_unit_range(image, label, "draw_grid")
    if image.ndim == 2:
        image = image[..., None]
    if image.ndim != 3 or image.shape[2] not in (1, 3) or not image.size:
        raise ValueError(
            "`draw_grid` expects images of shape (height, width), (height, "
            "width, 1) or (height, width, 3). Received: one of shape "
            f"{image.shape} in the column {label!r}."
        )
    image = np.round(255.0 * image).astype("uint8")
    return np.repeat(image, 3 // image.shape[2], axis=2)  # [h, w, 3]


def _paste(tiles, labels, title):
    """Puts rows of tiles, with labels on top, on a white sheet."""
    from PIL import Image
    from PIL import ImageDraw
    from PIL import ImageFont

    font = ImageFont.load_default(FONT_SIZE)
    line = FONT_SIZE + MARGIN
    top = MARGIN + line * (2 if title else 1)
    widths = [
        max([tile.shape[1] for tile in column] + [int(font.getlength(label))])
        for column, label in zip(zip(*tiles), labels)
    ]
    lefts = np.cumsum([MARGIN] + [width + MARGIN for width in widths])
    tops = np.cumsum([top] + [len(row[0]) + MARGIN for row in tiles])
    width = max(lefts[-1], int(font.getlength(title or "")) + 2 * MARGIN)
    sheet = Image.new("RGB", (int(width), int(tops[-1])), "white")
    draw = ImageDraw.Draw(sheet)
    if title:
        draw.text((MARGIN, MARGIN), title, INK, font)
    for left, width, label in zip(lefts, widths, labels):
        bottom = (left + width / 2, top - MARGIN / 2)
        draw.text(bottom, label, INK, font, anchor="md")
    for y, row in zip(tops, tiles):
        for left, width, tile in zip(lefts, widths, row):
            x = left + (width - tile.shape[1]) // 2
            sheet.paste(Image.fromarray(tile), (int(x), int(y)))
    return np.asarray(sheet)
