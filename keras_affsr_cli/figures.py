"""How figures are printed."""

import math


def percent(share):
    """Returns a share as text, rounded down: 100 % is all of it."""
    if share is None or math.isnan(share):
        return "-"
    return f"{math.floor(1e4 * share) / 100:.2f} %"


def decibels(value):
    """Returns a figure in decibels as text."""
    return "-" if value is None else f"{value:.2f} dB"


def agreement(figures):
    """Returns LR-PSNR and shares as text, of an object that has them."""
    texts = [
        f"LR-PSNR {decibels(figures.low_res_psnr)}",
        f"reproduced {percent(figures.reproduced)}",
    ]
    opacity = getattr(figures, "opacity_reproduced", None)
    if opacity is not None:
        texts.append(f"of opacity {percent(opacity)}")
    return "  ".join(texts)


def table(rows, right=True):
    """Returns rows of texts as lines of columns.

    All but the first column are aligned to the right, or to the left.
    """
    widths = [max(map(len, column)) for column in zip(*rows)]
    return "\n".join(
        "  ".join(
            text.rjust(width) if right and number else text.ljust(width)
            for number, (text, width) in enumerate(zip(row, widths))
        ).rstrip()
        for row in rows
    )
