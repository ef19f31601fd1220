"""A line on stderr that says how far a computation has come."""

import sys


class Progress:
    """Counts steps on one line of stderr; Keras's own bar is on stdout.

    Args:
        label: str. What is counted.
        total: int. The last count.
        enabled: bool. Whether to write at all. Defaults to True.

    Example:

    >>> with Progress("tiles", total=3) as progress:
    ...     for _ in range(3):
    ...         progress.step()
    """

    def __init__(self, label, total, enabled=True):
        self.label, self.total, self.enabled = label, total, enabled
        self.count = 0

    def __enter__(self):
        self._write()
        return self

    def __exit__(self, *_):
        if self.enabled:
            print(file=sys.stderr, flush=True)

    def step(self):
        """Counts one more."""
        self.count += 1
        self._write()

    def _write(self):
        if self.enabled:
            line = f"\r{self.label} {self.count}/{self.total}"
            print(line, end="", file=sys.stderr, flush=True)
