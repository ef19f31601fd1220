"""One piece of the Swiss roll example's work, in a process of its own.

The networks are so small that a training keeps one core busy and no more:
several at a time, with one thread each, are worth more than several threads.
"""

import os
import tempfile
import time

from swiss_roll_objectives import OBJECTIVES
from swiss_roll_objectives import points

BANDWIDTH = 0.2  # Of the density p_Y, a Gaussian KDE.
NUM_SAMPLES = 50_000  # Of p_Y, without noise.
NUM_TEST = 10_000  # Measurements for which H is estimated.
NUM_POSTERIORS = 200  # Of them, for which q(y | x) is sampled.
NUM_DRAWS = 2000  # Samples for each.
DENSITY_SEED, TEST_SEED = 10**6, 10**6 + 1  # No training has these.
ARROWS = 19  # Arrows of the score along each side of the figure.

LIMIT_STEPS = 0.03  # Of descent, for each of the longest training.


def set_up():
    """Gives each process one thread and no GPU, before its first work."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    import tensorflow as tf

    tf.config.set_visible_devices([], "GPU")  # Each would take all of it.
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)


def density_samples():
    return points(NUM_SAMPLES, DENSITY_SEED, noise_stddev=0.0)


def measurements():
    """Returns x of the test points, float32 `(NUM_TEST, 1)`."""
    return points(NUM_TEST, TEST_SEED).mean(axis=1, keepdims=True)


def posterior_measurements():
    """Returns x for which posteriors are compared, `(NUM_POSTERIORS, 1)`."""
    return measurements()[:NUM_POSTERIORS]


def run(name, seed, steps):
    """Trains one objective, or computes one limit.

    Returns:
        Dict with the name, the seconds, and `generated` `(NUM_TEST, 2)`;
        `draws` `(NUM_POSTERIORS, NUM_DRAWS, 2)` if the generator takes noise;
        `score` at the points `arrows()` if there is a denoiser.
    """
    start = time.perf_counter()
    if name.startswith("limit"):
        result = {"generated": _limit(float(name.split()[1]), steps)}
    else:
        result = _train(name, seed, steps)
    return {"name": name, "seconds": time.perf_counter() - start, **result}


def _limit(noise_stddev, steps):
    import numpy as np
    from swiss_roll_limit import kl_optimal_map
    from swiss_roll_truth import Truth
    from swiss_roll_truth import unrotate

    samples = density_samples()
    best = kl_optimal_map(
        Truth(samples, BANDWIDTH),
        samples,
        BANDWIDTH,
        noise_stddev,
        max(1, int(LIMIT_STEPS * steps)),
    )
    x = measurements()[:, 0]
    return unrotate(np.stack([x, best(x)], axis=-1))


def _train(name, seed, steps):
    import keras
    import numpy as np

    train, share, options = OBJECTIVES[name]
    keras.utils.set_random_seed(seed)
    with tempfile.TemporaryDirectory() as folder:
        model = train(seed, max(1, int(share * steps)), folder, **options)
    result = {"generated": np.asarray(model(measurements()))}
    if model.is_stochastic:
        draws = model.sample(
            posterior_measurements(), NUM_DRAWS, seed, batch_size=10_000
        )
        result["draws"] = np.swapaxes(draws, 0, 1)
    if hasattr(model, "denoiser"):
        result["score"] = np.asarray(model.denoiser.score(arrows()))
    return result


def arrows():
    """Returns the points at which the figure shows the score."""
    import numpy as np

    side = np.linspace(-8, 8, ARROWS, dtype="float32")
    return np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
