"""The pictures of the texture example: the paper's Figures 3 and 7."""

import os

import texture_data


def draw_comparison(settings, images):
    """Writes comparison.png: the methods side by side on held-out crops."""
    import numpy as np

    from keras_affsr import callbacks

    low_res, _ = texture_data.held_out_arrays(settings)
    columns = {"low res": low_res, **images}
    rows = slice(0, 4)
    grid = callbacks.draw_grid(
        {label: np.clip(each[rows], 0, 1) for label, each in columns.items()}
    )
    path = os.path.join(settings.output_dir, "comparison.png")
    callbacks.save_png(grid, path)


def draw_progress(settings, histories):
    """Writes figure7.png: PSNR and SSIM of held-out crops during training.

    Args:
        settings: The flags.
        histories: dict from the names of models to Keras's `History`, which
            has the rung at the end of each epoch.
    """
    from matplotlib import figure

    width = 5 * len(histories)
    page = figure.Figure((width, 5), layout="constrained", dpi=120)
    panels = page.subplots(2, len(histories), sharex="col", squeeze=False)
    for column, (name, history) in zip(panels.T, histories.items()):
        for axes, metric in zip(column, ("PSNR", "SSIM")):
            _draw_curve(axes, history, metric)
        column[0].set_title(name)
        column[1].set_xlabel("steps; a grey line: the next rung")
    path = os.path.join(settings.output_dir, "figure7.png")
    page.savefig(f"{path}.part", format="png")
    os.replace(f"{path}.part", path)


def _draw_curve(axes, history, metric):
    per_epoch = history.params["steps"]
    ends = [per_epoch * (epoch + 1) for epoch in history.epoch]
    values = history.history[f"val_{metric.lower()}"]
    axes.plot(ends, values, "o-", markersize=3)
    axes.set_ylabel(metric)
    rungs = history.history["rung"]
    for end, rung, following in zip(ends, rungs, rungs[1:]):
        if following != rung:
            axes.axvline(end, color="0.8", zorder=0)
