"""The contests of `make bench`, with contenders that do nothing much."""

import collections
import csv
import importlib
import os
import shutil
import time

import pytest

FOLDER = os.path.join(os.path.dirname(os.path.dirname(__file__)), "benchmarks")
TINY = '''
import os
import subprocess
import sys
import time


def scripted(path, name, seconds):
    """Says what it is told to, and writes down whose turn it is."""
    numbers = list(seconds)

    def turn():
        with open(path, "a") as file:
            file.write(name)
        print("This must not get between the answers.")
        return numbers.pop(0)

    turn.check = {"error": 1e-3}
    print("Nor this.", flush=True)
    os.system("echo Nor what others say.")
    return turn


def broken():
    raise ValueError("First line.\\nLast line.")


def broken_later():
    return scripted(os.devnull, "-", [1.0])  # And then there is none.


def killed():
    os.kill(os.getpid(), 9)


def slow(path):
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=-1)
    with open(path, "w") as file:
        file.write(f"{os.getpid()} {child.pid}")
    time.sleep(60)
'''


@pytest.fixture
def modules(monkeypatch, tmp_path):
    """Returns the modules, whose workers have only the contenders above."""
    monkeypatch.syspath_prepend(FOLDER)
    names = ("contest", "growth", "rows.row", "speed")
    loaded = [importlib.import_module(name) for name in names]
    shutil.copy(os.path.join(FOLDER, "worker.py"), tmp_path)
    (tmp_path / "contenders").mkdir()
    (tmp_path / "contenders" / "tiny.py").write_text(TINY)
    monkeypatch.setattr(loaded[0], "WORKER", str(tmp_path / "worker.py"))
    short = [name.split(".")[-1] for name in names]
    return collections.namedtuple("Modules", short)(*loaded)


def scripted(modules, path, name, seconds, work=1, unit="ms"):
    settings = {"path": str(path), "name": name, "seconds": seconds}
    return modules.contest.Contender(
        name, "tiny", "scripted", settings, work, unit
    )


def other(modules, function, **settings):
    return modules.contest.Contender(function, "tiny", function, settings)


def test_turns_are_interleaved(modules, tmp_path):
    path = tmp_path / "turns"
    contenders = [
        scripted(modules, path, "A", [1.0, 4.0, 2.0]),
        scripted(modules, path, "B", [3.0, 4.0, 8.0], work=2),
        scripted(modules, path, "C", [1.0, 1.0, 1.0]),
    ]
    results = modules.contest.contest(contenders, 3)
    assert path.read_text() == "ABCABCABC"
    assert list(results) == ["A", "B", "C"]
    a, b, _ = results.values()
    assert a.seconds == [1.0, 4.0, 2.0]
    assert a.check == {"error": 1e-3}
    assert a.error is None
    assert a.peak > 1
    assert 0 <= a.others <= 1
    assert modules.contest.median(a) == 2.0
    assert modules.contest.rate(a) == 2000.0
    # Of the rounds 3, 1 and 4; and B does twice as much. Not of the medians.
    assert modules.contest.ratio(a, b) == 1.5
    assert modules.contest.fastest(results, "").contender.label == "C"


def test_contenders_that_fail_are_left_out(modules, tmp_path):
    contenders = [
        scripted(modules, tmp_path / "turns", "A", [1.0, 2.0]),
        *(other(modules, name) for name in ("broken", "broken_later")),
        *(other(modules, name) for name in ("killed", "missing")),
    ]
    results = modules.contest.contest(contenders, 2)
    assert results["A"].seconds == [1.0, 2.0]
    errors = {name: result.error for name, result in results.items()}
    assert errors["broken"] == "ValueError: Last line."
    assert errors["broken_later"].startswith("IndexError: ")
    assert errors["killed"] == "its process ended with status -9"
    assert errors["missing"].startswith("AttributeError: ")
    assert results["broken_later"].seconds == []


