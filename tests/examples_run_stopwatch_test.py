"""The seconds of a training that was stopped and gone on with."""

import json

import pytest
from run_stopwatch import Stopwatch

from tests.models_tiny import FIT
from tests.models_tiny import images
from tests.resume_tiny import make_plain

EARLIER = 1000.0  # Seconds, more than any test takes.


def train(path):
    watch = Stopwatch(path)
    make_plain().fit(images(), epochs=2, callbacks=[watch], **FIT)
    return watch.seconds


def test_the_seconds_of_all_starts_are_added_up(tmp_path):
    path = tmp_path / "seconds.json"
    first = train(path)
    assert 0 < first < EARLIER
    assert json.loads(path.read_text()) == {"seconds": first}
    path.write_text(json.dumps({"seconds": EARLIER}))
    assert EARLIER < train(path) < 2 * EARLIER
    assert Stopwatch(path).seconds == 0.0  # Before it is used.


def test_a_damaged_file_is_named(tmp_path):
    (tmp_path / "seconds.json").write_text("{")
    with pytest.raises(ValueError, match=r"seconds\.json is damaged"):
        train(tmp_path / "seconds.json")
