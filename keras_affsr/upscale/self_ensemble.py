"""The mean of a network's guesses of an image turned and mirrored."""

import itertools

import numpy as np


def self_ensemble(network, square=True):
    """Makes a function that averages a network over the image's symmetries.

    `f(x) = mean{ T^-1 network(T x) }` over the eight flips and rotations `T`,
    or, where rows and columns are enlarged differently, the four flips. It is
    for guesses, before the projection: `A` need not be symmetric (9 taps are
    not centred on a block of 4), so `P` does not commute with `T`, and a mean
    of guesses that is projected once is as consistent as any.

    Args:
        network: Function of arrays `(1, h, w, c)` that returns one, enlarged.
        square: bool. Whether it enlarges rows and columns alike. Defaults to
            True.

    Returns:
        Function of the same arguments; a NumPy array, float32.

    Reference:
     - [Timofte et al., 2016](https://arxiv.org/abs/1511.02228), section 3.6
    """
    flips = list(itertools.product((1, -1), (1, -1)))
    turns = [(0, 1, 2, 3)] + ([(0, 2, 1, 3)] if square else [])

    def mean(*images):
        total = 0.0
        for (up, left), axes in itertools.product(flips, turns):
            turned = [
                np.transpose(each[:, ::up, ::left], axes) for each in images
            ]
            guess = np.transpose(np.asarray(network(*turned)), axes)
            total = total + guess[:, ::up, ::left]
        return total / np.float32(len(flips) * len(turns))

    return mean
