"""ImageFile: what is in an image file."""

import dataclasses

import numpy as np

DTYPES = ("uint8", "uint16")


@dataclasses.dataclass(frozen=True, eq=False)
class ImageFile:
    """The pixels of an image file, and what else goes from input to output.

    Args:
        pixels: uint8 or uint16 array, `(height, width, 1)` or
            `(height, width, 3)`, as a viewer shows them: any orientation of
            EXIF has been applied.
        alpha: Array of the dtype of `pixels`, `(height, width)`, or None
            without an opacity channel. Opacity is straight: colours are not
            multiplied by it. Defaults to None.
        icc_profile: bytes, or None. The colour profile. Defaults to None.
        exif: bytes, or None. EXIF without the orientation. Defaults to None.
        dpi: Pair of floats, or None. Pixels per inch. Defaults to None.
        format: string, or None. `"PNG"`, `"JPEG"`, `"WEBP"`, `"TIFF"`,
            `"BMP"` or `"GIF"`: where it came from. Defaults to None.

    Raises:
        ValueError: If the arrays are not of such a dtype and shape.

    Example:

    >>> import numpy as np
    >>> import keras_affsr.upscale
    >>> image = keras_affsr.upscale.ImageFile(np.zeros((8, 9, 3), "uint16"))
    >>> image.bits
    16
    """

    pixels: np.ndarray
    alpha: np.ndarray = None
    icc_profile: bytes = None
    exif: bytes = None
    dpi: tuple = None
    format: str = None

    def __post_init__(self):
        shape, dtype = np.shape(self.pixels), np.asarray(self.pixels).dtype
        if dtype.name not in DTYPES or shape[2:] not in ((1,), (3,)):
            raise ValueError(
                "`ImageFile` expects pixels of dtype uint8 or uint16 and of "
                "shape (height, width, 1) or (height, width, 3). Received: "
                f"dtype {dtype}, shape {shape}. Scale floats in [0, 1] by 255 "
                "or 65535, round and convert them first."
            )
        if self.alpha is None:
            return
        if self.alpha.dtype != dtype or self.alpha.shape != shape[:2]:
            raise ValueError(
                f"`ImageFile` expects alpha as its pixels are: dtype {dtype}, "
                f"shape {shape[:2]}. Received: dtype {self.alpha.dtype}, shape "
                f"{self.alpha.shape}."
            )

    @property
    def bits(self):
        """Bits of a sample, 8 or 16."""
        return 8 * np.asarray(self.pixels).dtype.itemsize

    @property
    def white(self):
        """The value of white, 255 or 65535."""
        return 2**self.bits - 1

    @property
    def samples(self):
        """All channels with the opacity last, `(height, width, 1 to 4)`."""
        if self.alpha is None:
            return self.pixels
        return np.concatenate([self.pixels, self.alpha[..., None]], axis=-1)


def from_samples(samples, has_alpha, **options):
    """Returns the `ImageFile` of channels of which the last may be opacity."""
    samples = np.atleast_3d(samples)
    if not has_alpha:
        return ImageFile(np.ascontiguousarray(samples), **options)
    pixels = np.ascontiguousarray(samples[..., :-1])
    alpha = np.ascontiguousarray(samples[..., -1])
    return ImageFile(pixels, alpha, **options)
