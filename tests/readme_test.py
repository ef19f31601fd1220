"""What the README shows runs as it is written."""

import pathlib
import re

import pytest

README = pathlib.Path(__file__).parent.parent / "README.md"
CONSISTENT = 1e-14  # The README's promise.


def python_blocks():
    return re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)


def test_the_two_lines_make_a_model_consistent(capsys):
    exec(python_blocks()[0], {})
    assert float(capsys.readouterr().out) <= CONSISTENT


@pytest.mark.slow
def test_the_training_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    program = python_blocks()[1]
    steps = "steps_per_epoch=100, epochs=20"
    assert steps in program
    exec(program.replace(steps, "steps_per_epoch=1, epochs=1"), {})
    assert (tmp_path / "affgan.keras").stat().st_size > 0
