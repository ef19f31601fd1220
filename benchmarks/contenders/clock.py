"""Timing a piece of work."""

import time


def timed(work, times=1):
    """Returns a function that does work and returns the seconds of one."""

    def turn():
        start = time.perf_counter()
        for _ in range(times):
            work()
        return (time.perf_counter() - start) / times

    return turn
