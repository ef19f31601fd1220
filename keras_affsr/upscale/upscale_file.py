"""upscale_file and upscale_bytes: from an image file to an image file."""

import dataclasses
import logging
import os

import numpy as np

from keras_affsr import checks
from keras_affsr.upscale.encode_image import LOSSLESS
from keras_affsr.upscale.encode_image import check_format
from keras_affsr.upscale.encode_image import encode_image
from keras_affsr.upscale.encode_image import format_of
from keras_affsr.upscale.enlarge import enlarge
from keras_affsr.upscale.enlarge import enlarge_alpha
from keras_affsr.upscale.image_file import ImageFile
from keras_affsr.upscale.levels import consistency_map as draw_map
from keras_affsr.upscale.levels import measure
from keras_affsr.upscale.levels import together
from keras_affsr.upscale.read_image import read_image
from keras_affsr.upscale.upscaled_file import UpscaledFile
from keras_affsr.upscale.write_image import check_target
from keras_affsr.upscale.write_image import write_bytes
from keras_affsr.upscale.write_image import write_image

LOGGER = logging.getLogger(__name__)


def upscale_file(
    upscaler,
    source,
    target,
    overwrite=False,
    consistency_map=None,
    bits=None,
    max_pixels=None,
):
    """Upscales an image file, so that the file keeps the promise.

    Of the pixels that are read back from `target`, `A y` rounded is what was
    read from `source`, bit for bit; the figures returned say how much of it.
    Opacity is straight: it is enlarged by `A+` and projected like a channel,
    and the colours do not touch it. Grey stays grey and colour stays
    colour, whatever the model takes. See `read_image` and `write_image` for
    the formats, and for what else is kept. JPEG breaks the promise: a warning
    says by how much.

    Args:
        upscaler: Upscaler. With `samples`, results go to `name-1.png` and so
            on in place of `name.png`.
        source: string, path, or bytes.
        target: string or path. Its ending says the format.
        overwrite: bool. Whether to replace files. Defaults to False.
        consistency_map: string or path. Where to draw `|A y - x|` at low
            resolution: black is none, mid-grey half a level, white one level
            or more. Of samples, the largest. Defaults to None, nowhere.
        bits: int. 8 or 16, of the result; the input is rounded to 8 bits
            first if the result is to have them. Defaults to the input's.
        max_pixels: int. See `read_image`. Defaults to None.

    Returns:
        `UpscaledFile`, of what is read back from the file.

    Raises:
        ImageError: If a file cannot be read or written, or will not do.

    Example:

    ```python
    upscaler = keras_affsr.upscale.Upscaler(model)
    keras_affsr.upscale.upscale_file(upscaler, "in.png", "out.png").reproduced
    ```
    """
    targets = sample_paths(target, upscaler.samples)
    drawn = [] if consistency_map is None else [consistency_map]
    for path in (*targets, *drawn):
        format_of(path)
        check_target(path, overwrite)
    image = read_image(source, max_pixels)
    results = _upscale(upscaler, image, format_of(target), bits)
    for path, (contents, _, _) in zip(targets, results):
        write_bytes(path, contents, overwrite)
    if drawn:
        write_image(drawn[0], _draw(upscaler.downsample, results), overwrite)
    return _collect(results, upscaler.samples)


def upscale_bytes(upscaler, contents, format="PNG", bits=None, max_pixels=None):
    """Upscales the bytes of an image file; see `upscale_file`.

    Args:
        upscaler: Upscaler.
        contents: bytes.
        format: string, of the result; see `encode_image`. Defaults to `"PNG"`.
        bits: int. 8 or 16, of the result. Defaults to the input's.
        max_pixels: int. See `read_image`. Defaults to None.

    Returns:
        bytes, or a list of bytes if the upscaler draws samples, and
        `UpscaledFile`.

    Raises:
        ImageError: If the bytes are no image that will do.

    Example:

    ```python
    upscaler = keras_affsr.upscale.Upscaler(model)
    png, upscaled = keras_affsr.upscale.upscale_bytes(upscaler, contents)
    ```
    """
    image = read_image(contents, max_pixels)
    results = _upscale(upscaler, image, format, bits)
    files = [contents for contents, _, _ in results]
    upscaled = _collect(results, upscaler.samples)
    return (files[0] if upscaler.samples is None else files), upscaled


