"""Contenders of one kind of work, in processes that take turns.

On a machine that others use as well, or whose clock changes, times taken one
after the other say little of which is faster. Here each contender has a turn in
each round, and ratios are taken within a round.

That is not enough where others compute all the time: libraries whose threads
wait for each other at every step lose far more by it than those whose threads
take what work there is. So what others took of the processors is measured too.
"""

import collections
import contextlib
import json
import os
import select
import signal
import statistics
import subprocess
import sys
import time

WORKER = os.path.join(os.path.dirname(__file__), "worker.py")
READY_SECONDS, TURN_SECONDS = 300, 120  # A contender that takes longer is out.
# All libraries get as many threads as there are cores for this process.
THREADS = str(len(os.sched_getaffinity(0)))
ENVIRONMENT = {
    "OMP_NUM_THREADS": THREADS,
    "TF_NUM_INTRAOP_THREADS": THREADS,
    "TF_CPP_MIN_LOG_LEVEL": "3",
}

# `contenders.MODULE.FUNCTION(**settings)`. What it does in one piece of work is
# `work` of these units, such as 16 images.
Contender = collections.namedtuple(
    "Contender",
    "label, module, function, settings, work, unit, library, environment",
    defaults=(1, "ms", None, {}),
)

# Seconds of each round, none if there was an error, and the part of all
# processors' time that others took meanwhile; the other fields are those
# of a worker's answers.
Result = collections.namedtuple(
    "Result",
    "contender, seconds, others, check, peak, before, versions, threads, error",
)


def contest(contenders, repeats, log=subprocess.DEVNULL):
    """Lets contenders take turns, each once in every round.

    Args:
        contenders: List of `Contender`.
        repeats: int. Rounds.
        log: File, for what they print.

    Returns:
        Dict of `Result` by label, in the order of the contenders.
    """
    with contextlib.ExitStack() as stack:
        workers = [
            stack.enter_context(Worker(each, log)) for each in contenders
        ]
        for worker in workers:
            worker.receive(READY_SECONDS)
        for _ in range(repeats):
            for worker in workers:
                worker.take_turn()
    return {worker.contender.label: worker.result() for worker in workers}


class Worker:
    """A process of a contender. It is killed when its context is left."""

    def __init__(self, contender, log):
        self.contender = contender
        self.seconds, self.said, self.error = [], {}, None
        self.others = []
        words = [contender.module, contender.function]
        words.append(json.dumps(contender.settings))
        words += [contender.library] if contender.library else []
        self.process = subprocess.Popen(
            [sys.executable, WORKER, *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env={**os.environ, **ENVIRONMENT, **contender.environment},
            start_new_session=True,  # A group, with what it starts itself.
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        # The group may be there even where its first process has ended.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.stdout.close()

    def take_turn(self):
        if self.error:
            return
        begin = time.perf_counter(), busy_seconds()
        # If the process has ended, that is what `receive` will find.
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write("\n")
            self.process.stdin.flush()
        if self.receive(TURN_SECONDS):
            self.seconds.append(self.said["seconds"])
            elapsed = time.perf_counter() - begin[0]
            busy = busy_seconds() - begin[1] - self.said["busy"]
            self.others.append((busy, elapsed * os.cpu_count()))

    def receive(self, limit):
        """Waits for an answer, and returns whether it is a good one."""
        stdout = self.process.stdout
        if not select.select([stdout], [], [], limit)[0]:
            self.error = f"no answer within {limit} s"
        elif not (line := stdout.readline()):
            status = self.process.wait()
            self.error = f"its process ended with status {status}"
        else:
            self.said |= json.loads(line)
            self.error = self.said.get("error")
        if self.error:
            self.__exit__()
        return not self.error

    def result(self):
        said = self.said
        return Result(
            self.contender,
            [] if self.error else self.seconds,
            share_of(self.others),
            said.get("check", {}),
            said.get("peak"),
            said.get("before"),
            said.get("versions", {}),
            said.get("threads"),
            self.error,
        )


def share_of(others):
    """Returns the part of all seconds that were others', of such pairs."""
    busy, there = map(sum, zip(*others)) if others else (0.0, 1.0)
    return min(max(0.0, busy / there), 1.0)  # Clocks are of 10 ms each.


def busy_seconds():
    """Returns what all processors have worked since the start (Linux).

    What a hypervisor gave to its other guests counts as well.
    """
    with open("/proc/stat") as file:
        user, nice, system, _, _, *more = map(int, file.readline().split()[1:9])
    return (user + nice + system + sum(more)) / os.sysconf("SC_CLK_TCK")


def median(result):
    return statistics.median(result.seconds)


def rate(result):
    """Returns how much work is done per second, or milliseconds of one."""
    work, unit = result.contender.work, result.contender.unit
    seconds = median(result)
    return 1e3 * seconds / work if unit == "ms" else work / seconds


def ratio(result, other):
    """Returns how many times as fast as the other one: the median of rounds.

    Where they do not do the same work in one piece, it is that of the rates.
    """
    share = result.contender.work / other.contender.work
    return statistics.median(
        share * theirs / ours
        for ours, theirs in zip(result.seconds, other.seconds, strict=True)
    )


def fastest(results, prefix):
    """Returns the fastest result whose label starts so, or raises KeyError."""
    found = [
        result for label, result in results.items() if label.startswith(prefix)
    ]
    if not found:
        raise KeyError(f"No result of {prefix}.")
    return min(found, key=lambda each: median(each) / each.contender.work)
