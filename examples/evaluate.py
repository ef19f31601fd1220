"""Compares trained models on the test split: the paper's Table 2 and Figure 4.

    python examples/evaluate.py runs/celeba
    python examples/evaluate.py runs/celeba/mse runs/other/gan --output_dir=here

Give it run directories that train_celeba.py, train_imagenet.py or
train_texture.py have finished, or folders of such. It prints the scores of all
on the same test images, with the paper's for CelebA beside, and writes them as
table2.csv; figure4.png shows a few images, from low resolution to the truth.
"""

import csv
import os
import sys
import types

import run_data
import run_flags
from absl import app
from absl import flags
from run_models import OBJECTIVES

# Table 2: SSIM, PSNR, LR MSE.
PAPER = {
    "MSE": (0.90, 26.30, 8.0e-5),
    "AffMSE": (0.91, 26.53, 1.6e-10),
    "SoftGAN": (0.76, 21.11, 2.3e-3),
    "AffGAN": (0.81, 23.02, 9.1e-10),
}
SCORES = ("ssim", "psnr", "low_res_mse", "sliced_wasserstein")
FORMATS = ("8.3f", "8.2f", "10.1e", "8.3f")
PAPER_FORMATS = ("8.2f", "8.2f", "10.1e")
# What decides on which images the scores are.
OF_THE_IMAGES = (
    *("data", "scale", "image_dir", "image_size", "crop_size"),
    *("min_bytes", "held_out", "test_files"),
)


def define(values=flags.FLAGS):
    """Defines the flags."""
    flags.DEFINE_string(
        "output_dir", "runs/evaluation", "Where to write.", flag_values=values
    )
    flags.DEFINE_enum(
        "model",
        "final",
        ("final", "best"),
        "At the end of the training, or at its best epoch.",
        flag_values=values,
    )
    for name, default, text in (
        (
            "test_images",
            None,
            "Rounded up to sixteens; those of the runs.",
        ),
        ("rows", 4, "Images in the figure."),
    ):
        flags.DEFINE_integer(name, default, text, 1, flag_values=values)


def main(argv):
    evaluate(run_flags.settings(argv[:1]), argv[1:])


def evaluate(settings, paths):
    """Prints and draws the comparison of the runs in folders."""
    runs = find_runs(paths)
    images = images_of(runs, settings)
    from keras_affsr import training

    file = {"final": "model.keras", "best": "best.keras"}[settings.model]
    low_res, high_res = first_images(images, settings.rows)
    columns = {
        "low res": low_res,
        "bicubic": run_data.bicubic(low_res, images.scale),
    }
    found = {}
    for label, run in runs.items():
        model = run.load(file)
        found[label] = training.scores(
            model, run_data.held_out_pairs(images), run_data.references(images)
        )
        columns[label] = training.generate(model, low_res)
    columns["truth"] = high_res
    show(found)
    os.makedirs(settings.output_dir, exist_ok=True)
    write_csv(found, os.path.join(settings.output_dir, "table2.csv"))
    draw(columns, os.path.join(settings.output_dir, "figure4.png"))


def find_runs(paths):
    """Returns the finished runs in folders by label, or ends the program."""
    from keras_affsr import training

    folders = []
    for path in paths:
        inside = os.listdir(path) if os.path.isdir(path) else []
        names = sorted(inside, key=lambda name: (rank(name), name))
        below = [os.path.join(path, name) for name in names]
        folders += [each for each in (path, *below) if is_run(each)]
    if not folders:
        sys.exit(
            "evaluate.py needs folders of finished runs, with model.keras and "
            f"summary.json. Received: {' '.join(paths) or 'none'}. Train first,"
            " for instance by train_celeba.py."
        )
    runs = [
        training.RunDirectory(
            folder, training.read_json(os.path.join(folder, "flags.json"))
        )
        for folder in folders
    ]
    labels = [run.flags["label"] for run in runs]
    return {
        # Two of the same objective are told apart by their folders.
        label if labels.count(label) == 1 else run.directory: run
        for label, run in zip(labels, runs, strict=True)
    }


def rank(name):
    """Returns where an objective stands in the table, if it is one."""
    known = list(OBJECTIVES)
    return known.index(name) if name in known else len(known)


def is_run(folder):
    files = ("model.keras", "summary.json", "flags.json")
    return all(os.path.exists(os.path.join(folder, name)) for name in files)


def images_of(runs, settings):
    """Returns the settings of the test images, if the runs agree on them."""
    (first, *others) = runs.items()
    for label, run in others:
        for name in OF_THE_IMAGES:
            values = [each.flags.get(name) for each in (first[1], run)]
            if values[0] != values[1]:
                sys.exit(
                    f"evaluate.py compares on the same images: {name} is "
                    f"{values[0]!r} in the run of {first[0]} and {values[1]!r} "
                    f"in that of {label}. Evaluate them one by one."
                )
    images = types.SimpleNamespace(**first[1].flags)
    images.test_images = settings.test_images or images.test_images
    return images


def first_images(images, count):
    """Returns low_res and high_res of the first test images."""
    batches = run_data.held_out_pairs(images)
    pair = run_data.arrays(batches.take(-(-count // run_data.HELD_OUT_BATCH)))
    return [each[:count] for each in pair]


def show(found):
    """Prints Table 2."""
    print(f"{'':20}{'SSIM':>8}{'PSNR':>8}{'LR MSE':>10}{'SWD':>8}   of paper:")
    for label, scores in found.items():
        cells = [format(scores[n], f) for n, f in zip(SCORES, FORMATS)]
        if label in PAPER:
            cells += [format(n, f) for n, f in zip(PAPER[label], PAPER_FORMATS)]
        print(f"{label:20}{''.join(cells)}")
    print(f"On {scores['images']} test images. The paper's are of CelebA.")


def write_csv(found, path):
    paper = ("paper_ssim", "paper_psnr", "paper_low_res_mse")
    with open(f"{path}.part", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("run", *SCORES, *paper))
        for label, scores in found.items():
            ours = [scores[name] for name in SCORES]
            writer.writerow((label, *ours, *PAPER.get(label, ("", "", ""))))
    os.replace(f"{path}.part", path)


def draw(columns, path):
    """Draws images side by side, each method in a column."""
    import numpy as np

    from keras_affsr import callbacks

    clipped = {name: np.clip(each, 0, 1) for name, each in columns.items()}
    callbacks.save_png(callbacks.draw_grid(clipped), path)


if __name__ == "__main__":
    define()
    app.run(main)
