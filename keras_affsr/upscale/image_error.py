"""ImageError: what is wrong with one image file."""


class ImageError(ValueError):
    """Says that one image file cannot be read, made or written.

    The message names the file, what was found, what was expected and what to
    do. Whoever works through many files catches this, and goes on with the
    next one.

    Example:

    >>> import keras_affsr.upscale
    >>> try:
    ...     keras_affsr.upscale.read_image(b"no image")
    ... except keras_affsr.upscale.ImageError as error:
    ...     print("skipped")
    skipped
    """
