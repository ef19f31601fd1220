"""The pictures of the texture example: the paper's Figures 3 and 7."""

import csv
import os

import run_data


def draw_comparison(settings, images):
    """Writes comparison.png: the methods side by side on held-out crops."""
    import numpy as np

    from keras_affsr import callbacks

    low_res, _ = run_data.arrays(run_data.held_out_pairs(settings))
    columns = {"low res": low_res, **images}
    rows = slice(0, 4)
    grid = callbacks.draw_grid(
        {label: np.clip(each[rows], 0, 1) for label, each in columns.items()}
    )
    path = os.path.join(settings.output_dir, "comparison.png")
    callbacks.save_png(grid, path)


def draw_progress(settings, runs):
    """Writes figure7.png: PSNR and SSIM of held-out crops during training.

    Args:
        settings: The flags.
        runs: dict from the names of models to their `RunDirectory`, whose log
            has the rung at the end of each epoch.
    """
    from matplotlib import figure

    page = figure.Figure((5 * len(runs), 5), layout="constrained", dpi=120)
    panels = page.subplots(2, len(runs), sharex="col", squeeze=False)
    for column, (name, run) in zip(panels.T, runs.items()):
        with open(run.path("log.csv"), newline="") as file:
            rows = list(csv.DictReader(file))
        steps = settings.steps or settings.guided_steps
        for axes, metric in zip(column, ("PSNR", "SSIM")):
            _draw_curve(axes, rows, max(1, steps // len(rows)), metric)
        column[0].set_title(name)
        column[1].set_xlabel("steps; a grey line: the next rung")
    save_figure(page, os.path.join(settings.output_dir, "figure7.png"))


def _draw_curve(axes, rows, per_epoch, metric):
    ends = [per_epoch * (int(row["epoch"]) + 1) for row in rows]
    values = [float(row[f"val_{metric.lower()}"]) for row in rows]
    axes.plot(ends, values, "o-", markersize=3)
    axes.set_ylabel(metric)
    for end, row, following in zip(ends, rows, rows[1:]):
        if following["rung"] != row["rung"]:
            axes.axvline(end, color="0.8", zorder=0)


def save_figure(page, path):
    """Writes a figure of matplotlib, whole or not at all."""
    page.savefig(f"{path}.part", format="png")
    os.replace(f"{path}.part", path)
