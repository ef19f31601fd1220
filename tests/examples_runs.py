"""Small trainings of the examples, within the process of the tests."""

import pathlib
import subprocess
import sys

import run_flags
from absl import flags

ROOT = pathlib.Path(__file__).parent.parent
EXAMPLES = ROOT / "examples"
TINY = (
    "--network=grass",  # Half as deep as that of faces.
    "--width=0.03",
    "--discriminator_width=0.01",
    "--batch_size=4",
    "--steps=4",
    "--epochs=2",
    "--validation_images=16",
    "--test_images=16",
)


def settings_of(script, *arguments):
    """Returns the flags of a script, as it gets them from a command line."""
    values = flags.FlagValues()
    script.define(values)
    values([script.__name__, *map(str, arguments)])
    return run_flags.settings([script.__name__], values)


def command(name, *arguments):
    """Returns the words that start an example as a user does."""
    return [sys.executable, str(EXAMPLES / name), *map(str, arguments)]


def run(name, *arguments):
    """Runs an example in a process of its own."""
    return subprocess.run(
        command(name, *arguments),
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
