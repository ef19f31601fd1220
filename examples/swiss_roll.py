"""Trains every objective on the Swiss roll, where the truth can be computed.

    python examples/swiss_roll.py --output_dir=runs/swiss_roll

This is the paper's section 5.1: points y in the plane, of which only the mean
x = (y1 + y2) / 2 is measured. It prints Table 1, the cross-entropy H[q, p] of
the outputs under the true density and the error of their means, for ten
trainings of each objective, and writes it as table.csv; it draws Figure 1
(figure1.png), and the posteriors that stochastic AffGAN samples from
(posterior.png). It takes 25 minutes on two CPU cores, and one with `--trials=2
--steps=1000`, which is too little for a GAN.
"""

import concurrent.futures
import csv
import multiprocessing
import os
import sys
import time

import swiss_roll_worker as worker
from absl import app
from absl import flags
from swiss_roll_objectives import OBJECTIVES

# Of the paper's Table 1: H, and the LR MSE.
PAPER = {
    "MAP": ("3.15", ""),
    "MSE": ("9.10", "1.3e-2"),
    "MAE": ("6.30", "4.0e-2"),
    "AffGAN": ("4.10", "0"),
    "SoftGAN": ("4.25", "8.9e-2"),
    "AffDG": ("3.81", "0"),
    "SoftDG": ("4.19", "1.0e-1"),
}
LIMITS = ("limit 0.2", "limit 0.3", "limit 0.5")  # Sigma of instance noise.
HEADER = (
    *("", "H", "sd", "gap", "LR MSE", "projected"),
    *("paper's H", "paper's gap", "paper's LR MSE", "seconds"),
)

FLAGS = flags.FLAGS
flags.DEFINE_string("output_dir", "runs/swiss_roll", "Where to write.")
flags.DEFINE_integer("trials", 10, "Trainings of each objective.", 1)
flags.DEFINE_integer("steps", 10_000, "Steps of the longest training.", 1)
flags.DEFINE_list("objectives", list(OBJECTIVES), "Which to train.")
flags.DEFINE_integer("jobs", 2, "Trainings at a time, on a core each.", 1)
flags.DEFINE_integer("seed", 0, "Of the first trial; the next adds one.", 0)


def main(argv):
    if len(argv) > 1:
        raise app.UsageError(f"Unknown arguments: {' '.join(argv[1:])}")
    unknown = set(FLAGS.objectives) - set(OBJECTIVES)
    if unknown:
        raise app.UsageError(
            f"--objectives does not know {', '.join(sorted(unknown))}. Choose "
            f"of: {', '.join(OBJECTIVES)}."
        )
    os.makedirs(FLAGS.output_dir, exist_ok=True)
    # After the flags, so that --help does not wait for TensorFlow.
    import swiss_roll_figures as figures
    from swiss_roll_truth import Truth

    truth = Truth(worker.density_samples(), worker.BANDWIDTH)
    results = run_all(truth)
    rows = [HEADER, *table(truth, results)]
    print_rows(rows)
    write_csv(rows, os.path.join(FLAGS.output_dir, "table.csv"))
    figures.draw_solutions(truth, results, FLAGS.output_dir)
    if "stochastic AffGAN" in results:
        print_posteriors(truth, results)
        figures.draw_posteriors(truth, results, FLAGS.output_dir)


def run_all(truth):
    """Returns the results of all work, lists by name, in order of trials."""
    work = [(name, 0) for name in LIMITS]
    # The longest first, so that no core ends up waiting for another.
    for name in sorted(FLAGS.objectives, key=lambda name: -OBJECTIVES[name][1]):
        work += [(name, FLAGS.seed + trial) for trial in range(FLAGS.trials)]
    with concurrent.futures.ProcessPoolExecutor(
        FLAGS.jobs,
        multiprocessing.get_context("spawn"),
        initializer=worker.set_up,
    ) as pool:
        futures = [pool.submit(worker.run, *job, FLAGS.steps) for job in work]
        try:
            show_progress(truth, futures)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    results = {name: [] for name in (*LIMITS, *FLAGS.objectives)}
    for (name, _), future in zip(work, futures, strict=True):
        results[name].append(future.result())
    return results


