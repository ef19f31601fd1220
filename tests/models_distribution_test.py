import json
import subprocess
import sys

import numpy as np
import pytest

pytestmark = pytest.mark.slow

# Halves of a batch are added in another order: float32 rounding of numbers
# near one, in two updates.
TOLERANCE = {"rtol": 1e-5, "atol": 2e-6}


@pytest.fixture(scope="module")
def results():
    """What `models_replicas` printed: trainings on one and two replicas."""
    process = subprocess.run(
        [sys.executable, "-m", "tests.models_replicas"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    return json.loads(process.stdout)


@pytest.mark.parametrize(
    ("name", "losses"),
    [("pixel", {"loss"}), ("gan", {"loss", "discriminator_loss"})],
)
def test_two_replicas_train_as_one_does(results, name, losses):
    assert results["replicas"] == 2
    one, two = results[name]
    names = losses | {"psnr"}
    assert one["logs"].keys() == names | {f"val_{each}" for each in names}
    assert two["logs"].keys() == one["logs"].keys()
    for key, value in one["logs"].items():
        np.testing.assert_allclose(two["logs"][key], value, **TOLERANCE)
    np.testing.assert_allclose(two["weights"], one["weights"], **TOLERANCE)


@pytest.mark.parametrize(
    "policy", ["float32", "mixed_float16", "mixed_bfloat16"]
)
def test_a_model_with_all_its_noise_trains_on_two_replicas(results, policy):
    assert np.all(np.isfinite(list(results[policy]["logs"].values())))
    assert np.all(np.isfinite(results[policy]["weights"]))


def test_replicas_have_noise_of_their_own(results):
    same, other = results["noise"]
    assert same == pytest.approx(0, abs=1e-6)
    # Of independent numbers of standard deviation one: the square root of two.
    assert other == pytest.approx(2**0.5, rel=0.1)


def test_samples_are_the_same_on_replicas(results):
    inside, outside, expected = (np.array(each) for each in results["samples"])
    assert inside.shape == (3, 3, 16, 16, 1)
    np.testing.assert_allclose(inside, expected, **TOLERANCE)
    np.testing.assert_allclose(outside, expected, **TOLERANCE)


def test_adaptive_noise_follows_the_loss_of_all_replicas(results):
    before, after = results["adapting"]["levels"]
    error = 1.0 - results["adapting"]["loss"]
    assert abs(error) > 0.01
    np.testing.assert_allclose(after, before * np.exp(0.5 * error), rtol=1e-5)


@pytest.mark.parametrize("model", ["pixel", "gan"])
@pytest.mark.parametrize(
    ("option", "used"),
    [("steps", "steps_per_execution=2"), ("jit", "jit_compile=True")],
)
def test_options_that_keras_cannot_do_are_refused(results, model, option, used):
    expected = f"with {used} under MirroredStrategy with 2 replicas"
    assert expected in results[f"{model} {option}"]


@pytest.mark.parametrize(
    "policy", ["float32", "mixed_float16", "mixed_bfloat16"]
)
def test_accumulation_of_gradients_is_refused(results, policy):
    expected = "compiled with gradient_accumulation_steps under Mirrored"
    assert expected in results[f"{policy} accumulating"]
