"""Processes that train together, started by a test."""

import concurrent.futures
import json
import os
import socket
import subprocess
import sys

# Until a worker notices that another one is gone. TensorFlow does at once if
# its connection is reset, and after missing heartbeats, of 10 s, at the latest;
# the rest is for starting Python and for a busy machine.
SECONDS = 400


def free_ports():
    with socket.socket() as one, socket.socket() as other:
        for each in (one, other):
            each.bind(("localhost", 0))
        return [each.getsockname()[1] for each in (one, other)]


def configs(has_chief=False):
    """Returns what to have as TF_CONFIG of two workers of this machine."""
    first, second = (f"localhost:{port}" for port in free_ports())
    cluster, tasks = {"worker": [first, second]}, [("worker", 0), ("worker", 1)]
    if has_chief:
        cluster = {"chief": [first], "worker": [second]}
        tasks = [("chief", 0), ("worker", 0)]
    return [
        {"cluster": cluster, "task": {"type": kind, "index": index}}
        for kind, index in tasks
    ]


def start(words, config=None):
    """Starts Python with these words, as one of many workers or alone."""
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    if config is not None:
        environment["TF_CONFIG"] = json.dumps(config)
    return subprocess.Popen(
        [sys.executable, *map(str, words)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def start_two(words, has_chief=False):
    return [start(words, config) for config in configs(has_chief)]


def outcome(process, seconds=SECONDS):
    """Returns exit status, printed results, and what went to stderr."""
    try:
        output, errors = process.communicate(timeout=seconds)
    finally:
        process.kill()
    return process.returncode, output, errors


def outcomes_of(processes):
    # At once: a worker whose pipe is full never ends, nor do the others.
    with concurrent.futures.ThreadPoolExecutor() as pool:
        return list(pool.map(outcome, processes))


def results_of(processes):
    """Returns what processes printed as JSON, if all came to their end."""
    outcomes = outcomes_of(processes)
    for status, _, errors in outcomes:
        assert status == 0, errors
    return [json.loads(output) for _, output, _ in outcomes]