def test_a_slow_contender_is_killed_with_its_children(
    modules, tmp_path, monkeypatch
):
    monkeypatch.setattr(modules.contest, "READY_SECONDS", 2)
    path = tmp_path / "pids"
    slow = other(modules, "slow", path=str(path))
    result = modules.contest.contest([slow], 1)["slow"]
    assert result.error == "no answer within 2 s"
    assert all(is_gone(pid) for pid in path.read_text().split())


def test_an_interruption_kills_all(modules, tmp_path, monkeypatch):
    path = tmp_path / "pids"

    def interrupted(self, _):
        while not (path.exists() and path.read_text()):
            time.sleep(0.05)
        raise KeyboardInterrupt

    monkeypatch.setattr(modules.contest.Worker, "receive", interrupted)
    with pytest.raises(KeyboardInterrupt):
        modules.contest.contest([other(modules, "slow", path=str(path))], 1)
    assert all(is_gone(pid) for pid in path.read_text().split())


def is_gone(pid):
    """Returns whether a process has ended, perhaps after a moment."""
    for _ in range(100):
        try:
            with open(f"/proc/{pid}/stat") as file:
                if file.read().rpartition(")")[2].split()[0] == "Z":
                    return True
        except OSError:
            return True
        time.sleep(0.05)
    return False


def test_tables(modules, tmp_path, monkeypatch):
    monkeypatch.setattr(modules.row, "DISTURBED", 2.0)  # Tests share machines.
    path = tmp_path / "turns"
    goals = (
        modules.row.Goal("Twice.", modules.row.speedup("A", "B"), 2),
        modules.row.Goal(
            "Little.", modules.row.overhead("B", "A"), 0.5, True, "{:.0%}"
        ),
        modules.row.Goal("C.", modules.row.speedup("A", "C"), 2),
    )
    contenders = [
        scripted(modules, path, "A", [1.0, 2.0], 3, "images/s"),
        scripted(modules, path, "B", [2.0, 4.0], 3, "images/s"),
        other(modules, "broken"),
    ]
    chosen = [
        modules.row.Row("row", contenders, goals),
        modules.row.Row("growth", contenders[:2], repeats=1, sizes=(1, 2)),
    ]
    report = modules.speed.run(chosen, 2, str(tmp_path), None)
    lines = (tmp_path / "table.csv").read_text().splitlines()
    table = list(csv.DictReader(x for x in lines if not x.startswith("#")))
    assert [line["contender"] for line in table] == ["A", "B", "broken"] + [
        *"AB"
    ]
    assert [line["rate"] for line in table[:3]] == ["2", "1", ""]
    assert [line["x ours"] for line in table[:3]] == ["1", "0.5", ""]
    assert table[2]["check"] == "not run: ValueError: Last line."
    assert [line[2:] for line in report.goals] == [
        ["2.00", "met (without broken)"],
        ["100%", "missed (without broken)"],
        ["-", "not run: No result of C."],
    ]
    page = (tmp_path / "table.md").read_text()
    assert page == modules.speed.markdown(report)
    for word in ("processor", "python", "threads", "took", "| growth | 1, 2 |"):
        assert word in page
    assert not list(tmp_path.glob("*.part"))


def test_no_goal_is_judged_on_a_busy_machine(modules):
    goal = modules.row.Goal("", None, 1)
    assert modules.row.verdict(goal, 2, 0.01) == "met"
    said = modules.row.verdict(goal, 2, 0.4)
    assert said == "not judged: others took 40% of the processors"


def test_exponents(modules):
    assert modules.growth.fit((1, 2, 4), (3, 12, 48)) == pytest.approx(2)


def test_all_rows_have_contenders_that_exist(modules):
    for group in modules.speed.GROUPS.values():
        for row in group:
            labels = [each.label for each in row.contenders]
            assert len(set(labels)) == len(labels)
            assert len(row.sizes) in (0, len(labels))
            for each in row.contenders:
                path = os.path.join(FOLDER, "contenders", f"{each.module}.py")
                with open(path) as file:
                    assert f"def {each.function}(" in file.read()
