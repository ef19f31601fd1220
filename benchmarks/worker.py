"""A process that holds one contender, and lets it have a turn when told.

    python benchmarks/worker.py MODULE FUNCTION '{"setting": "value"}' [LIBRARY]

`contenders.MODULE.FUNCTION(**settings)` prepares everything and returns a
function that does the work once and returns the seconds that it took. For each
line on standard input the worker lets it do so. The parent, `contest.py`, gives
the turns. Answers are lines of JSON:

    {"ready": true, "versions": {...}, "threads": 2, "before": 412.5}
    {"seconds": 0.12, "busy": 0.23, "peak": 873.2, "check": {...}}
    {"error": "ValueError: What was wrong."}

"busy" are the seconds of all processors that the turn took, by this process and
those that it started and waited for. Memory is in MiB, and that of the whole
process: "peak" is the most that it ever had, libraries and preparation
included, as they keep what they once took. "before" is what it had when only
LIBRARY was imported.
"""

import importlib
import json
import os
import sys
import traceback

LIBRARIES = (
    *("keras_affsr", "tensorflow", "keras", "tensorflow_probability"),
    *("torch", "deepinv", "numpy"),
)


def main():
    # What libraries print must not get between the answers.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    try:
        for answer in serve(*sys.argv[1:]):
            print(json.dumps(answer), file=answers)
    except Exception as error:
        traceback.print_exc()
        print(json.dumps({"error": last_line(error)}), file=answers)
        sys.exit(1)


def serve(module, function, settings, library=None):
    """Yields an answer once all is prepared, and then one for each line."""
    if library is not None:
        importlib.import_module(library)
    before = resident("VmRSS")
    contender = importlib.import_module(f"contenders.{module}")
    turn = getattr(contender, function)(**json.loads(settings))
    yield {
        "ready": True,
        "versions": versions(),
        "threads": threads(),
        "before": before,
    }
    for _ in sys.stdin:
        begin = sum(os.times()[:4])
        yield {
            "seconds": turn(),
            "busy": sum(os.times()[:4]) - begin,
            "peak": resident("VmHWM"),
            "check": getattr(turn, "check", {}),
        }


def last_line(error):
    """Returns the class of an exception, and the last line that it says."""
    lines = str(error).strip().splitlines() or ["nothing said"]
    return f"{type(error).__name__}: {lines[-1].strip()}"


def versions():
    """Returns the versions of the libraries that were imported."""
    return {
        name: sys.modules[name].__version__
        for name in LIBRARIES
        if hasattr(sys.modules.get(name), "__version__")
    }


def threads():
    """Returns how many PyTorch has, or what TensorFlow was told to take."""
    if "torch" in sys.modules:
        return sys.modules["torch"].get_num_threads()
    return int(os.environ.get("TF_NUM_INTRAOP_THREADS") or os.cpu_count())


def resident(field):
    """Returns a field of this process's memory status in MiB (Linux)."""
    try:
        with open("/proc/self/status") as file:
            (line,) = (line for line in file if line.startswith(field))
    except OSError:
        return float("nan")
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    main()