def with_bits(image, bits, owner):
    """Returns an `ImageFile` rounded to so many bits, if it has more."""
    bits = checks.check_choice(bits or image.bits, (8, 16), "bits", owner)
    if bits >= image.bits:
        return image, bits
    alpha = None if image.alpha is None else _to_8_bits(image.alpha)
    pixels = _to_8_bits(image.pixels)
    return dataclasses.replace(image, pixels=pixels, alpha=alpha), bits


def sample_paths(target, samples):
    """Returns the path of each sample, or of the one result without any."""
    target = os.fspath(target)
    if samples is None:
        return [target]
    start, ending = os.path.splitext(target)
    return [f"{start}-{number}{ending}" for number in range(1, samples + 1)]


def encode_and_measure(image, format, downsample, low_res):
    """Returns an image as bytes, and how well they agree once decoded.

    Args:
        image: ImageFile.
        format: string.
        downsample: Downsample, or None.
        low_res: ImageFile.

    Returns:
        bytes, and `UpscaledFile`.
    """
    contents = encode_image(image, format)
    height, width, channels = image.pixels.shape
    read = read_image(contents, max_pixels=height * width)
    decoded = read.pixels[..., :channels]  # WebP has no grey.
    upscaled = measure(downsample, decoded, low_res.pixels)
    opacity = None
    if read.alpha is not None and low_res.alpha is not None:
        opacity = measure(
            downsample, read.alpha[..., None], low_res.alpha[..., None]
        ).reproduced
    upscaled = UpscaledFile(**vars(upscaled), opacity_reproduced=opacity)
    if format not in LOSSLESS and upscaled.unmatched:
        LOGGER.warning(
            "%s is lossy: of the image in the file, %.2f %% of the "
            "low-resolution samples are reproduced. Write PNG to keep all.",
            format,
            100 * upscaled.reproduced,
        )
    return contents, upscaled


def _upscale(upscaler, image, format, bits):
    """Returns (bytes, `UpscaledFile`, low resolution) of each sample."""
    low_res, bits = with_bits(image, bits, "upscale_file")
    _check_result(upscaler, low_res, format, bits)
    samples = enlarge(upscaler, low_res.pixels, bits)
    alpha = low_res.alpha
    if alpha is not None:
        alpha = enlarge_alpha(upscaler.downsample, alpha, bits)
    results = []
    for pixels in samples:
        made = dataclasses.replace(image, pixels=pixels, alpha=alpha)
        contents, upscaled = encode_and_measure(
            made, format, upscaler.downsample, low_res
        )
        results.append((contents, upscaled, low_res))
    return results


def _check_result(upscaler, low_res, format, bits):
    """Raises if the format cannot hold the result, before it is made."""
    rows, columns = (
        scale * size
        for scale, size in zip(upscaler.scale, low_res.pixels.shape)
    )
    # Arrays of these shapes that take no memory.
    zero = np.zeros((), f"uint{bits}")
    pixels = np.broadcast_to(zero, (rows, columns, low_res.pixels.shape[-1]))
    has_alpha = low_res.alpha is not None
    alpha = np.broadcast_to(zero, (rows, columns)) if has_alpha else None
    check_format(ImageFile(pixels, alpha), format)


def _collect(results, samples):
    """Returns one `UpscaledFile` of all samples, with their mean figures."""
    figures = [upscaled for _, upscaled, _ in results]
    if samples is None:
        return figures[0]
    upscaled = together(figures, np.stack([each.images for each in figures]))
    # Opacity is no sample: it is the same in all.
    opacity = figures[0].opacity_reproduced
    return UpscaledFile(**vars(upscaled), opacity_reproduced=opacity)


def _draw(downsample, results):
    maps = [
        draw_map(downsample, upscaled.images, low_res.pixels)
        for _, upscaled, low_res in results
    ]
    return ImageFile(np.max(maps, axis=0))


def _to_8_bits(samples):
    return np.rint(samples / 257.0).astype("uint8")
