"""Files of images inside of a graph, decoded with care."""

import tensorflow as tf

PNG_START = b"\x89PNG\r\n\x1a\n"
JPEG_START = b"\xff\xd8\xff"
DEPTH_AT = 24  # In a PNG file: after its start, and the width and height.

# What became of a file. Zero first: it is the state of one that raised.
DAMAGED, DECODED, TOO_LARGE, COLOURED = range(4)


def decode(contents, index, channels, max_pixels):
    """Decodes a JPEG or PNG file, or fails with what is wrong with it.

    Only what is measured is kept: transparency, the orientation in EXIF data
    and colour profiles are left out.

    Args:
        contents: string tensor, scalar. The file.
        index: int tensor. Its place in the request, for the message.
        channels: int. 1 or 3. Grey files become coloured ones if it is 3.
        max_pixels: int. What a larger image is refused for, before memory is
            taken for it.

    Returns:
        Pair `(low_res, is_deep)`: a float32 tensor `(1, height, width,
        channels)` in [0, 1], and whether it has 16 bits, a boolean tensor.

    Raises:
        InvalidArgumentError: When it is run, with a message on the element.
    """
    is_png = _starts_with(contents, PNG_START)
    is_image = is_png | _starts_with(contents, JPEG_START)
    known = _require(is_image, index, "is neither a JPEG nor a PNG file")
    with tf.control_dependencies([known]):
        state, image = _try_decode(
            tf.identity(contents), is_png, channels, max_pixels
        )
    reasons = {
        DAMAGED: "is damaged or cut off",
        TOO_LARGE: f"has more than {max_pixels} pixels",
        COLOURED: "is in colour, and this model is for grey images",
    }
    required = [
        _require(state != bad, index, reason) for bad, reason in reasons.items()
    ]
    with tf.control_dependencies(required):
        depth = tf.strings.substr(contents, DEPTH_AT, 1)
        low_res = tf.cast(image[None], "float32") / 65535.0
    low_res.set_shape([1, None, None, channels])
    return low_res, is_png & (depth == "\x10")


def to_integers(images, bits):
    """Rounds images in [0, 1] to unsigned integers of 8 or 16 bits."""
    white = 2**bits - 1
    rounded = tf.round(tf.clip_by_value(images, 0.0, 1.0) * float(white))
    return tf.cast(tf.cast(rounded, "int32"), f"uint{bits}")


def _starts_with(contents, start):
    return tf.strings.substr(contents, 0, len(start)) == start


def _require(condition, index, reason):
    """Returns an operation that fails unless a condition holds."""
    place = tf.strings.as_string(index)
    message = tf.strings.join(["low_res_bytes[", place, "] ", reason, "."])
    return tf.debugging.Assert(condition, [message])


def _try_decode(contents, is_png, channels, max_pixels):
    """Returns what became of a file, and its image with 16 bits.

    TensorFlow's decoders fail without saying which of several files they mean.
    A data set of one file is the only construct that lets a graph go on.
    """
    nothing = tf.zeros([0, 0, channels], "uint16")

    def decode_one(contents):
        height, width = _size(contents, is_png)  # Negative if beyond int32.
        fits = (height >= 0) & (width >= 0) & (height * width <= max_pixels)
        return tf.cond(
            fits,
            lambda: _decode_pixels(contents, is_png, channels),
            lambda: (TOO_LARGE, nothing),
        )

    options = tf.data.Options()  # Half of the time went into optimizing it.
    options.autotune.enabled = False
    options.experimental_optimization.apply_default_optimizations = False
    files = tf.data.Dataset.from_tensors(contents).map(decode_one)
    files = files.ignore_errors().with_options(options)
    return files.reduce((DAMAGED, nothing), lambda _, decoded: decoded)


def _size(contents, is_png):
    """Returns the height and width that a file says it has."""

    def png_size():
        sizes = tf.strings.substr(contents, len(PNG_START) + 8, 8)
        sizes = tf.io.decode_raw(sizes, "int32", little_endian=False)
        return tf.cast(sizes[1], "int64"), tf.cast(sizes[0], "int64")

    def jpeg_size():
        shape = tf.io.extract_jpeg_shape(contents)
        return tf.cast(shape[0], "int64"), tf.cast(shape[1], "int64")

    return tf.cond(is_png, png_size, jpeg_size)


def _decode_pixels(contents, is_png, channels):
    # Both come as 16 bits: those of 8 bits times 257, which is exact. A JPEG
    # file is decoded as Pillow does, to the last bit.
    kept = 3 if channels == 3 else 0  # 0 for the file's own.
    image = tf.cond(
        is_png,
        lambda: tf.io.decode_png(contents, kept, "uint16"),
        lambda: (
            tf.cast(
                tf.io.decode_jpeg(
                    contents, kept, dct_method="INTEGER_ACCURATE"
                ),
                "uint16",
            )
            * 257
        ),
    )
    if channels == 3:
        return DECODED, image
    is_coloured = tf.shape(image)[-1] > 2  # Two are grey and transparency.
    return tf.where(is_coloured, COLOURED, DECODED), image[..., :1]
