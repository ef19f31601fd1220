"""The command `keras-affsr`: its arguments, and what it says when it ends."""

import argparse
import os
import sys

from keras_affsr_cli import evaluate
from keras_affsr_cli import export
from keras_affsr_cli import info
from keras_affsr_cli import project
from keras_affsr_cli import upscale
from keras_affsr_cli.usage_error import UsageError

COMMANDS = (upscale, project, evaluate, export, info)
FAILED, INTERRUPTED = 1, 130

DESCRIPTION = """\
Super-resolution that agrees with the measurement: downsample the result, and
you get your input back."""
EPILOG = """\
exit codes: 0 if all went well, 1 if a file failed, 2 for arguments that will
not do, 130 after Ctrl-C. A result is written whole or not at all."""


def main(arguments=None):
    """Runs a command of the command line.

    Args:
        arguments: list of strings. Defaults to those of the process.

    Returns:
        int. The exit code.
    """
    parser = _make_parser()
    args = parser.parse_args(arguments)
    # The models are TensorFlow's, which is quiet if told before its import.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    try:
        return args.run(args)
    except UsageError as error:
        parser.error(str(error))
    except KeyboardInterrupt:
        print("Interrupted. Nothing is left half written.", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # Of `keras-affsr ... | head`, say.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED


def _make_parser():
    parser = argparse.ArgumentParser(
        prog="keras-affsr",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action=_Version, nargs=0)
    commands = parser.add_subparsers(
        title="commands", metavar="COMMAND", required=True
    )
    for command in COMMANDS:
        command.add_parser(commands)
    return parser


class _Version(argparse.Action):
    """Prints the version, which is only looked up when it is asked for."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, help="print the version and exit", **kwargs)

    def __call__(self, parser, *args):
        from keras_affsr.version import __version__

        print(f"keras-affsr {__version__}")
        parser.exit()
