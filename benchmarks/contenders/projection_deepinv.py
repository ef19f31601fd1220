"""The affine projection of an image, by deepinv.

The border is circular, as deepinv knows no symmetric one, and the kernel is
centred on the first pixel of each block instead of the third. Neither changes
the work; a circular border is the cheapest of deepinv's, and the only one for
which it has a closed form.
"""

import importlib
import sys

import numpy as np

from contenders.clock import timed

SCALE, TAPS = 4, 9
# Of the penalty on what the image misses; more is lost in float32's rounding.
GAMMA = 1e5
KEPT_ALIVE = []


def project(size, channels=3, solver="CG", tolerance=None):
    """Returns the projection of a guess.

    Args:
        size: int. Of the image, a square.
        channels: int.
        solver: str. Of `A_dagger`, or "closed_form".
        tolerance: float or None. Of the solver, relative to the norm of what
            the guess misses. Defaults to deepinv's own, as to everything else.
    """
    import torch

    torch.manual_seed(0)
    physics = downsampling(size, channels, torch.float32, tolerance is None)
    guess, images = torch.rand(2, 1, channels, size, size)
    low_res = physics.A(images)
    if solver == "closed_form":
        invert, rounds = closed_form(physics, guess), 2
    else:
        invert, rounds = iterative(physics, solver, tolerance), 1

    @torch.no_grad()
    def work():
        projected = guess
        for _ in range(rounds):
            projected = projected + invert(low_res - physics.A(projected))
        return projected

    work()
    exactly = downsampling(size, channels, torch.float64)
    error = exactly.A(work().double()) - low_res.double()
    times = max(1, 2**20 // size**2) if solver == "closed_form" else 1
    turn = timed(work, times)
    turn.check = {"low_res_mse": float((error**2).mean())}
    return turn


def iterative(physics, solver, tolerance):
    """Returns `A+` by one of the solvers of least squares."""
    if tolerance is None:
        return lambda error: physics.A_dagger(error, solver=solver)
    return lambda error: physics.A_dagger(
        error, solver=solver, tol=tolerance, max_iter=500
    )


def closed_form(physics, guess):
    """Returns nearly `A+`, by Fourier transforms.

    It is that for an infinite gamma, which float32 does not bear. What the
    first round leaves, a second one takes away.
    """
    import torch

    zero = torch.zeros_like(guess)
    return lambda error: physics.prox_l2(zero, error, GAMMA)


def downsampling(size, channels, dtype, implicit=True):
    """Returns the operator `A`.

    With implicit differentiation, deepinv's default, `A_dagger` solves for the
    high-resolution pixels instead of the low-resolution ones: it takes longer
    and gets less close.
    """
    import torch

    deepinv = import_deepinv()
    distances = (np.arange(TAPS) - TAPS // 2) / (SCALE / 2)
    kernel = np.exp(-0.5 * distances**2)
    kernel = np.outer(kernel, kernel) / kernel.sum() ** 2
    return deepinv.physics.Downsampling(
        img_size=(channels, size, size),
        filter=torch.tensor(kernel, dtype=dtype)[None, None],
        factor=SCALE,
        padding="circular",
        implicit_backward_solver=implicit,
    )


def import_deepinv():
    """Imports deepinv, and torchvision if that was built for another torch.

    Torchvision then lacks its compiled operators, and fails to describe two of
    them. They are not needed here: it is enough to declare them.
    """
    import torch

    try:
        return importlib.import_module("deepinv")
    except RuntimeError:
        for name in list(sys.modules):
            if name.split(".")[0] in ("deepinv", "torchvision"):
                del sys.modules[name]
    library = torch.library.Library("torchvision", "DEF")
    for name in ("nms", "qnms"):
        library.define(
            f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
        )
    KEPT_ALIVE.append(library)  # The operators go with it.
    return importlib.import_module("deepinv")
