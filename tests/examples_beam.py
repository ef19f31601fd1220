"""What the tests of examples/upscale_beam.py share."""

import json

import keras
import upscale_beam
from absl import flags

from keras_affsr import upscale
from tests.models_tiny import plain_generator


def save_model(path, seed=1):
    """Saves a small generator; returns the path."""
    keras.utils.set_random_seed(seed)
    plain_generator().save(path)
    return path


def upscale_all(model, source, target, *arguments):
    """Runs the example in this process; returns its exit code."""
    values = flags.FlagValues()
    upscale_beam.define(values)
    words = [f"--model={model}", f"--input={source}", f"--output_dir={target}"]
    rest = values(["upscale_beam.py", *words, *arguments], known_only=True)
    return upscale_beam.run(values, rest[1:])


def rows(path):
    """Returns the lines of a report, by file."""
    lines = path.read_text().splitlines()
    return {row["file"]: row for row in map(json.loads, lines)}


def stamps(folder):
    """Returns when each PNG file below a folder was written."""
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*.png")}


def pixels(path):
    return upscale.read_image(path).pixels
