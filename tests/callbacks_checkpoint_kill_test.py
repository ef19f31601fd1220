import json
import signal
import subprocess
import sys

import pytest

from tests.resume_runs import EPOCHS
from tests.resume_runs import KINDS
from tests.resume_runs import POLICIES

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """What `resume_kills` printed, by case; two programs at a time."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.resume_kills", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for arguments in (
            [tmp_path_factory.mktemp("full"), *POLICIES[:1]],
            [tmp_path_factory.mktemp("mixed"), *POLICIES[1:]],
        )
    ]
    results = []
    for process in processes:
        output, errors = process.communicate()
        assert process.returncode == 0, errors
        results += json.loads(output.splitlines()[-1])
    return {result["case"]: result for result in results}


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_killed_run_leaves_the_same_files_to_the_last_bit(
    results, kind, policy
):
    result = results[f"{kind} {policy}"]
    whole, killed = result["whole"], result["killed"]
    # Weights, optimizers, loss scales and random states are in the one file.
    last = f"checkpoints/epoch_{EPOCHS:04d}.weights.h5"
    assert {last, "log.csv"} <= whole.keys()
    if kind in ("denoiser", "pixel_cnn"):
        assert "ladder/rung_0003.weights.h5" in whole
    assert {name: killed.get(name) for name in whole} == whole
    # A kill before an old checkpoint is removed may leave that one too.
    assert killed.keys() - whole.keys() <= {
        f"checkpoints/epoch_{EPOCHS - 2:04d}.weights.h5"
    }


@pytest.mark.parametrize("kind", KINDS)
def test_runs_were_killed_and_came_to_an_end(results, kind):
    codes = {p: results[f"{kind} {p}"]["exit codes"] for p in POLICIES}
    for each in codes.values():
        assert each[0] == each[-1] == 0
        assert set(each) <= {0, -signal.SIGKILL}
    for policy in ("float32", "mixed_float16"):  # While a file was written.
        assert codes[policy][1] == -signal.SIGKILL
