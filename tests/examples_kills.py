"""Kills a training of an example five times; prints what is left, as JSON.

To be run as a program, with a directory to work in and the name of a case.
Processes are forked from one that has imported TensorFlow and not used it yet,
which saves its start.
"""

import hashlib
import json
import multiprocessing
import os
import pathlib
import random
import re
import signal
import sys
import threading
import zipfile

import matplotlib.figure  # noqa: F401, for the processes that are forked.
import train_texture

import keras_affsr  # noqa: F401
from tests.examples_runs import settings_of
from tests.examples_train_texture_test import TINY
from tests.examples_train_texture_test import TINY_PRIORS

CONTEXT = multiprocessing.get_context("forkserver")
NUM_KILLS = 5
# A process is killed up to some seconds after an event of its files. The number
# of the event is a share of those of a whole run, so small that the training
# cannot come to its end before it was killed five times.
SHARE, SECONDS = (1 / 12, 1 / 7), 1.0
FLAGS = (
    *TINY,
    *TINY_PRIORS,
    "--width=0.05",
    "--discriminator_width=0.02",
    "--patch_size=32",
    "--test_images=16",
)
CASES = {
    "guided": ("--objective=dg,ll",),
    "bfloat16": ("--objective=gan", "--precision=mixed_bfloat16"),
}
# TensorBoard's and what tells the time; and the log of a run that was killed
# before its first checkpoint.
NOT_ALIKE = r"events|summary\.json|seconds\.json|log\.csv\.\d+"


def digests(directory):
    """Returns the SHA-256 of all files that a run leaves behind."""
    return {
        str(path.relative_to(directory)): hashlib.sha256(
            content(path)
        ).hexdigest()
        for path in sorted(directory.rglob("*"))
        if path.is_file()
        and not any(re.fullmatch(NOT_ALIKE, part) for part in path.parts)
    }


def content(path):
    """Returns the bytes of a file, of a `.keras` one what the model is.

    Left out are the date, addresses in memory, and the shapes of the images
    that layers saw last.
    """
    if path.suffix != ".keras":
        return path.read_bytes()
    with zipfile.ZipFile(path) as file:
        config = json.loads(file.read("config.json"), object_hook=plain)
        weights = file.read("model.weights.h5")
    return json.dumps(config).encode() + weights


def plain(config):
    names = config.keys() - {"shared_object_id", "build_config"}
    return {name: config[name] for name in sorted(names)}


def scores(directory):
    """Returns the scores of all runs at their end."""
    paths = sorted(directory.glob("*/summary.json"))
    found = {path.parent.name: json.loads(path.read_text()) for path in paths}
    return {
        name: [each.get("final"), each.get("best")]
        for name, each in found.items()
    }


def count_events(directory, number, seconds, events):
    """Counts the events of a run's files; kills this process after one."""

    def kill():
        os.kill(os.getpid(), signal.SIGKILL)

    def hook(name, arguments):
        if name not in ("open", "os.rename", "os.remove"):
            return
        path = arguments[0]
        if isinstance(path, str) and path.startswith(directory):
            events.value += 1
            if events.value == number:
                threading.Timer(seconds, kill).start()

    sys.addaudithook(hook)


def train(directory, flags, *args):
    """What a process does, until it is killed."""
    count_events(directory, *args)
    flags = (*FLAGS, *flags, f"--output_dir={directory}")
    train_texture.run(settings_of(train_texture, *flags))


def live(directory, flags, number=None, seconds=None):
    """Runs a process; returns its exit code, and how many events it saw."""
    events = CONTEXT.Value("i")
    args = (str(directory), flags, number, seconds, events)
    process = CONTEXT.Process(target=train, args=args)
    process.start()
    process.join()
    return process.exitcode, events.value


def main():
    root, name = pathlib.Path(sys.argv[1]), sys.argv[2]
    CONTEXT.set_forkserver_preload(["tests.examples_kills"])
    rng, flags = random.Random(name), CASES[name]
    code, events = live(root / "whole", flags)
    codes = [code]
    for _ in range(NUM_KILLS):
        number = round(rng.uniform(*SHARE) * events)
        seconds = rng.uniform(0, SECONDS)
        codes.append(live(root / "killed", flags, number, seconds)[0])
    codes.append(live(root / "killed", flags)[0])
    results = {"codes": codes}
    for kind in ("whole", "killed"):
        results[kind] = digests(root / kind)
        results[f"{kind} scores"] = scores(root / kind)
    print("\n" + json.dumps(results))


if __name__ == "__main__":
    main()
