"""A function of many files, in threads, with a word on how far it is."""

import logging
import time
from concurrent.futures import ThreadPoolExecutor

LOGGER = logging.getLogger(__name__)

# Files wait for the disk, or the network, more than for processors.
NUM_THREADS = 16
# Items that a thread takes at a time: one by one costs more than a small file.
CHUNK = 64
# Seconds until the first word of progress, and between words.
PATIENCE, INTERVAL = 2.0, 10.0


def in_threads(function, items, done):
    """Returns `[function(item) for item in items]`.

    The first error ends it: what other threads have not begun is left.

    Args:
        function: Function of an item.
        items: list.
        done: string. What to say of the items that are done, such as
            `"Checked"`.
    """
    chunks = [items[i : i + CHUNK] for i in range(0, len(items), CHUNK)]
    patience = time.monotonic() + PATIENCE
    results = []
    with ThreadPoolExecutor(NUM_THREADS) as pool:
        for part in pool.map(lambda chunk: list(map(function, chunk)), chunks):
            results += part
            if time.monotonic() > patience and len(results) < len(items):
                # A warning, because that is shown where logging is not set up.
                LOGGER.warning(
                    "%s %d of %d images.", done, len(results), len(items)
                )
                patience = time.monotonic() + INTERVAL
    return results
