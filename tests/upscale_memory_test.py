"""A large image: the memory that upscaling it takes."""

import subprocess
import sys

import pytest

LIMIT = 3.0  # GiB, of the whole process.
CODE = """
import re
import numpy as np
from keras_affsr import layers, networks, upscale
downsample = layers.GaussianDownsample(scale=4)
generator = networks.generator(downsample, channels=3)
image = np.random.default_rng(0).integers(60, 200, (1024, 1024, 3), "uint8")
image = image // 8 + 100
upscaled = upscale.Upscaler(generator)(image)
assert upscaled.images.shape == (4096, 4096, 3)
status = open("/proc/self/status").read()
peak = int(re.search(r"VmHWM:\\s*(\\d+) kB", status)[1]) / 2**20
print(peak, upscaled.reproduced)
"""


@pytest.mark.slow
def test_4096_pixels_square_take_less_than_three_gibibytes():
    if not sys.platform.startswith("linux"):
        pytest.skip("Linux alone tells a process's own peak, in /proc.")
    done = subprocess.run(
        [sys.executable, "-c", CODE],
        capture_output=True,
        check=False,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    peak, reproduced = (float(number) for number in done.stdout.split())
    assert peak < LIMIT
    assert reproduced == 1.0
