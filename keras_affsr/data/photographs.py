"""Photographs that scikit-image carries in its wheel: no download needed."""

import os

import numpy as np

from keras_affsr import checks

SPLITS = {
    "all": slice(0, 512),
    "train": slice(0, 384),
    "test": slice(384, 512),
}


def grass(split="all"):
    """Loads a photograph of grass, the texture of the paper's section 5.3.

    It is scikit-image's grey picture of 512 x 512 pixels. The splits are whole
    rows of it, so that no patch of one shows a pixel of the other.

    Args:
        split: `"all"`, `"train"` (the upper 384 rows) or `"test"` (the lower
            128 rows). Defaults to `"all"`.

    Returns:
        float32 array of shape `(rows, 512, 1)`, in [0, 1].

    Raises:
        ValueError: If the split has another name.
        ImportError: If scikit-image is not installed.

    Example:

    >>> import keras_affsr.data
    >>> keras_affsr.data.grass("train").shape
    (384, 512, 1)
    """
    return _texture("grass", split)


def gravel(split="all"):
    """Loads a photograph of gravel; see `grass`.

    Args:
        split: `"all"`, `"train"` or `"test"`. Defaults to `"all"`.

    Returns:
        float32 array of shape `(rows, 512, 1)`, in [0, 1].

    Raises:
        ValueError: If the split has another name.
        ImportError: If scikit-image is not installed.

    Example:

    >>> import keras_affsr.data
    >>> keras_affsr.data.gravel("test").shape
    (128, 512, 1)
    """
    return _texture("gravel", split)


def brick(split="all"):
    """Loads a photograph of a brick wall; see `grass`.

    Args:
        split: `"all"`, `"train"` or `"test"`. Defaults to `"all"`.

    Returns:
        float32 array of shape `(rows, 512, 1)`, in [0, 1].

    Raises:
        ValueError: If the split has another name.
        ImportError: If scikit-image is not installed.

    Example:

    >>> import keras_affsr.data
    >>> keras_affsr.data.brick().shape
    (512, 512, 1)
    """
    return _texture("brick", split)


def photograph(name):
    """Loads a picture of scikit-image's collection by the name of its file.

    Args:
        name: string, such as `"astronaut"`, `"camera"`, `"chelsea"`, `"coffee"`
            or `"rocket"`. The message for an unknown name lists all, among
            them a few that are drawings.

    Returns:
        float32 array of shape `(height, width, channels)`, in [0, 1], with one
        channel if the picture is grey and three if it is in colour. An
        opacity channel is left out.

    Raises:
        ValueError: If there is no picture of that name.
        ImportError: If scikit-image is not installed.

    Example:

    >>> import keras_affsr.data
    >>> keras_affsr.data.photograph("astronaut").shape
    (512, 512, 3)
    """
    from PIL import Image

    files = _files()
    checks.check_choice(name, sorted(files), "name", "photograph")
    with Image.open(files[name]) as image:
        pixels = np.asarray(image)  # [h, w] or [h, w, channels]
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    return pixels[..., :3].astype("float32") / 255.0


def _texture(name, split):
    checks.check_choice(split, tuple(SPLITS), "split", name)
    return photograph(name)[SPLITS[split]]


def _files():
    """Returns the path of every photograph in the wheel, by name."""
    try:
        import skimage
    except ImportError:
        raise ImportError(
            "The photographs come with scikit-image, which is not installed. "
            'Install it with `pip install "keras-affsr[examples]"`.'
        ) from None
    folder = os.path.join(os.path.dirname(skimage.__file__), "data")
    parts = [(os.path.splitext(file), file) for file in os.listdir(folder)]
    return {
        name: os.path.join(folder, file)
        for (name, ending), file in parts
        if ending in (".png", ".jpg")
    }
