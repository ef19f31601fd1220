"""The checks of user input: every message of more than one caller is here.

Each message says who refuses, what was received, what was expected and what to
do about it.
"""

import keras
import numpy as np


def check_choice(value, choices, argument, owner):
    """Returns `value`, or raises unless it is one of `choices`."""
    if value not in choices:
        raise ValueError(
            f"`{owner}` does not know {argument}={value!r}. Expected one of "
            f"{', '.join(repr(choice) for choice in choices)}."
        )
    return value


def check_positive(value, argument, owner):
    """Returns `value` as a float, or raises unless it is finite and > 0."""
    number = _as_number(value, argument, owner)
    if not (np.isfinite(number) and number > 0):
        raise ValueError(
            f"`{owner}` needs a positive {argument}. "
            f"Received: {argument}={value!r}."
        )
    return number


def check_not_negative(value, argument, owner):
    """Returns `value` as a float, or raises unless it is finite and >= 0."""
    number = _as_number(value, argument, owner)
    if not (np.isfinite(number) and number >= 0):
        raise ValueError(
            f"`{owner}` needs {argument} of zero or more. "
            f"Received: {argument}={value!r}."
        )
    return number


def check_count(value, argument, owner, least=1):
    """Returns `value` as an int, or raises unless it is a whole number."""
    number = _as_number(value, argument, owner)
    if not np.isfinite(number) or number != int(number) or number < least:
        raise ValueError(
            f"`{owner}` needs a whole number of at least {least} as "
            f"{argument}. Received: {argument}={value!r}."
        )
    return int(number)


def check_odd(value, argument, owner):
    """Returns `value` as an int, or raises unless it is odd and positive."""
    count = check_count(value, argument, owner)
    if count % 2 == 0:
        raise ValueError(
            f"`{owner}` needs an odd {argument}, so that its kernels are "
            f"centred on a pixel. Received: {argument}={count}."
        )
    return count


def check_pair(value, argument, owner, check=check_count):
    """Returns `value` as a pair (rows, columns) of checked numbers."""
    pair = tuple(value) if isinstance(value, tuple | list) else (value, value)
    if len(pair) != 2:
        raise ValueError(
            f"`{owner}` takes {argument} as one number, or as a pair (rows, "
            f"columns). Received: {argument}={value!r}."
        )
    return tuple(check(number, argument, owner) for number in pair)


def check_instance(value, kind, argument, owner):
    """Returns `value`, or raises unless it is an instance of `kind`."""
    if not isinstance(value, kind):
        raise ValueError(
            f"`{owner}` needs a {kind.__name__} as {argument}. "
            f"Received: {argument}={value!r} of type {type(value).__name__}."
        )
    return value


def check_image_shape(shape, argument, owner):
    """Returns `shape`, or raises unless it is that of a batch of images."""
    if len(shape) != 4:
        hint = " Add the batch axis with `images[None]`."
        raise ValueError(
            f"`{owner}` expects `{argument}` of shape (batch, height, width, "
            f"channels). Received: shape {tuple(shape)}."
            + (hint if len(shape) == 3 else "")
        )
    return tuple(shape)


def check_divisible(size, scale, axis, owner):
    """Returns `size // scale`, or raises if there is a remainder."""
    if size is None:
        return None
    if size % scale:
        fit = size - size % scale
        raise ValueError(
            f"`{owner}` cannot shrink an image {axis} of {size} pixels by "
            f"scale={scale}, because {size} is not a multiple of {scale}. "
            f"Crop the image to {fit} pixels first, for instance with "
            f"`keras_affsr.data.crop_to_multiple(image, {scale})`."
        )
    return size // scale


def full_precision(dtype):
    """Returns "float64" if that is what `dtype` asks for, else "float32".

    What must agree with a measurement is never computed in half precision,
    whatever the dtype policy of the network around it.
    """
    name = dtype if isinstance(dtype, str) else getattr(dtype, "name", None)
    if isinstance(dtype, dict):  # A serialised DTypePolicy.
        name = dtype.get("config", {}).get("name")
    return "float64" if name == "float64" else "float32"


def check_floats(images, argument, owner):
    """Raises unless a tensor holds floats."""
    dtype = keras.backend.standardize_dtype(images.dtype)
    if "float" not in dtype:
        raise ValueError(
            f"`{owner}` expects `{argument}` as floats in [0, 1]. Received: "
            f"dtype {dtype}. Convert it first, for instance 8-bit images with "
            "`images.astype('float32') / 255.0`."
        )


def check_unit_range(images, argument, owner):
    """Returns float32 `images`, or raises unless they lie in [0, 1].

    uint8 and uint16 are the two integer types that say what their white is,
    and the message names the division that makes floats of them.
    """
    images = np.asarray(images)
    if not np.issubdtype(images.dtype, np.floating):
        white = {"uint8": "255.0", "uint16": "65535.0"}.get(
            images.dtype.name, "the value of white"
        )
        raise ValueError(
            f"`{owner}` expects `{argument}` as floats in [0, 1]. Received: "
            f"dtype {images.dtype}. Divide by {white} first."
        )
    if not np.all(np.isfinite(images)):
        count = int(np.sum(~np.isfinite(images)))
        raise ValueError(
            f"`{owner}` received {count} NaN or infinite values in "
            f"`{argument}`, of shape {images.shape}. Remove or repair them "
            "first, for instance with `np.nan_to_num`."
        )
    low, high = (images.min(), images.max()) if images.size else (0.0, 0.0)
    if low < 0 or high > 1:
        raise ValueError(
            f"`{owner}` expects `{argument}` as floats in [0, 1]. Received: "
            f"values from {low:.4g} to {high:.4g}. Divide by the value of "
            "white, or clip with `np.clip(images, 0, 1)`."
        )
    return images.astype("float32")


def _as_number(value, argument, owner):
    try:
        if isinstance(value, bool | str):
            raise TypeError
        return float(value)
    except (TypeError, ValueError):
        raise ValueError(
            f"`{owner}` needs a number as {argument}. "
            f"Received: {argument}={value!r}."
        ) from None


def check_downsample(downsample, owner):
    """Returns `downsample`, or raises unless it can be called on images."""
    if not callable(downsample):
        raise ValueError(
            f"`{owner}` needs a layer or function that shrinks images as "
            f"downsample. Received: downsample={downsample!r}. Pass for "
            "instance `keras_affsr.layers.GaussianDownsample(scale=4)`."
        )
    return downsample


def check_same_shape(shape, other, names, owner):
    """Raises unless two static shapes agree wherever both are known."""
    agree = len(shape) == len(other) and all(
        a is None or b is None or a == b for a, b in zip(shape, other)
    )
    if not agree:
        raise ValueError(
            f"`{owner}` compares `{names[0]}` and `{names[1]}`, which need "
            f"the same shape. Received: {names[0]} of shape {tuple(shape)} "
            f"and {names[1]} of shape {tuple(other)}."
        )


def check_least_size(shape, least, argument, owner):
    """Raises if a batch of images is known to be smaller than `least`."""
    for axis, size in zip(("height", "width"), shape[1:3]):
        if size is not None and size < least:
            raise ValueError(
                f"`{owner}` needs images of at least {least} x {least} "
                f"pixels. Received: `{argument}` of shape {tuple(shape)}, "
                f"whose {axis} is {size}."
            )
