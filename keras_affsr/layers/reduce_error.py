"""Bringing images in [0, 1] closer to a measurement, step by step."""

from keras import ops

ROUNDS = 40
# Kernels with negative lobes amplify some waves more than a constant, by up to
# 7 % (lanczos3).
SAFETY = 1.1


def reduce_error(downsample, images, low_res, slack, score):
    """Minimises how far `A y` is off, over images `0 <= y <= 1`.

    Accelerated projected gradient descent (FISTA) on

        sum{ max(|A y - x| - slack, 0)^2 },

    which starts afresh whenever its momentum leads astray. Where images that
    agree exist it finishes what few steps of another method have left; where
    none do, it ends at the least squares. Steps that lead away, as they can for
    an operator with large negative weights, change nothing.

    Args:
        downsample: Downsample. The operator `A`.
        images: `(batch, scale * h, scale * w, channels)` in [0, 1].
        low_res: `(batch, h, w, channels)`. The measurement `x`.
        slack: float.
        score: Function of `x - A y` that returns how wrong it is, `(batch, 1,
            1, channels)`. A channel whose score is zero stays as it is, and
            the rounds end when all are.

    Returns:
        Images of the shape of `images`: of all rounds, each channel's with the
        lowest score.
    """
    step = 1.0 / largest_eigenvalue(downsample, low_res)

    def descend(images):
        error = low_res - downsample.apply(images)
        beyond = ops.maximum(ops.abs(error) - slack, 0.0)
        gradient = downsample.adjoint(ops.sign(error) * beyond)
        return ops.clip(images + step * gradient, 0.0, 1.0)

    def go_on(number, images, ahead, momentum, best, lowest):
        return ops.logical_and(number < ROUNDS, ops.any(lowest > 0))

    def improve(number, images, ahead, momentum, best, lowest):
        moved = descend(ahead)
        turn = _dot(ahead - moved, moved - images) > 0
        grown = (1.0 + ops.sqrt(1.0 + 4.0 * momentum**2)) / 2.0
        weight = ops.where(turn, 0.0, (momentum - 1.0) / grown)
        ahead = moved + weight * (moved - images)
        wrong = score(low_res - downsample.apply(moved))
        better = wrong < lowest
        return (
            number + 1,
            moved,
            ahead,
            ops.where(turn, 1.0, grown),
            ops.where(better, moved, best),
            ops.where(better, wrong, lowest),
        )

    wrong = score(low_res - downsample.apply(images))
    state = (0, images, images, ops.ones_like(wrong), images, wrong)
    return ops.while_loop(go_on, improve, state)[4]


def largest_eigenvalue(downsample, low_res):
    """Returns the largest eigenvalue of `A A'`, or a little more.

    It is at most the largest sum of a row, where no weight is negative.
    """
    sums = downsample.apply(downsample.adjoint(ops.ones_like(low_res)))
    return SAFETY * ops.max(sums, axis=(1, 2), keepdims=True)


def _dot(left, right):
    return ops.sum(left * right, axis=(1, 2), keepdims=True)
