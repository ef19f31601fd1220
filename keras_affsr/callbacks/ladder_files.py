"""The files of a ladder: checkpoints of one prior, from coarse to fine."""

import os
import re

from keras import ops

RUNG = re.compile(r"rung_(\d+)\.weights\.h5")


def rung_path(directory, number):
    """Returns the path of a rung; the first one has the number one."""
    return os.path.join(directory, f"rung_{number:04d}.weights.h5")


def rungs_in(directory):
    """Returns the paths of the rungs in a directory by number, in order."""
    names = os.listdir(directory) if os.path.isdir(directory) else []
    matches = [match for match in map(RUNG.fullmatch, names) if match]
    return {
        int(match[1]): os.path.join(directory, match[0])
        for match in sorted(matches, key=lambda match: int(match[1]))
    }


def write_then_move(save, path):
    """Writes a file by `save(path)` so that it is there whole or not at all."""
    directory, name = os.path.split(path)
    # Keras asks for the ending, so that what is not complete has a prefix.
    partial = os.path.join(directory, f"partial_{name}")
    save(partial)
    os.replace(partial, path)


def twin(prior):
    """Returns a prior of the same settings, with weights of its own.

    Files are written from it and read into it. So they hold no state of
    optimizers, and one that cannot be read leaves the prior as it was.
    """
    return type(prior).from_config(prior.get_config())


def coarseness(prior):
    """Returns the coarseness of a prior as a float."""
    return float(ops.convert_to_numpy(prior.coarseness))
