"""Runs the command line as `python -m keras_affsr_cli`."""

import sys

from keras_affsr_cli.main import main

if __name__ == "__main__":
    sys.exit(main())
