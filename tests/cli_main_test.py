"""The command line itself: help, versions, and arguments that won't do."""

import os
import subprocess
import sys

import pytest

import keras_affsr
from keras_affsr.upscale import write_image
from tests.cli_tiny import run
from tests.upscale_tiny import low_res_image

HEAVY = ("tensorflow", "keras", "numpy", "PIL", "keras_affsr")
COMMANDS = ("upscale", "project", "evaluate", "export", "info")


@pytest.mark.parametrize("command", [(), *((name,) for name in COMMANDS)])
def test_help_imports_nothing_heavy(command):
    # That, and no clock of a busy machine, is why it answers in 0.05 s.
    script = f"""
import sys
from keras_affsr_cli.main import main
try:
    main([*{command!r}, "--help"])
except SystemExit as end:
    assert not end.code
print("imported:", [name for name in {HEAVY!r} if name in sys.modules])
"""
    result = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "usage: keras-affsr" in result.stdout
    assert result.stdout.endswith("imported: []\n")


def test_module_is_the_command():
    result = subprocess.run(
        [sys.executable, "-m", "keras_affsr_cli", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout == run("--help")[1]


def test_help_names_every_command():
    code, out, _ = run("--help")
    assert code == 0
    assert all(f"    {command} " in out for command in COMMANDS)


def test_version_is_that_of_the_package():
    code, out, _ = run("--version")
    assert (code, out) == (0, f"keras-affsr {keras_affsr.__version__}\n")


@pytest.mark.parametrize(
    "arguments, message",
    [
        ((), "the following arguments are required: COMMAND"),
        (("enlarge",), "invalid choice: 'enlarge'"),
        (("upscale", "a.png", "-o", "b"), "required: --model"),
        (("upscale", "a.png", "--model", "m.keras"), "required: -o/--output"),
        (
            ("upscale", "a.png", "-o", "b", "--model", "absent.keras"),
            "absent.keras is missing. Give a .keras file, or the folder",
        ),
        (("info",), "Give --model PATH, or image files"),
        (("evaluate", "--sr", "a"), "Give --lr, --hr or both"),
        (("evaluate", "--sr", "a", "--lr", "b"), "--lr needs to know how"),
        (("evaluate", "--sr", "a", "--hr", "b"), "Give --crop-border, or"),
        (
            ("evaluate", "--sr", "a", "--hr", "b", "--sigma", "1"),
            "--sigma needs --downsample",
        ),
        (
            ("project", "--sr", "a.png", "--lr", "b.png", "-o", "c"),
            "`project` has to know how low resolution was made",
        ),
        (
            ("upscale", "a.png", "-o", "b", "--model", "m", "--scale", "2"),
            "--scale needs --downsample",
        ),
        (
            ("export", "--model", "m", "-o", "o", "--warmup", "12"),
            "'12' is no list of sizes. Expected for instance 128x128",
        ),
        (
            ("export", "--model", "m", "-o", "o", "--format", "onnx",
             "--version", "2"),
            "--format onnx takes no --version",
        ),
        (
            ("export", "--model", "m", "-o", "o", "--overwrite"),
            "--format savedmodel takes no --overwrite",
        ),
    ],
)  # fmt: skip
def test_arguments_that_will_not_do_are_refused(arguments, message):
    code, out, err = run(*arguments)
    assert code == 2
    assert message in err
    assert out == ""


@pytest.mark.parametrize(
    "option, message",
    [
        (("--tile", "0"), "0 is not at least 1"),
        (("--seed", "-1"), "-1 is negative"),
        (("--strength", "1.5"), "1.5 is not from 0 to 1"),
        (("--noise-stddev", "0"), "0 is not above zero"),
        (("--bits", "12"), "invalid choice: 12"),
        (("--format", "gif"), "invalid choice: 'gif'"),
        (("--samples", "two"), "invalid count value: 'two'"),
    ],
)
def test_options_out_of_range_are_refused(option, message):
    arguments = ("upscale", "a.png", "-o", "b", "--model", "m.keras")
    code, _, err = run(*arguments, *option)
    assert code == 2
    assert message in err


@pytest.mark.parametrize(
    "flags, message",
    [
        (("bicubic", "--sigma", "1"), "--downsample bicubic takes no --sigma"),
        (("box", "--sigma", "2"), "--downsample box takes no --sigma"),
        (("area", "--kernel-size", "3"), "takes no --kernel-size"),
    ],
)
def test_settings_of_another_operator_are_refused(flags, message):
    code, _, err = run(
        "project", "--sr", "a.png", "--lr", "b.png", "-o", "c.png",
        "--downsample", *flags,
    )  # fmt: skip
    assert code == 2
    assert message in err


def test_files_that_are_no_models_are_refused(tmp_path):
    (tmp_path / "text.keras").write_text("no model")
    (tmp_path / "text.h5").write_text("no model")
    (tmp_path / "run").mkdir()
    for name, message in (
        ("text.keras", "text.keras cannot be loaded"),
        ("text.h5", "does not end in .keras"),
        ("run", os.path.join("run", "generator.keras") + " is missing"),
    ):
        code, _, err = run("info", "--model", tmp_path / name)
        assert code == 2
        assert message in err


@pytest.mark.slow
def test_a_reader_that_goes_away_is_no_error_to_trace(tmp_path):
    write_image(tmp_path / "a.png", low_res_image())
    with subprocess.Popen(
        [sys.executable, "-m", "keras_affsr_cli", "info", tmp_path / "a.png"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        process.stdout.close()  # As `head` does once it has seen enough.
        err = process.stderr.read()
    assert process.returncode == 1
    assert "Traceback" not in err
