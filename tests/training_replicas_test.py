"""Clipped gradients, guided models and priors on two devices and processes."""

import numpy as np
import pytest

from tests.worker_processes import results_of
from tests.worker_processes import start
from tests.worker_processes import start_two

pytestmark = pytest.mark.slow

PROGRAM = ("-m", "tests.training_replicas")
LIMITS = ("clipnorm", "global_clipnorm", "clipvalue")
GUIDED = ("by denoiser", "by density")
PRIORS = ("denoiser", "pixel_cnn")
# Halves of a batch are added in another order: float32 rounding, and of scores
# of size ten in those that are guided.
TOLERANCE = {"rtol": 1e-4, "atol": 1e-5}
# Of mixed_float16: 11 bits of each gradient's mantissa, before it is added.
HALF = {"rtol": 0, "atol": 2e-4}


@pytest.fixture(scope="module")
def devices():
    """What one device and two devices of a process came to."""
    return results_of([start((*PROGRAM, "devices"))])[0]


@pytest.fixture(scope="module")
def workers():
    """What each of two workers came to."""
    return results_of(start_two((*PROGRAM, "workers")))


def assert_alike(one, other, **tolerance):
    assert one["history"].keys() == other["history"].keys()
    for name, values in one["history"].items():
        if name == "score":  # A root, taken of each half of the batch.
            continue
        np.testing.assert_allclose(other["history"][name], values, **tolerance)
    np.testing.assert_allclose(one["weights"], other["weights"], **tolerance)


@pytest.mark.parametrize("name", [*LIMITS, *GUIDED])
def test_two_devices_train_as_one_does(devices, name):
    one, two = devices
    assert_alike(one[name], two[name], **TOLERANCE)


def test_gradients_are_clipped_in_half_precision_too(devices):
    one, two = devices
    assert_alike(one["scaled"], two["scaled"], **HALF)
    # What is told apart: without a limit steps are fifty times as long.
    free = np.subtract(one["none"]["weights"], one["scaled"]["weights"])
    assert np.max(np.abs(free)) > 100 * HALF["atol"]


@pytest.mark.parametrize("name", [*LIMITS, "scaled", *GUIDED, *PRIORS])
def test_two_workers_train_as_two_devices_do(devices, workers, name):
    # The noise of priors is a replica's, wherever it is.
    for worker in workers:
        tolerance = HALF if name == "scaled" else TOLERANCE
        assert_alike(devices[1][name], worker[name], **tolerance)


@pytest.mark.parametrize("name", [*LIMITS, "scaled", *GUIDED, *PRIORS])
def test_workers_see_the_same_to_the_last_bit(workers, name):
    assert workers[0][name] == workers[1][name]


@pytest.mark.parametrize("name", PRIORS)
def test_priors_learn_on_two_devices(devices, name):
    losses = devices[1][name]["history"]["loss"]
    assert np.all(np.isfinite(losses))
    assert losses[-1] < losses[0]


def test_a_guided_model_climbs_its_ladder_on_two_devices(devices):
    one, two = devices
    for name in ("rung", "coarseness"):
        found = two["by denoiser"]["history"][name]
        np.testing.assert_allclose(found, one["by denoiser"]["history"][name])
    assert two["by denoiser"]["history"]["rung"] == [2, 3]