def show_progress(truth, futures):
    """Waits for all; tells of each, on stderr, as it is done."""
    start = time.perf_counter()
    finished = concurrent.futures.as_completed(futures)
    for number, future in enumerate(finished, start=1):
        result = future.result()
        result["H"] = entropy(truth, result["generated"])
        minutes = (time.perf_counter() - start) / 60
        left = minutes / number * (len(futures) - number)
        print(
            f"[{number}/{len(futures)}] {result['name']}: H {result['H']:.2f}, "
            f"{result['seconds']:.0f} s; about {left:.0f} min left",
            file=sys.stderr,
            flush=True,
        )


def entropy(truth, generated):
    """Returns H[q, p] of outputs, `(n, 2)`, in nats."""
    from swiss_roll_truth import rotate

    return -truth.log_prob(*rotate(generated).T).mean()


def table(truth, results):
    """Returns the rows of Table 1, strings."""
    import numpy as np
    from swiss_roll_truth import unrotate

    measurements = worker.measurements()  # [n, 1]
    x = measurements[:, 0]
    exact = {
        name: entropy(truth, unrotate(np.stack([x, t], axis=-1)))
        for name, t in truth.solutions(x).items()
    }

    def row(name, key, entropies, errors=(), projected=(), seconds=None):
        mean = np.mean(entropies)
        paper, paper_error = PAPER.get(key, ("", ""))
        gap = f"{float(paper) - float(PAPER['MAP'][0]):.2f}" if paper else ""
        return (
            name,
            f"{mean:.2f}",
            f"{np.std(entropies):.2f}" if len(entropies) > 1 else "",
            f"{mean - exact['MAP']:.2f}",
            f"{np.mean(errors):.1e}" if len(errors) else "",
            f"{np.mean(projected) - exact['MAP']:.2f}" if projected else "",
            *(paper, gap, paper_error),
            "" if seconds is None else f"{np.mean(seconds):.0f}",
        )

    yield row("exact MAP", "MAP", [exact["MAP"]])
    for name in ("MSE", "MAE"):
        yield row(f"exact {name}", "", [exact[name]])
    for name, found in results.items():
        entropies = [result["H"] for result in found]
        seconds = [result["seconds"] for result in found]
        if name in LIMITS:
            yield row(f"AffGAN's {name}", "", entropies, seconds=seconds)
            continue
        misses = [
            measurements - result["generated"].mean(axis=1, keepdims=True)
            for result in found
        ]
        # What outputs are worth once they agree with what was measured.
        projected = [
            entropy(truth, result["generated"] + miss)
            for result, miss in zip(found, misses, strict=True)
        ]
        errors = [np.mean(miss**2) for miss in misses]
        yield row(name, name, entropies, errors, projected, seconds)


def print_rows(rows):
    print(
        f"H[q, p] in nats, and its gap to the exact MAP; {FLAGS.trials} trials"
        "\nprojected: the gap of the outputs moved onto their measurements"
    )
    widths = [max(9, len(name) + 2) for name in HEADER[1:]]
    for name, *cells in rows:
        cells = zip(cells, widths, strict=True)
        print(f"{name:20}" + "".join(f"{cell:>{size}}" for cell, size in cells))


def print_posteriors(truth, results):
    """Prints E_x KL[q(y|x) || p(y|x)] of what can be compared."""
    import numpy as np
    from swiss_roll_posterior import divergences

    print("\nE_x KL[q(y|x) || p(y|x)] in nats, mean and sd over trials")
    for name, values in divergences(truth, results).items():
        print(f"{name:40}{np.mean(values):8.2f}{np.std(values):8.2f}")


def write_csv(rows, path):
    with open(f"{path}.part", "w", newline="") as file:
        csv.writer(file).writerows(rows)
    os.replace(f"{path}.part", path)


if __name__ == "__main__":
    app.run(main)
