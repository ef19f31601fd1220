import csv
import json
import time

import numpy as np
import pytest

from tests.worker_processes import SECONDS
from tests.worker_processes import outcomes_of
from tests.worker_processes import results_of
from tests.worker_processes import start
from tests.worker_processes import start_two

pytestmark = pytest.mark.slow

# Halves of a batch are added in another order: float32 rounding of numbers
# near one, in four updates.
TOLERANCE = {"rtol": 1e-5, "atol": 4e-6}
PROGRAM = ("-m", "tests.training_workers")


@pytest.fixture(scope="module")
def devices():
    """What one device and two devices of a process came to."""
    return results_of([start((*PROGRAM, "devices", "nowhere"))])[0]


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    """Where the uninterrupted run of two workers wrote."""
    return tmp_path_factory.mktemp("whole")


@pytest.fixture(scope="module")
def workers(directory):
    """What each of two workers came to."""
    return results_of(start_two((*PROGRAM, "compare", directory)))


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """A run whose worker but for the chief is killed, and started again."""
    path = tmp_path_factory.mktemp("killed")
    begin = time.monotonic()
    outcomes = outcomes_of(start_two((*PROGRAM, "die", path), has_chief=True))
    seconds = time.monotonic() - begin
    resumed = results_of(start_two((*PROGRAM, "resume", path)))
    return outcomes, seconds, resumed, path


def assert_alike(one, other, **tolerance):
    for name in ("weights", "history"):
        assert (name in one) == (name in other)
    assert one["history"].keys() == other["history"].keys()
    for name, values in one["history"].items():
        np.testing.assert_allclose(other["history"][name], values, **tolerance)
    assert len(one["batches"]) == len(other["batches"]) == 4
    for logs, others in zip(one["batches"], other["batches"]):
        assert logs.keys() == others.keys()
        for name, value in logs.items():
            np.testing.assert_allclose(others[name], value, **tolerance)
    np.testing.assert_allclose(one["weights"], other["weights"], **tolerance)


@pytest.mark.parametrize("name", ["pixel", "gan"])
def test_two_devices_train_as_one_does(devices, name):
    one, two = devices
    assert (one["replicas"], two["replicas"]) == (1, 2)
    assert {"loss", "psnr", "val_loss", "val_psnr"} <= one[name][
        "history"
    ].keys()
    assert_alike(one[name], two[name], **TOLERANCE)


@pytest.mark.parametrize("name", ["pixel", "gan", "batch norm"])
def test_two_workers_train_as_two_devices_do(devices, workers, name):
    # With noise and batch norm, too: both are a replica's, wherever it is.
    for worker in workers:
        assert worker["replicas"] == 2
        assert_alike(devices[1][name], worker[name], **TOLERANCE)


@pytest.mark.parametrize("name", ["pixel", "gan", "batch norm"])
def test_workers_see_the_same_to_the_last_bit(workers, name):
    assert workers[0][name] == workers[1][name]


def test_statistics_are_means_of_those_of_the_replicas(devices, workers):
    one, two = (each["statistics"] for each in devices)
    # Means of halves are the mean of all. Of a variance they lack the part
    # that lies between the halves.
    np.testing.assert_allclose(two[0], one[0], rtol=1e-6)
    assert 0 < one[1] - two[1] < 0.01 * one[1]
    for worker in workers:
        np.testing.assert_allclose(worker["statistics"], two, rtol=1e-6)


def test_all_replicas_skip_a_step_where_one_overflows(devices, workers):
    for results in (devices[1], *workers):
        overflow = results["overflow"]
        assert overflow["after"] == overflow["before"]
        assert max(overflow["scales"]) < 2**15


def test_one_worker_is_the_chief(devices, workers):
    assert [each["chief"] for each in workers] == [True, False]
    assert all(each["chief"] for each in devices)


def test_one_worker_can_stop_all(workers):
    assert [each["stopped"] for each in workers] == [1, 1]


def test_workers_that_begin_unlike_are_refused(workers):
    expected = "Received: initial_epoch of 1, 0 on the replicas"
    for worker in workers:
        assert expected in worker["unlike"]
        assert "a file system that all of them see" in worker["unlike"]
        assert "checksum of weights of " in worker["unlike slots"]


def test_a_worker_says_that_the_other_one_was_killed(killed):
    (status, output, errors), (other_status, _, _) = killed[0]
    assert other_status == -9
    assert status == 1
    assert output == ""
    assert "`fit` stops on localhost:" in errors
    assert "worker 0 of 2, as another one cannot be reached" in errors
    assert "any more: worker 1." in errors
    assert "Start all workers again by the same command" in errors
    assert killed[1] < SECONDS


def test_workers_wait_for_each_other_unless_the_chief_ends():
    chief, other = outcomes_of(start_two((*PROGRAM, "wait", "nowhere")))
    assert chief[0] == -9
    status, output, errors = other
    assert status == 1
    # Of two flags, the first was set by the chief alone.
    assert json.loads(output) == [True, False]
    assert "`any_worker` stops on localhost:" in errors
    assert "worker 1 of 2, as another one cannot be reached" in errors
    assert "any more: worker 0." in errors


def test_a_run_goes_on_to_the_last_bit_after_a_worker_died(
    killed, workers, directory
):
    _, _, resumed, path = killed
    for one, other in zip(resumed, workers):
        assert one["run"]["epoch"] == 2
        assert one["run"]["weights"] == other["run"]["weights"]
        assert one["run"]["slots"] == other["run"]["slots"]
        assert one["run"]["rate"] == other["run"]["rate"] < 0.005
    log = (path / "log.csv").read_text()
    assert log == (directory / "log.csv").read_text()
    rows = list(csv.DictReader(log.splitlines()))
    assert [row["epoch"] for row in rows] == ["0", "1", "2", "3"]
    assert {"loss", "val_loss", "noise_stddev"} <= rows[0].keys()


def test_the_chief_alone_writes(directory):
    names = sorted(each.name for each in directory.iterdir())
    pictures = [f"epoch_{number:04d}.png" for number in range(1, 5)]
    assert names == ["checkpoints", *pictures, "log.csv"]
