"""An example that is killed at any moment, again and again."""

import concurrent.futures
import json
import os
import signal
import subprocess
import sys

import pytest

from tests.examples_runs import EXAMPLES
from tests.examples_runs import ROOT

pytestmark = pytest.mark.slow

# What each run has to leave, and not only to leave alike.
FILES = {
    "guided": (
        "dg/generator.keras",
        "dg/log.csv",
        "ll/model.keras",
        "ll/best.keras",
        "denoiser/rung_0002.weights.h5",
        "prior/prior.keras",
        "bits.csv",
        "figure7.png",
    ),
    "bfloat16": ("mse/model.keras", "gan/model.keras", "comparison.png"),
}


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """What `examples_kills` printed, by case; both at a time."""
    paths = [str(EXAMPLES), os.environ.get("PYTHONPATH", "")]
    processes = [
        subprocess.Popen(
            [
                *(sys.executable, "-m", "tests.examples_kills"),
                *(tmp_path_factory.mktemp(case), case),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        )
        for case in FILES
    ]
    # At once: a process whose pipe is full never ends.
    with concurrent.futures.ThreadPoolExecutor() as pool:
        outcomes = list(pool.map(subprocess.Popen.communicate, processes))
    for process, (_, errors) in zip(processes, outcomes, strict=True):
        assert process.returncode == 0, errors
    outputs = [output.splitlines()[-1] for output, _ in outcomes]
    return dict(zip(FILES, map(json.loads, outputs), strict=True))


@pytest.mark.parametrize("case", list(FILES))
def test_the_run_was_killed_five_times(results, case):
    assert results[case]["codes"] == [0, *[-signal.SIGKILL] * 5, 0]


@pytest.mark.parametrize("case", list(FILES))
def test_it_leaves_the_same_files_to_the_last_bit(results, case):
    found = results[case]
    whole, killed = found["whole"], found["killed"]
    assert {*FILES[case]} <= whole.keys()
    assert {path: killed.get(path) for path in whole} == whole
    # A kill before an old checkpoint is removed may leave that one too.
    more = killed.keys() - whole.keys()
    assert all("/checkpoints/epoch_" in path for path in more)
    assert found["killed scores"] == found["whole scores"]
