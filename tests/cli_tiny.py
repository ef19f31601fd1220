"""Models and folders for the tests of the command line."""

import contextlib
import io

import numpy as np

from keras_affsr.upscale import read_image
from keras_affsr.upscale import write_image
from keras_affsr_cli.main import main
from tests.upscale_tiny import high_res_image
from tests.upscale_tiny import low_res_image
from tests.upscale_tiny import shrink

# The operator of the tiny models, as flags.
OPERATOR = ("--downsample", "gaussian", "--scale", "2", "--kernel-size", "5")


def run(*arguments):
    """Runs a command; returns its exit code, and its two outputs."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as end:
            code = end.code
    return code, out.getvalue(), err.getvalue()


def write_pair(folder, name, channels=3, bits=8, seed=0):
    """Writes an image to `lr` and `hr` in a folder; returns both."""
    pair = [
        make(channels, bits, seed) for make in (low_res_image, high_res_image)
    ]
    for part, image in zip(("lr", "hr"), pair):
        write_image(folder / part / name, image)
    return pair


def assert_agree(written, source, bits=8):
    """Asserts that a file downsamples to another, bit for bit."""
    high_res, low_res = read_image(written), read_image(source)
    np.testing.assert_array_equal(
        shrink(high_res.samples, bits), low_res.samples
    )
