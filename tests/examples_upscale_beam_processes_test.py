"""examples/upscale_beam.py in processes of its own: killed, shared, helped."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from tests.data_files import cut_out
from tests.data_files import write
from tests.examples_beam import pixels
from tests.examples_beam import rows
from tests.examples_beam import save_model
from tests.examples_beam import stamps
from tests.examples_beam import upscale_all
from tests.examples_runs import EXAMPLES
from tests.examples_runs import ROOT
from tests.examples_runs import command
from tests.examples_runs import run

PATIENCE = 120  # Seconds for a few images on a machine that is busy.


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """The path of a saved generator."""
    return save_model(tmp_path_factory.mktemp("model") / "generator.keras")


def many_images(folder, count):
    for number in range(count):
        write(folder / f"{number:03}.png", cut_out(16 + number % 3, 16)[..., 0])
    return folder


@pytest.mark.slow
def test_a_run_that_is_killed_goes_on(model, tmp_path):
    source, out = many_images(tmp_path / "in", 60), tmp_path / "out"
    words = [f"--model={model}", f"--input={source}", f"--output_dir={out}"]
    process = subprocess.Popen(
        command("upscale_beam.py", *words, "--self_ensemble"),
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    for _ in range(200 * PATIENCE):
        if len(stamps(out)) > 4 or process.poll() is not None:
            break
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    before = stamps(out)
    assert 4 < len(before) < 60
    assert upscale_all(model, source, out, "--self_ensemble") == 0
    after = stamps(out)
    assert len(after) == 60 and before.items() <= after.items()
    upscale_all(model, source, tmp_path / "whole", "--self_ensemble")
    for path in after:
        whole = tmp_path / "whole" / path.name
        np.testing.assert_array_equal(pixels(path), pixels(whole))
    assert rows(out / "report.jsonl") == rows(tmp_path / "whole/report.jsonl")


@pytest.mark.slow
def test_each_process_loads_the_model_once(model, tmp_path):
    source, out = many_images(tmp_path / "in", 24), tmp_path / "out"
    done = run(
        "upscale_beam.py",
        *(f"--model={model}", f"--input={source}", f"--output_dir={out}"),
        *("--direct_num_workers=2", "--direct_running_mode=multi_processing"),
    )
    assert done.returncode == 0, done.stderr
    loads = [line for line in done.stderr.splitlines() if "has loaded" in line]
    processes = {line.split("Process ")[1].split()[0] for line in loads}
    assert len(loads) == len(processes) == 2
    assert "images done                     24" in done.stdout
    assert len(stamps(out)) == 24


def run_with(program, *arguments):
    """Runs the example after the lines of a program."""
    start = (
        f"import runpy, sys; sys.argv = {['upscale_beam.py', *arguments]!r}\n"
        f"sys.path.insert(0, {str(EXAMPLES)!r})\n"
        "path = sys.path[0] + '/upscale_beam.py'\n"
    )
    return subprocess.run(
        [sys.executable, "-c", start + program],
        capture_output=True,
        text=True,
        check=False,
    )


def test_help_waits_for_nothing_heavy():
    done = run_with(
        "try: runpy.run_path(path, run_name='__main__')\n"
        "except SystemExit:\n"
        "  heavy = {'apache_beam', 'tensorflow', 'keras', 'numpy'}\n"
        "  print(sorted(heavy & set(sys.modules)))",
        "--help",
    )
    assert "--output_dir" in done.stdout
    assert done.stdout.splitlines()[-1] == "[]"


def test_without_beam_it_says_what_to_install():
    done = run_with(
        "sys.modules['apache_beam'] = None\n"
        "runpy.run_path(path, run_name='__main__')",
        *("--model=m", "--input=i", "--output_dir=o"),
    )
    assert done.returncode == 1
    assert "needs apache_beam, which is not installed" in done.stderr
    assert "pip install 'keras-affsr[beam]'" in done.stderr
