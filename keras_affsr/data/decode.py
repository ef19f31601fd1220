"""From the bytes of an image file to floats in [0, 1]."""

import contextlib
import io

import numpy as np
import tensorflow as tf

JPEG_START = b"\xff\xd8\xff"
PNG_START = b"\x89PNG\r\n\x1a\n"
# Where a PNG file says its width and height, and its bits per sample.
PNG_SIZE = 16
PNG_DEPTH = 24
GREY_MODES = ("1", "L", "LA", "I;16", "I;16L", "I;16B")
# Pixels decoded on either side of a part of a JPEG image.
SIDE = 2
# The modes of Pillow whose values have no known white.
REFUSED_MODES = ("I", "F")
# Rec. 601, as Pillow's `convert("L")`, which rounds to 8 bits.
LUMA = (0.299, 0.587, 0.114)


def image_size(contents):
    """Returns the height and width of an encoded image, without decoding it.

    Args:
        contents: string tensor `()`. The bytes of a file.

    Returns:
        int32 tensor `(2,)`.
    """
    return _by_format(
        contents,
        jpeg=lambda: tf.io.extract_jpeg_shape(contents)[:2],
        png=lambda: _png_size(contents),
        other=lambda: tf.numpy_function(_pillow_size, [contents], "int32"),
    )


def decode_image(contents, channels=3, box=None):
    """Decodes an image file, or a part of it, in a graph of TensorFlow.

    JPEG (grey, colour or CMYK) and PNG (of 1 to 16 bits, palettes included)
    are decoded by TensorFlow; what else Pillow opens, such as WebP, BMP and
    TIFF, by Pillow. Of a JPEG file only the box is decoded. Sixteen bits keep
    their precision, except in colour TIFF, which Pillow does not read. Colours
    become grey by their luma, `0.299 R + 0.587 G + 0.114 B`, without rounding;
    grey becomes three equal channels. An opacity channel is left out, as that
    of `photograph`: what lies under transparent pixels is part of the picture,
    and no background is made up. The pixels stay as stored: the orientation
    of EXIF is not applied.

    Args:
        contents: string tensor `()`. The bytes of a file.
        channels: int. 1 or 3. Defaults to 3.
        box: Four ints, or an int32 tensor `(4,)`: top, left, height and width
            of the part to decode. None for all. Defaults to None.

    Returns:
        float32 tensor `(height, width, channels)`, in [0, 1].

    Raises:
        tf.errors.InvalidArgumentError: When it runs, if the bytes are broken.

    Example:

    >>> import tensorflow as tf
    >>> from keras_affsr.data.decode import decode_image
    >>> contents = tf.io.encode_png(tf.zeros((30, 40, 3), "uint8"))
    >>> decode_image(contents, channels=1, box=(0, 0, 16, 16)).shape
    TensorShape([16, 16, 1])
    """
    image = _by_format(
        contents,
        jpeg=lambda: _decode_jpeg(contents, channels, box),
        png=lambda: _decode_png(contents, channels, box),
        other=lambda: _decode_other(contents, channels, box),
    )
    size = (None, None) if box is None or tf.is_tensor(box) else box[2:]
    return tf.ensure_shape(image, (*size, channels))


def _by_format(contents, jpeg, png, other):
    starts = [tf.strings.substr(contents, 0, 3) == JPEG_START]
    starts += [tf.strings.substr(contents, 0, 8) == PNG_START]
    return tf.case(list(zip(starts, (jpeg, png))), default=other)


def _decode_jpeg(contents, channels, box):
    # This method, and not TensorFlow's faster one, equals Pillow's.
    options = {"channels": _or_all(channels), "dct_method": "INTEGER_ACCURATE"}
    if box is None:
        pixels = tf.io.decode_jpeg(contents, **options)
    else:
        # At the sides of what is decoded, colours are interpolated as at the
        # borders of the image: so a little more is, and cut off.
        top, left, height, width = tf.unstack(tf.cast(box, "int32"), num=4)
        start = tf.maximum(left - SIDE, 0)
        stop = tf.minimum(
            left + width + SIDE, tf.io.extract_jpeg_shape(contents)[1]
        )
        wide = tf.stack([top, start, height, stop - start])
        pixels = tf.io.decode_and_crop_jpeg(contents, wide, **options)
        pixels = _cut(pixels, (0, left - start, height, width))
    return _to_channels(tf.cast(pixels, "float32") / 255.0, channels)


def _decode_png(contents, channels, box):
    def decode(dtype, white):
        pixels = tf.io.decode_png(contents, _or_all(channels), dtype)
        pixels = tf.cast(_cut(pixels, box), "float32") / white
        return _to_channels(pixels, channels)

    deep = tf.strings.substr(contents, PNG_DEPTH, 1) == b"\x10"
    return tf.cond(
        deep,
        lambda: decode("uint16", 65535.0),
        lambda: decode("uint8", 255.0),
    )


def _decode_other(contents, channels, box):
    def decode(contents):
        return _pillow_pixels(contents, channels)

    return _cut(tf.numpy_function(decode, [contents], "float32"), box)


def _cut(pixels, box):
    if box is None:
        return pixels
    pixels = tf.ensure_shape(pixels, (None, None, None))
    top, left, height, width = tf.unstack(tf.cast(box, "int32"), num=4)
    return tf.slice(pixels, [top, left, 0], [height, width, -1])


def _or_all(channels):
    """Returns the channels that to ask of TensorFlow's decoders.

    To grey they come by other weights than ours, so that for one channel all
    are asked for, by 0.
    """
    return 3 if channels == 3 else 0


def _to_channels(pixels, channels):
    if channels == 3:
        return pixels
    return tf.cond(
        tf.shape(pixels)[-1] >= 3,
        lambda: tf.reduce_sum(pixels[..., :3] * LUMA, -1, keepdims=True),
        lambda: pixels[..., :1],  # The second would be opacity.
    )


def _png_size(contents):
    size = tf.strings.substr(contents, PNG_SIZE, 8)  # width, height
    return tf.io.decode_raw(size, "int32", little_endian=False)[::-1]


@contextlib.contextmanager
def _opened(contents):
    """Opens an image by Pillow, whose errors of any kind become ValueError.

    That is an InvalidArgumentError to TensorFlow, as those of its own decoders.
    """
    from PIL import Image

    try:
        with Image.open(io.BytesIO(contents)) as image:
            yield image
    except MemoryError:
        raise
    except Exception as error:
        raise ValueError(str(error) or type(error).__name__) from error


def _pillow_size(contents):
    with _opened(contents) as image:
        return np.array(image.size[::-1], "int32")


def _pillow_pixels(contents, channels):
    """Returns a whole image, decoded by Pillow, as `decode_image` does."""
    with _opened(contents) as image:
        if image.mode in REFUSED_MODES:
            raise ValueError(
                f"`decode_image` cannot tell the white of an image of Pillow's "
                f"mode {image.mode!r}. Save it with 8 or 16 bits."
            )
        if image.mode not in GREY_MODES:
            image = image.convert("RGB")
        elif not image.mode.startswith("I;16"):
            image = image.convert("L")
        pixels = np.asarray(image)  # [h, w] or [h, w, 3]
    white = np.float32(65535 if pixels.dtype.itemsize == 2 else 255)
    pixels = np.atleast_3d(pixels).astype("float32") / white
    if channels == 3:
        return np.broadcast_to(pixels, (*pixels.shape[:2], 3)).copy()
    if pixels.shape[-1] == 3:
        pixels = np.sum(pixels * np.float32(LUMA), -1, keepdims=True)
    return pixels
