"""Working through many files, of which one that fails stops no other."""

import os
import sys


def work_through(places, work, quiet, outputs=None):
    """Calls `work(place)` for each place, and prints what it returns.

    Args:
        places: list of `Place`.
        work: Function of a place, that returns a line for stdout.
        quiet: bool. Whether to leave out the progress.
        outputs: Function from a place to the paths that are written, none of
            which may be an input, or written twice. Defaults to the target.

    Returns:
        int. The number of places that failed; the reasons are on stderr.
    """
    failed = 0
    taken = {_real(place.source): "an input" for place in places}
    for number, place in enumerate(places, start=1):
        if not quiet:
            print(f"[{number}/{len(places)}] {place.name}", file=sys.stderr)
        paths = outputs(place) if outputs else [place.target]
        try:
            _check_paths(paths, taken)
            line = work(place)
        except Exception as error:  # Of any kind: the others can still be done.
            failed += 1
            print(f"error: {say(error, place)}", file=sys.stderr)
            continue
        print(line, flush=True)
        made = f"already the result of {place.source}"
        taken |= {_real(path): made for path in paths if path}
    if failed:
        print(f"{failed} of {len(places)} files failed.", file=sys.stderr)
    return failed


def _check_paths(paths, taken):
    from keras_affsr.upscale import ImageError

    for path in paths:
        if path and _real(path) in taken:
            raise ImageError(
                f"{path} is {taken[_real(path)]}, which is never replaced. "
                "Give another --output, or the inputs other names."
            )


def say(error, place):
    """Returns an error as text that names the file."""
    from keras_affsr.upscale import ImageError

    kind = "" if isinstance(error, ImageError) else f"{type(error).__name__}: "
    text = f"{kind}{error}"
    return text if place.name in text else f"{place.name}: {text}"


def _real(path):
    return os.path.realpath(path)
