"""Small models, exported once for all tests of a process."""

import atexit
import functools
import io
import os
import pickle
import shutil
import subprocess
import sys
import tempfile

import keras
import numpy as np
import tensorflow as tf
from PIL import Image

from keras_affsr.export import export_saved_model
from keras_affsr.layers import GaussianDownsample
from keras_affsr.models import SuperResolver
from keras_affsr.networks import generator

DOWNSAMPLE = GaussianDownsample(scale=2)
WARMUP_SIZES = [(6, 5), 7]
MAX_PIXELS = 900


@functools.cache
def model(kind="colour"):
    """Makes a small model: "colour", or "grey", which is also stochastic."""
    keras.utils.set_random_seed(1)
    options = {"colour": {"channels": 3}}
    options["grey"] = {"channels": 1, "noise_channels": 2}
    network = generator(DOWNSAMPLE, filters=(4,), skip_every=0, **options[kind])
    return SuperResolver(network, DOWNSAMPLE)


@functools.cache
def folder(kind="colour"):
    """Exports a model, and returns the folder of its version."""
    root = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    return export_saved_model(
        model(kind),
        os.path.join(root, kind),
        version=3,
        warmup_sizes=WARMUP_SIZES,
        max_pixels=MAX_PIXELS,
    )


@functools.cache
def loaded(kind="colour"):
    """Loads an exported model."""
    return tf.saved_model.load(folder(kind))


def run(signature, kind="colour", **inputs):
    """Runs a signature, and returns its outputs as arrays."""
    tensors = {name: tf.constant(value) for name, value in inputs.items()}
    outputs = loaded(kind).signatures[signature](**tensors)
    return {name: value.numpy() for name, value in outputs.items()}


def run_by_c(path, requests, directory):
    """Runs requests in a process without TensorFlow's Python package."""
    files = [os.path.join(directory, name) for name in ("requests", "replies")]
    with open(files[0], "wb") as file:
        pickle.dump(requests, file)
    done = subprocess.run(
        [sys.executable, "-m", "tests.export_c_api", path, *files],
        capture_output=True,
        check=False,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    with open(files[1], "rb") as file:
        return pickle.load(file)


def pixels(*shape, dtype="uint8", seed=0):
    """Makes smooth random pixels, as of an image that was shrunk."""
    white = np.iinfo(dtype).max
    rng = np.random.default_rng(seed)
    high_res = rng.random((1, *(2 * size for size in shape[:2]), *shape[2:]))
    low_res = DOWNSAMPLE(high_res.astype("float32")).numpy()[0]
    return np.round(low_res * white).astype(dtype)


def file_of(image, kind="PNG", **options):
    """Encodes 8-bit pixels, or an image, as a file."""
    if isinstance(image, np.ndarray):
        image = Image.fromarray(image.squeeze())
    contents = io.BytesIO()
    image.save(contents, kind, **options)
    return contents.getvalue()


def deep_file_of(image):
    """Encodes 16-bit pixels as a PNG file."""
    return tf.io.encode_png(image).numpy()


def image_of(contents, dtype="uint8"):
    """Decodes a PNG file of the depth of a dtype."""
    assert contents[24] == 8 * np.dtype(dtype).itemsize
    return tf.io.decode_png(contents, dtype=dtype).numpy()


def shrunk(image):
    """Returns `A y` of integers, rounded to integers of the same depth."""
    white = np.iinfo(image.dtype).max
    low_res = DOWNSAMPLE((image / white).astype("float32")[None]).numpy()[0]
    return np.round(low_res * white).astype(image.dtype)
