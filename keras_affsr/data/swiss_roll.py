"""The Swiss roll: vectors of two values, whose density is known."""

import tensorflow as tf

from keras_affsr import checks
from keras_affsr.data.texture_patches import batch_numbers

OWNER = "swiss_roll"

# The paper's mu and sigma of nu_1, and the pitch of the spiral.
ANGLE_MEAN = 10.0
ANGLE_STDDEV = 3.0
PITCH = 0.4


def swiss_roll(
    batch_size=256, seed=0, noise_stddev=0.2, num_batches=None, start_batch=0
):
    """Makes a dataset of batches of points of a noisy Swiss roll.

        nu_1 ~ N(10, 3), nu_2 ~ N(0, noise_stddev)   (standard deviations)
        r = 0.4 nu_1 + nu_2
        y = (r cos(nu_1), r sin(nu_1))

    It is the paper's toy problem, with `x = (y_1 + y_2) / 2` as measurement:
    `LinearDownsample([[0.5, 0.5]])`. Batch `i` depends on `seed` and `i`
    alone, as with `texture_patches`.

    Args:
        batch_size: int. Points per batch. Defaults to 256.
        seed: int. Defaults to 0.
        noise_stddev: float. Standard deviation of the noise along the radius;
            0 for a curve without noise. Defaults to 0.2.
        num_batches: int or None. Length of the dataset, whose batches are the
            same in each epoch of `fit`; None for one without end. Defaults to
            None.
        start_batch: int. Number of the first batch, to go on where a run has
            stopped. Defaults to 0.

    Returns:
        `tf.data.Dataset` of float32 batches of static shape `(batch_size, 2)`.

    Raises:
        ValueError: If an argument will not do.

    Example:

    >>> import keras_affsr.data
    >>> points = keras_affsr.data.swiss_roll(batch_size=1000)
    >>> next(iter(points)).shape
    TensorShape([1000, 2])

    Reference:
     - [Sonderby et al., 2017](https://arxiv.org/abs/1610.04490), section 5.1,
       equations 33 to 35
    """
    batch_size = checks.check_count(batch_size, "batch_size", OWNER)
    seed = checks.check_count(seed, "seed", OWNER, least=0)
    noise_stddev = checks.check_not_negative(
        noise_stddev, "noise_stddev", OWNER
    )
    indices = batch_numbers(start_batch, num_batches, OWNER)

    def make_batch(index):
        key = tf.stack([tf.constant(seed, "int64"), index])
        normal = tf.random.stateless_normal((2, batch_size), key)
        angle = ANGLE_MEAN + ANGLE_STDDEV * normal[0]  # [batch]
        radius = PITCH * angle + noise_stddev * normal[1]  # [batch]
        return tf.stack(
            [radius * tf.cos(angle), radius * tf.sin(angle)], axis=-1
        )

    return indices.map(
        make_batch, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True
    ).prefetch(tf.data.AUTOTUNE)
