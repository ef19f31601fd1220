import json
import subprocess
import sys

import numpy as np
import pytest

pytestmark = pytest.mark.slow

# Halves of a batch are added in another order: float32 rounding of numbers
# near one, in one update.
TOLERANCE = {"rtol": 1e-5, "atol": 2e-6}
POLICIES = ["float32", "mixed_float16", "mixed_bfloat16"]


@pytest.fixture(scope="module")
def results():
    """What `priors_replicas` printed: trainings on two replicas."""
    process = subprocess.run(
        [sys.executable, "-m", "tests.priors_replicas"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    return json.loads(process.stdout)


def test_two_replicas_follow_the_gradient_of_all_images(results):
    expected, found = results["expected"], results["float32"]
    np.testing.assert_allclose(
        found["weights"], expected["weights"], **TOLERANCE
    )
    for value in [*found["logs"], found["coarseness"]]:
        np.testing.assert_allclose(value, expected["loss"], **TOLERANCE)


@pytest.mark.parametrize("policy", POLICIES)
def test_all_policies_train_and_evaluate_on_two_replicas(results, policy):
    for values in results[policy].values():
        assert np.all(np.isfinite(values))
