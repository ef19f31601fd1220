"""Work on images: projecting, enlarging, reading; and the command line."""

from contest import Contender
from contest import ratio

from rows.row import Goal
from rows.row import Row
from rows.row import speedup


def projection(size, goals=()):
    """Returns a row: images of 3 channels, of `size` pixels each way."""
    # Its conjugate gradients stop short of float32's accuracy; these do not.
    tight = {"solver": "lsqr", "tolerance": 1e-6}
    closed = {"solver": "closed_form"}
    kinds = [
        # Label, module, function, settings, the largest size in bearable time.
        ("ours", "projection_keras", "project", {}, 2048),
        ("deepinv, default", "projection_deepinv", "project", {}, 1024),
        ("deepinv, LSQR", "projection_deepinv", "project", tight, 1024),
        ("deepinv, two by FFT", "projection_deepinv", "project", closed, 2048),
        ("dense", "projection_keras", "dense", {"channels": 3}, 64),
        ("copy", "projection_keras", "copy", {}, 2048),
    ]
    contenders = [
        Contender(*names, {"size": size, **more}, 1e-6 * size**2, "Mpixel/s")
        for *names, more, largest in kinds
        if size <= largest
    ]
    repeats = 5 if size >= 256 else None  # The solver takes seconds.
    return Row(f"Projection, 3 x {size} x {size}", contenders, goals, repeats)


def slower_than_copy(results):
    return ratio(results["copy"], results["ours"])


SOLVER = Goal(
    "at least 50 times as fast as deepinv's A_dagger, equally consistent",
    speedup("ours", "deepinv, LSQR"),
    50,
    form="{:.0f}",
)
CLOSED_FORM = Goal(
    "times as fast as two of deepinv's closed forms, which are equally "
    "consistent and not the nearest image",
    speedup("ours", "deepinv, two by FFT"),
    None,
    form="{:.1f}",
)
NEAR_COPY = Goal(
    "at most 10 times as long as a copy",
    slower_than_copy,
    10,
    True,
    "{:.1f}",
)


def pseudo_inverse(function, label, repeats=None):
    return Row(
        f"Pseudo-inverse, {label}",
        [Contender("ours", "pseudo_inverse", function, {})],
        repeats=repeats,
    )


def upscaling(size, kinds, repeats=None):
    """Returns a row: a photograph, enlarged to `4 size` pixels each way."""
    sides = {"height": size, "width": size}
    contenders = [
        Contender(*names, {**sides, **more}, 16e-6 * size**2, "Mpixel/s")
        for *names, more in kinds
    ]
    name = f"Upscaling, 3 x {size} x {size} to {4 * size} x {4 * size}"
    return Row(name, contenders, repeats=repeats)


BFLOAT16 = {"dtype": "bfloat16"}
COMPILE = {"mode": "compile"}
BOTH = {**BFLOAT16, **COMPILE}
UPSCALERS = (
    ("ours, model", "upscale_keras", "predict", {}),
    ("ours, model, bfloat16", "upscale_keras", "predict", BFLOAT16),
    ("ours, upscale()", "upscale_keras", "upscale", {}),
    ("PyTorch, eager", "upscale_torch", "predict", {}),
    ("PyTorch, eager, bfloat16", "upscale_torch", "predict", BFLOAT16),
    ("PyTorch, compile", "upscale_torch", "predict", COMPILE),
    ("PyTorch, compile, bfloat16", "upscale_torch", "predict", BOTH),
)


def command(label, function, settings):
    contender = Contender("ours", "command_line", function, settings)
    return Row(f"Command line, {label}", [contender])


def reading(width, height, kind):
    settings = {"width": width, "height": height, "kind": kind}
    contenders = [
        Contender(*names, settings, 1, "images/s")
        for names in (
            ("ours, image_folder", "input_pipeline", "folder"),
            ("plain decoding", "input_pipeline", "plain"),
        )
    ]
    return Row(f"Reading, {kind}, {width} x {height}", contenders)


PROJECTION = (
    projection(64),
    projection(128),
    projection(256, (SOLVER, CLOSED_FORM)),
    projection(512),
    projection(1024),
    projection(2048, (NEAR_COPY,)),
)
PSEUDO_INVERSE = (
    pseudo_inverse("closed_form", "closed form"),
    pseudo_inverse("local", "local kernel, least squares"),
    pseudo_inverse("fitted", "local kernel, SGD", repeats=1),
)
UPSCALING = (
    upscaling(64, UPSCALERS),
    upscaling(1024, UPSCALERS, repeats=3),
)
COMMAND_LINE = (
    command("--help", "start", {"command": "--help"}),
    command("import of the package", "import_package", {}),
    command("project a PNG, 256 x 256", "project_file", {"size": 256}),
)
INPUT = tuple(
    reading(*size, kind)
    for size in ((178, 218), (500, 375))
    for kind in ("jpg", "png")
)
