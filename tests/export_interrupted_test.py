import os
import signal
import subprocess
import sys
import time

import pytest

from keras_affsr.export import export_saved_model
from keras_affsr.layers import BoxDownsample
from keras_affsr.networks import generator

DOWNSAMPLE = BoxDownsample(scale=2)
# Less than the graph of the model, in bytes.
FILE_LIMIT = 20_000
PATIENCE = 120  # Seconds until the folder must have come into being.

PROGRAM = """
import resource, signal, sys
# A shell starts what is in the background with Ctrl-C ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
from tests.export_interrupted_test import export
if len(sys.argv) > 2:
    resource.setrlimit(resource.RLIMIT_FSIZE, 2 * (int(sys.argv[2]),))
print(export(sys.argv[1]))
"""


def export(path):
    """Exports a model that is quickly exported."""
    network = generator(
        DOWNSAMPLE, channels=4, filters=(4,), skip_every=0, project=False
    )
    return export_saved_model(network, path, downsample=DOWNSAMPLE)


def start(*arguments):
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_an_export_that_is_stopped_leaves_no_version(tmp_path, number):
    process = start(tmp_path / "m")
    end = time.monotonic() + PATIENCE
    while not (os.path.isdir(tmp_path / "m") and os.listdir(tmp_path / "m")):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.001)
    process.send_signal(number)
    process.communicate()
    assert process.returncode != 0
    left = os.listdir(tmp_path / "m")
    # The server looks at folders whose names are numbers.
    assert not [name for name in left if name.isdecimal()]
    if number == signal.SIGINT:
        assert left == []
    assert export(tmp_path / "m") == str(tmp_path / "m" / "1")


@pytest.mark.slow
def test_a_full_disk_is_told_and_leaves_nothing(tmp_path):
    process = start(tmp_path / "m", FILE_LIMIT)
    _, errors = process.communicate()
    assert process.returncode == 1
    last = errors.strip().splitlines()[-1]
    assert last.startswith("OSError: `export_saved_model` cannot write")
    assert "Nothing is left of the version." in last
    assert os.listdir(tmp_path / "m") == []


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    message = "cannot write '.*file/m': .*Choose a folder that you may write to"
    with pytest.raises(OSError, match=message):
        export(tmp_path / "file" / "m")
