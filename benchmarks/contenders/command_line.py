"""The command line and the import of the package, in processes of their own."""

import os
import resource
import subprocess
import sys
import tempfile

from contenders import sizes
from contenders.clock import timed

QUIET = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}


def start(command="--help"):
    """`keras-affsr COMMAND`, from the start of Python to its end."""
    return process_turn(command.split())


def project_file(size=256):
    """`keras-affsr project` of an 8-bit PNG of `size` pixels each way."""
    folder = tempfile.TemporaryDirectory()
    files = [
        os.path.join(folder.name, f"{name}.png")
        for name in ("guess", "low_res", "projected")
    ]
    write_images(size, *files[:2])
    turn = process_turn(
        [
            *("project", "--sr", files[0], "--lr", files[1], "-o", files[2]),
            *("--downsample", "gaussian", "--overwrite", "--quiet"),
        ]
    )
    turn.folder = folder  # It is removed with the turn.
    return turn


def import_package():
    """Seconds of `import keras_affsr` beyond those of `import keras`."""
    code = (
        "import time, keras; start = time.perf_counter(); import keras_affsr; "
        "print(time.perf_counter() - start)"
    )

    def turn():
        done = subprocess.run(
            [sys.executable, "-c", code],
            env=QUIET,
            stdout=subprocess.PIPE,
            check=True,
        )
        return float(done.stdout)

    turn()
    return turn


def process_turn(arguments):
    """Returns a turn that runs the command, and what memory it took."""
    command = [sys.executable, "-m", "keras_affsr_cli", *arguments]

    def work():
        subprocess.run(
            command,
            env=QUIET,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=True,
        )

    turn = timed(work)
    turn()
    # What the worker measures is its own memory, not that of the command.
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    turn.check = {"peak_mib": peak / 1024}  # Of kilobytes, on Linux.
    return turn


def write_images(size, guess, low_res):
    """Writes what a picture is measured as, and a rough guess of it."""
    import numpy as np
    from PIL import Image
    from skimage import data

    image = Image.fromarray(data.astronaut()).resize((size, size))
    matrix = sizes.axis_matrix(size // 4)
    small = np.einsum("ih,hwc,jw->ijc", matrix, image, matrix, optimize=True)
    small = Image.fromarray(np.uint8(small + 0.5))
    small.save(low_res)
    small.resize((size, size), Image.Resampling.BICUBIC).save(guess)
