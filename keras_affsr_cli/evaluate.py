"""The command `keras-affsr evaluate`: figures of any program's images."""

import argparse
import csv
import io
import math
import sys

from keras_affsr_cli import arguments

DESCRIPTION = """\
Compares enlarged images, of any program, with the true ones and with the
inputs that they were made of. Files are matched by their names, and `0001x4`,
`0001_LR` or `0001_HR` belong to `0001`.

psnr, ssim      on RGB (grey: on grey), of each image, without the border
psnr_y, ssim_y  on the luma of BT.601 as MATLAB's rgb2ycbcr has it, from 16 to
                235 and not rounded; of grey images the same as on grey
low_res_psnr    of A(SR) against LR in [0, 1], in dB; all of the image
reproduced      the share of LR's samples that A(SR), rounded, is equal to
wasserstein     sliced Wasserstein distance of RGB to the true image, in
                standard deviations: how unlike natural detail it looks

The operator A is described by --downsample or --model. Opacity is left out."""
EXAMPLE = """\
example: keras-affsr evaluate --sr theirs/ --lr inputs/ --hr truth/ \\
             --downsample bicubic --scale 4 --csv figures.csv"""


def add_parser(commands):
    """Adds the command to the command line."""
    parser = commands.add_parser(
        "evaluate",
        help="compare enlarged images with the truth and with their inputs",
        description=DESCRIPTION,
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--sr", required=True, metavar="PATH", help="enlarged image, or folder"
    )
    parser.add_argument("--lr", metavar="PATH", help="their inputs")
    parser.add_argument("--hr", metavar="PATH", help="the true images")
    parser.add_argument(
        "--crop-border",
        type=arguments.count_or_zero,
        metavar="N",
        help="pixels left out at each border, but for LR-PSNR; default: scale",
    )
    parser.add_argument(
        "--csv", metavar="FILE", help="write the figures here, too"
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="replace the CSV file"
    )
    arguments.add_max_pixels(parser)
    arguments.add_quiet(parser)
    arguments.add_model(parser, required=False)
    arguments.add_operator(parser)
    parser.set_defaults(run=run)


def run(args):
    """Runs the command, and returns the exit code."""
    from keras_affsr_cli.matching import partners
    from keras_affsr_cli.places import images
    from keras_affsr_cli.scores import Scorer

    downsample, border = _operator(args)
    todo = images([args.sr])
    scale = downsample.scale if downsample else args.scale
    low_res = args.lr and partners(args.lr, todo, scale)
    high_res = args.hr and partners(args.hr, todo, scale)
    scorer = Scorer(downsample, border, low_res, high_res, args.max_pixels)
    rows, failed = _score_all(todo, scorer, args.quiet)
    if rows:
        _print(scorer.columns, rows)
        scorer.warn_of_other_operator()
    if args.csv and rows:
        failed += _write_csv(scorer.columns, rows, args)
    return 1 if failed else 0


def _operator(args):
    """Returns the operator, or None, and the border that is left out."""
    from keras_affsr_cli.models import load_downsample
    from keras_affsr_cli.usage_error import UsageError

    if not (args.lr or args.hr):
        raise UsageError("Give --lr, --hr or both, to compare --sr with.")
    downsample = load_downsample(args, alone=("scale",))
    if args.lr and downsample is None:
        raise UsageError(
            "--lr needs to know how it was made. Give --downsample with its "
            "settings, or --model."
        )
    scale = downsample.scale if downsample else args.scale
    if args.crop_border is not None:
        return downsample, args.crop_border
    if scale is None:
        raise UsageError(
            "The border to leave out is not known. Give --crop-border, or "
            "--scale, which it is by default."
        )
    return downsample, scale if isinstance(scale, int) else max(scale)


def _score_all(todo, scorer, quiet):
    from keras_affsr_cli.batch import say

    rows, failed = [], 0
    for number, place in enumerate(todo, start=1):
        if not quiet:
            print(f"[{number}/{len(todo)}] {place.name}", file=sys.stderr)
        try:
            rows.append((place.name, scorer(place)))
        except Exception as error:  # Of any kind: the others can be measured.
            failed += 1
            print(f"error: {say(error, place)}", file=sys.stderr)
    return rows, failed


def _print(columns, rows):
    from keras_affsr_cli.figures import table

    means = {name: _mean([row[name] for _, row in rows]) for name in columns}
    lines = [("name", *columns)]
    lines += [
        (name, *(_text(column, row[column]) for column in columns))
        for name, row in [*rows, (f"mean of {len(rows)}", means)]
    ]
    print(table(lines))


def _text(column, value):
    from keras_affsr_cli.figures import percent

    if column == "reproduced":
        return percent(value)
    if math.isnan(value):
        return "-"
    return f"{value:.2f}" if "psnr" in column else f"{value:.4f}"


def _mean(values):
    """Returns the mean of the images that have the figure."""
    known = [value for value in values if not math.isnan(value)]
    return sum(known) / len(known) if known else math.nan


def _write_csv(columns, rows, args):
    """Writes the CSV file; returns the number of failures."""
    from keras_affsr.upscale import ImageError
    from keras_affsr.upscale.write_image import check_target
    from keras_affsr.upscale.write_image import write_bytes

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["name", *columns])
    writer.writerows(
        [name, *(repr(float(row[column])) for column in columns)]
        for name, row in rows
    )
    try:
        check_target(args.csv, args.overwrite)
        write_bytes(args.csv, text.getvalue().encode(), args.overwrite)
    except ImageError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0
