"""The pictures of the Swiss roll example: the paper's Figure 1, and samples."""

import os

import numpy as np
import swiss_roll_worker as worker
from swiss_roll_posterior import histogram
from swiss_roll_posterior import smooth
from swiss_roll_truth import rotate
from swiss_roll_truth import unrotate

MEASURED = 0.5  # x of Figure 1 a.
SHOWN = 8.0  # Points of the plane that are drawn, to both sides.
COLOURS = {
    "MAP": "tab:red",
    "MSE": "tab:blue",
    "MAE": "tab:green",
    "AffGAN": "tab:orange",
    "AffDG": "tab:purple",
    "AffLL": "tab:brown",
}


def draw_solutions(truth, results, folder):
    """Writes figure1.png: exact solutions, and those of trained models."""
    from matplotlib import figure

    page = figure.Figure((12, 6), layout="constrained", dpi=120)
    left, right = page.subplots(1, 2)
    for axes, title in ((left, "a  Exact solutions"), (right, "b  Models")):
        _draw_density(axes, truth)
        axes.set(title=title, xlabel="$y_1$", ylabel="$y_2$", aspect="equal")
        axes.set(xlim=(-SHOWN, SHOWN), ylim=(-SHOWN, SHOWN))
    _draw_exact(left, truth)
    _draw_models(right, results)
    for axes in (left, right):
        axes.legend(loc="upper right", fontsize=8, markerscale=3)
    save(page, os.path.join(folder, "figure1.png"))


def _draw_density(axes, truth):
    side = np.linspace(-SHOWN, SHOWN, 400)
    plane = np.stack(np.meshgrid(side, side), axis=-1)  # [y2, y1, 2]
    density = np.exp(truth.log_prob(*np.moveaxis(rotate(plane), -1, 0)))
    axes.pcolormesh(side, side, density, cmap="Greys", rasterized=True)


def _draw_exact(axes, truth):
    line = unrotate(np.stack([np.full(2, MEASURED), [-SHOWN, SHOWN]], axis=-1))
    axes.plot(*line.T, "k--", linewidth=0.8, label=f"$x = {MEASURED}$")
    (row,) = truth.rows([MEASURED])
    on_line = unrotate(
        np.stack([np.full_like(truth.grid, MEASURED), truth.grid], axis=-1)
    )
    axes.scatter(
        *on_line.T, s=60 * row / row.max(), c="red", alpha=0.05, linewidths=0
    )
    x = np.linspace(-5, 5, 1000)
    for name, t in truth.solutions(x).items():
        _dots(axes, unrotate(np.stack([x, t], axis=-1)), name)


def _draw_models(axes, results):
    for name in COLOURS:
        if name in results and name != "MAP":
            _dots(axes, results[name][0]["generated"][:2000], name)
    for result in results.get("AffDG", ())[:1]:
        axes.quiver(
            *worker.arrows().T,
            *np.asarray(result["score"]).T,
            angles="xy",
            width=0.0015,
            alpha=0.6,
        )


def _dots(axes, points, name):
    axes.scatter(*points.T, s=2, c=COLOURS[name], linewidths=0, label=name)


def draw_posteriors(truth, results, folder):
    """Writes posterior.png: p(t | x) and samples of q(t | x) for eight x."""
    from matplotlib import figure

    x = worker.posterior_measurements()[:, 0]
    # Evenly spread over the measurements, not over the line.
    chosen = np.argsort(x)[np.linspace(5, len(x) - 6, 8).astype(int)]
    draws = rotate(results["stochastic AffGAN"][0]["draws"])[chosen, :, 1]
    sampled = smooth(truth, histogram(truth, draws))
    page = figure.Figure((12, 6), layout="constrained", dpi=120)
    panels = page.subplots(2, 4, sharex=True).flat
    for axes, number, density in zip(panels, chosen, sampled, strict=True):
        (row,) = truth.rows([x[number]])
        axes.fill_between(truth.grid, row, color="0.75", label="true posterior")
        axes.plot(truth.grid, density, "tab:orange", label="sampled")
        axes.set(title=f"$x = {x[number]:.2f}$", xlim=(-7, 7), yticks=[])
        axes.set_xlabel("$t = (y_1 - y_2) / 2$")
    page.axes[0].legend(fontsize=8)
    save(page, os.path.join(folder, "posterior.png"))


def save(page, path):
    """Writes a figure whole or not at all."""
    page.savefig(f"{path}.part", format="png")
    os.replace(f"{path}.part", path)
