"""The nearest image to a guess that fits into [0, 1] and the measurement."""

from keras import ops

NEWTON_ROUNDS = 40
# Of conjugate gradients per round, and how far they reduce the error: solving
# each linear system further costs more than it saves rounds.
CG_ROUNDS = 20
CG_REDUCTION = 0.3
MAX_HALVINGS = 12
RISE = 0.1
# Keeps the linear systems solvable where no pixel is free to move.
REGULARISATION = 1e-6
# Pixels at the end of the range count a little, as they may leave it in the
# step: ten times the error that is left, at most a tenth. As this falls to
# zero with the error, Newton's method stays as fast as it is at the end.
LOCKED_PER_ERROR, MOST_LOCKED = 10.0, 0.1
# Of the largest, the least scale of a sample in the linear systems.
LEAST_SCALE = 1e-4


def nearest_in_range(downsample, guess, low_res, slack, score):
    """Finds `argmin |y - guess|` over `0 <= y <= 1`, `|A y - x| <= slack`.

    The dual problem has one variable per low-resolution pixel, and its solution
    gives the image: `y(u) = clip(guess + A' u, 0, 1)`, where `u` is positive
    only where `A y = x - slack`, negative only where `A y = x + slack`, and
    zero elsewhere. The conditions are piecewise linear in `u`. A semismooth
    Newton method solves them: in each round a system with the matrix
    `A D A'`, where `D` keeps the pixels that are inside of the range and only
    the low-resolution pixels count whose condition is active. Conjugate
    gradients, preconditioned by the sums of its rows, solve it well enough, and
    the step is halved until the dual objective does not rise at its end.

    Each channel of each image is a problem of its own. All take part in all
    rounds, until none has anything left to do.

    Args:
        downsample: Downsample. The operator `A`.
        guess: `(batch, scale * h, scale * w, channels)`.
        low_res: `(batch, h, w, channels)`. The measurement `x`.
        slack: float. Zero for the set `A y = x`.
        score: Function of `x - A y` that returns how wrong it is, `(batch, 1,
            1, channels)`; the rounds end when it is zero.

    Returns:
        Images of the shape of `guess`: of all rounds, each channel's with the
        lowest score.
    """
    problem = _Problem(downsample, guess, low_res, slack)
    dual = ops.zeros_like(low_res)
    residual = problem.residual(guess)
    wrong = score(residual)

    def go_on(number, dual, image, residual, best, lowest):
        return ops.logical_and(number < NEWTON_ROUNDS, ops.any(lowest > 0))

    def improve(number, dual, image, residual, best, lowest):
        state = problem.newton_step(dual, image, residual)
        dual, image, residual = state
        wrong = score(residual)
        better = wrong < lowest
        best = ops.where(better, image, best)
        return number + 1, *state, best, ops.where(better, wrong, lowest)

    state = (0, dual, guess, residual, guess, wrong)
    return ops.while_loop(go_on, improve, state)[4]


class _Problem:
    """One problem per image and channel, and a step towards its solution."""

    def __init__(self, downsample, guess, low_res, slack):
        self.downsample = downsample
        self.guess = guess
        self.low_res = low_res
        self.slack = slack

    def image(self, dual):
        """Returns the image that belongs to dual variables, unclipped."""
        return self.guess + self.downsample.adjoint(dual)

    def residual(self, image):
        return self.low_res - self.downsample.apply(ops.clip(image, 0.0, 1.0))

    def newton_step(self, dual, image, residual):
        active = (dual != 0) | (ops.abs(residual) > self.slack)
        sign = ops.sign(ops.where(dual != 0, dual, residual))
        descent = self._descent(residual, sign, active)
        step = self._solve(descent, active, self._freedom(image, descent))
        return self._line_search(dual, step, descent, sign, active)

    def _descent(self, residual, sign, active):
        """Returns the direction of steepest descent of the dual objective."""
        return ops.where(active, residual - self.slack * sign, 0.0)

    def _freedom(self, image, descent):
        """Returns `D`: one for pixels inside of the range, else little."""
        free = ops.cast((image > 0) & (image < 1), image.dtype)
        error = ops.sqrt(_mean(descent**2))
        locked = ops.minimum(LOCKED_PER_ERROR * error, MOST_LOCKED)
        return free + locked * (1.0 - free)

    def _solve(self, target, active, freedom):
        """Solves `A D A' v = target` among the active samples, roughly."""

        def multiply(v):
            inner = self.downsample.apply(freedom * self.downsample.adjoint(v))
            return ops.where(active, inner, 0.0) + REGULARISATION * v

        # Where few pixels are free the rows are small, by orders of magnitude.
        # (Absolute: of kernels with negative weights, sums can be below zero.)
        scale = ops.abs(multiply(ops.cast(active, target.dtype)))
        largest = ops.max(scale, axis=(1, 2), keepdims=True)
        scale = ops.maximum(scale, LEAST_SCALE * largest) + REGULARISATION
        size = _dot(target, target / scale)
        goal = CG_REDUCTION**2 * size

        def go_on(number, solution, rest, direction, size):
            return ops.logical_and(number < CG_ROUNDS, ops.any(size > goal))

        def improve(number, solution, rest, direction, size):
            product = multiply(direction)
            length = _ratio(size, _dot(direction, product))
            # What is solved stays as it is, while others go on.
            length = ops.where(size > goal, length, 0.0)
            solution = solution + length * direction
            rest = rest - length * product
            smaller = _dot(rest, rest / scale)
            direction = rest / scale + _ratio(smaller, size) * direction
            return number + 1, solution, rest, direction, smaller

        start = (0, ops.zeros_like(target), target, target / scale, size)
        return ops.while_loop(go_on, improve, start)[1]

    def _line_search(self, dual, step, descent, sign, active):
        """Returns the dual variables after a step short enough.

        And the image and residual that belong to them.
        """

        def move(length):
            moved = ops.where(active, dual + length * step, 0.0)
            if self.slack:  # Its two sides are not passed in one step.
                moved = ops.where(moved * sign < 0, 0.0, moved)
            image = self.image(moved)
            return moved, image, self.residual(image)

        def too_long(moved, image, residual):
            # The objective is convex: while it falls at the end of a step, it
            # has fallen all along. Its values are sums over all pixels, too
            # coarse in float32 to be compared.
            ending = self._descent(residual, sign, active)
            rise = -_dot(ending, moved - dual)
            return rise > RISE * _dot(descent, moved - dual)

        def go_on(number, length, moved, image, residual):
            long = too_long(moved, image, residual)
            return ops.logical_and(number < MAX_HALVINGS, ops.any(long))

        def shorten(number, length, *state):
            length = ops.where(too_long(*state), length / 2, length)
            return number + 1, length, *move(length)

        length = ops.ones_like(_dot(step, step))
        state = (0, length, *move(length))
        return ops.while_loop(go_on, shorten, state)[2:]


def _mean(values):
    return ops.mean(values, axis=(1, 2), keepdims=True)


def _dot(left, right):
    return ops.sum(left * right, axis=(1, 2), keepdims=True)


def _ratio(numerator, denominator):
    safe = ops.where(denominator > 0, denominator, 1.0)
    return ops.where(denominator > 0, numerator / safe, 0.0)
