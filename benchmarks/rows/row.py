"""A row of contenders, and what is hoped of it."""

import collections
import statistics

from contest import fastest
from contest import ratio

DISTURBED = 0.1  # More than what a quiet machine does by itself.

# The first contender is the one that the others are compared with. At most
# `repeats` rounds are run, if given. For a series that shows how something
# grows, `sizes` has a number for each contender.
Row = collections.namedtuple(
    "Row",
    "name, contenders, goals, repeats, sizes",
    defaults=((), None, ()),
)

# `measure` makes a number of a dict of results by label, which lacks those that
# did not run. It should be at least, or at most, the bound, if there is one.
Goal = collections.namedtuple(
    "Goal", "words, measure, bound, at_most, form", defaults=(False, "{:.2f}")
)


def judge(goal, results):
    """Returns what was measured, and whether that meets the goal.

    Where others took more than a little of the processors, it does not say; and
    it names the contenders that are missing.
    """
    there = {name: each for name, each in results.items() if not each.error}
    missing = [name for name in results if name not in there]
    try:
        measured = goal.measure(there)
    except KeyError as error:
        return "-", f"not run: {error.args[0]}"
    said = verdict(goal, measured, max(each.others for each in there.values()))
    if missing:
        said += f" (without {'; '.join(missing)})"
    return goal.form.format(measured), said


def verdict(goal, measured, others):
    if others > DISTURBED:
        return f"not judged: others took {others:.0%} of the processors"
    if goal.bound is None:
        return ""
    met = measured <= goal.bound if goal.at_most else measured >= goal.bound
    return "met" if met else "missed"


def speedup(ours, theirs):
    """Returns the measure of how many times as fast as theirs ours is.

    Of several whose labels start as given, the fastest is taken.
    """

    def measure(results):
        return ratio(fastest(results, ours), fastest(results, theirs))

    return measure


def share(ours, best, work):
    """Returns the measure of how much of the best rate is reached.

    Args:
        ours: str. How labels start.
        best: str. The same of those who show what can be reached.
        work: Function that returns how many units of the best's are in one of
            ours.
    """

    def measure(results):
        mine, best_one = fastest(results, ours), fastest(results, best)
        return work() * ratio(mine, best_one)

    return measure


def overhead(ours, bare):
    """Returns the measure of the part that ours takes longer than the other."""

    def measure(results):
        pairs = zip(results[ours].seconds, results[bare].seconds, strict=True)
        return statistics.median(longer / least for longer, least in pairs) - 1

    return measure
