import json
import subprocess
import sys

import numpy as np
import pytest

pytestmark = pytest.mark.slow

# Halves of a batch are added in another order: float32 rounding of scores of
# size ten, in two updates.
TOLERANCE = {"rtol": 1e-4, "atol": 1e-5}


@pytest.fixture(scope="module")
def results():
    """What `models_guided_replicas` printed."""
    process = subprocess.run(
        [sys.executable, "-m", "tests.models_guided_replicas"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    return json.loads(process.stdout)


@pytest.mark.parametrize(
    ("name", "watched", "extra"),
    [
        ("denoiser", "score", {"rung": 2, "coarseness": 0.2}),
        ("density", "bits_per_dim", {}),
    ],
)
def test_two_replicas_train_as_one_does(results, name, watched, extra):
    assert results["replicas"] == 2
    one, two = results[name]
    names = {"loss", watched, "psnr"}
    names |= {f"val_{each}" for each in names}
    assert one["logs"].keys() == names | extra.keys()
    assert two["logs"].keys() == one["logs"].keys()
    for key, value in one["logs"].items():
        if key == "score":  # A root, taken of each half of the batch.
            continue
        np.testing.assert_allclose(two["logs"][key], value, **TOLERANCE)
    for key, value in extra.items():
        assert two["logs"][key] == pytest.approx(value)
    np.testing.assert_allclose(two["weights"], one["weights"], **TOLERANCE)


def test_an_untrained_denoiser_is_refused_on_replicas_too(results):
    assert "has not been trained" in results["untrained"]


@pytest.mark.parametrize(
    "policy", ["float32", "mixed_float16", "mixed_bfloat16"]
)
def test_a_denoiser_trains_on_two_replicas(results, policy):
    losses, rungs = results[policy]
    assert np.all(np.isfinite(losses))
    # After two and four steps, of eight from 0.5 to 0.1.
    np.testing.assert_allclose(rungs, [0.45, 0.35], rtol=1e-6)
