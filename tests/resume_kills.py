"""Kills trainings again and again; prints what they leave behind, as JSON.

To be run as a program, with a directory to work in, and policies. Processes are
forked from one that has imported TensorFlow and not used it yet, which saves
its start.
"""

import hashlib
import json
import multiprocessing
import pathlib
import random
import re
import sys

from tests import resume_runs
from tests.models_guided_tiny import write_ladder

CONTEXT = multiprocessing.get_context("forkserver")
# How the lives of a run end that do not reach its own end: at the number of an
# event of its files, or after a time in seconds. After 28 events of some 45 the
# first epochs are in a checkpoint, and training goes on from there. The
# policies differ in the numbers alone.
LATE, ANY, TIME = ("kill_at", 28, 36), ("kill_at", 1, 24), ("seconds", 0.3, 1.5)
KILLS = {
    "float32": (LATE, ANY, TIME),
    "mixed_float16": (LATE,),
    "mixed_bfloat16": (TIME,),
}


def digests(directory):
    """Returns the SHA-256 of all files that a run leaves behind."""
    return {
        str(path.relative_to(directory)): hashlib.sha256(
            path.read_bytes()
        ).hexdigest()
        for path in sorted(directory.rglob("*"))
        # The log of a run that was killed before its first checkpoint.
        if path.is_file() and not re.fullmatch(r"log\.csv\.\d+", path.name)
    }


def live(kind, policy, directory, kill_at=None, seconds=None):
    """Runs a process; returns its exit code."""
    process = CONTEXT.Process(
        target=resume_runs.live, args=(kind, policy, str(directory), kill_at)
    )
    process.start()
    process.join(seconds)
    if process.is_alive():
        process.kill()
        process.join()
    return process.exitcode


def try_to_kill(case):
    """Returns what a run leaves that is killed, and one that is not."""
    kind, policy = case
    root = pathlib.Path(sys.argv[1], f"{kind}_{policy}")
    whole, killed = root / "whole" / "run", root / "killed" / "run"
    for run in (whole, killed):
        run.parent.mkdir(parents=True)
        write_files(kind, policy, run)
    code = live(kind, policy, whole)
    rng = random.Random(f"{kind} {policy}")
    ends = [
        {how: (rng.uniform if how == "seconds" else rng.randint)(low, high)}
        for how, low, high in KILLS[policy]
    ]
    codes = [live(kind, policy, killed, **end) for end in [*ends, {}]]
    return {
        "case": f"{kind} {policy}",
        "exit codes": [code, *codes],
        "whole": digests(whole),
        "killed": digests(killed),
    }


def write_files(kind, policy, run):
    """Copies the ladder that a run follows to where it looks for it."""
    if kind == "denoiser_guided":
        ladder = run.parent / "ladder"
        ladder.mkdir()
        for path in sorted(pathlib.Path(sys.argv[1], "ladder").iterdir()):
            (ladder / path.name).write_bytes(path.read_bytes())


def main():
    CONTEXT.set_forkserver_preload(["tests.resume_runs"])
    process = CONTEXT.Process(
        target=write_ladder, args=(pathlib.Path(sys.argv[1], "ladder"),)
    )
    process.start()
    process.join()
    cases = [
        (kind, policy) for policy in sys.argv[2:] for kind in resume_runs.KINDS
    ]
    print(json.dumps([try_to_kill(case) for case in cases]))


if __name__ == "__main__":
    main()
