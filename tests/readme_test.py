"""What the README shows runs as it is written."""

import pathlib
import re

import keras
import pytest

README = pathlib.Path(__file__).parent.parent / "README.md"
CONSISTENT = 1e-14  # The README's promise.


def python_blocks():
    return re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)


def test_the_two_lines_make_a_model_consistent(capsys):
    exec(python_blocks()[0], {})
    assert float(capsys.readouterr().out) <= CONSISTENT


@pytest.mark.slow
def test_a_model_of_any_package_upscales_and_is_exported(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    plain = keras.Sequential(
        [keras.Input((None, None, 3)), keras.layers.UpSampling2D(4)]
    )
    plain.save("plain.keras")
    exec(python_blocks()[1], {})
    assert capsys.readouterr().out.split("\n")[0] == "(200, 300, 3) 1.0"
    assert (tmp_path / "served" / "1" / "saved_model.pb").is_file()


def few_steps(program, epochs=1):
    """Returns a program that trains for so little that a test can wait."""
    assert "steps_per_epoch=" in program
    program = re.sub(r"steps_per_epoch=\d+", "steps_per_epoch=1", program)
    program = re.sub(r"steps, seed = \d+", "steps, seed = 1", program)
    return re.sub(r" epochs=\d+", f" epochs={epochs}", program)


@pytest.mark.slow
def test_the_trainings_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    names = {}
    _, _, gan, guided, own = python_blocks()
    exec(few_steps(gan), names)
    assert (tmp_path / "affgan.keras").stat().st_size > 0
    capsys.readouterr()
    exec(few_steps(guided), names)
    assert len(list((tmp_path / "ladder").glob("rung_*"))) == 1
    bits = float(capsys.readouterr().out.split()[-1])
    assert 6 < bits < 20  # Hardly trained yet.
    assert int(names["model"].optimizer.iterations) == 1
    (tmp_path / "photographs").mkdir()
    keras.utils.save_img(
        tmp_path / "photographs" / "astronaut.png",
        names["data"].photograph("astronaut"),
    )
    for done in (1, 2):  # Twice: it goes on.
        one = few_steps(own, epochs=done)
        exec(one, names)
    assert int(names["model"].optimizer.iterations) == 2
    log = (tmp_path / "run" / "log.csv").read_text().splitlines()
    assert [row.split(",")[0] for row in log] == ["epoch", "0", "1"]
