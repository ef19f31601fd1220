import numpy as np
import pytest
import tensorflow as tf

from keras_affsr.data import swiss_roll

NUM_POINTS = 20_000
# Five standard errors of a mean or deviation over that many points.
STATISTICAL = 5 / np.sqrt(NUM_POINTS)
ROUNDING = 1e-5  # Of float32, for angles up to 25 radians.


def batch(**kwargs):
    dataset = swiss_roll(num_batches=1, **kwargs)
    return next(dataset.as_numpy_iterator())


def angles(points):
    """Returns nu_1 of points without noise, whose radius is 0.4 |nu_1|."""
    return np.linalg.norm(points, axis=1) / 0.4


def test_points_without_noise_lie_on_the_spiral():
    points = batch(batch_size=NUM_POINTS, noise_stddev=0.0)
    angle = angles(points)
    expected = 0.4 * angle * np.stack([np.cos(angle), np.sin(angle)])
    # A negative angle gives the mirrored point: (-r) cos(-nu) = -r cos(nu).
    mirrored = np.where(points[:, 0] * expected[0] < 0, -1, 1)
    expected = np.stack([mirrored * expected[0], expected[1]], axis=-1)
    np.testing.assert_allclose(points, expected, atol=10 * ROUNDING)


def test_the_angle_is_normal_with_mean_10_and_deviation_3():
    angle = angles(batch(batch_size=NUM_POINTS, noise_stddev=0.0))
    np.testing.assert_allclose(angle.mean(), 10, atol=3 * STATISTICAL)
    # The few angles below zero come out positive here, hence a bit more.
    np.testing.assert_allclose(angle.std(), 3, atol=3 * STATISTICAL)


def test_noise_moves_points_along_the_radius_alone():
    clean = batch(batch_size=NUM_POINTS, noise_stddev=0.0)
    noisy = batch(batch_size=NUM_POINTS, noise_stddev=0.2)
    direction = clean / np.linalg.norm(clean, axis=1, keepdims=True)
    offset = noisy - clean
    along = np.sum(offset * direction, axis=1)
    across = offset - along[:, None] * direction
    np.testing.assert_allclose(across, 0, atol=10 * ROUNDING)
    np.testing.assert_allclose(along.std(), 0.2, rtol=STATISTICAL)
    np.testing.assert_allclose(along.mean(), 0, atol=0.2 * STATISTICAL)


def test_a_batch_is_a_function_of_the_seed_and_its_number():
    first = list(swiss_roll(8, seed=3, num_batches=3).as_numpy_iterator())
    endless = swiss_roll(8, seed=3)
    for number, expected in enumerate(first):
        (found,) = endless.skip(number).take(1).as_numpy_iterator()
        np.testing.assert_array_equal(found, expected)
    assert not np.any(first[0] == first[1])
    assert not np.any(first[0] == batch(batch_size=8, seed=4))


def test_start_batch_goes_on_where_another_dataset_stopped():
    whole = swiss_roll(8, seed=3, num_batches=7).as_numpy_iterator()
    rest = swiss_roll(8, seed=3, num_batches=4, start_batch=3)
    np.testing.assert_array_equal(
        list(rest.as_numpy_iterator()), list(whole)[3:]
    )
    endless = swiss_roll(8, seed=3, start_batch=3)
    first = next(rest.as_numpy_iterator())
    np.testing.assert_array_equal(next(endless.as_numpy_iterator()), first)


def test_batches_have_a_static_shape():
    spec = swiss_roll(batch_size=5).element_spec
    assert spec == tf.TensorSpec((5, 2), tf.float32)


@pytest.mark.parametrize(
    "kwargs, message",
    [
        ({"batch_size": 0}, "`swiss_roll` needs a whole number of at least 1"),
        ({"seed": -1}, "at least 0 as seed"),
        ({"noise_stddev": -0.1}, "noise_stddev of zero or more"),
        ({"start_batch": -1}, "at least 0 as start_batch"),
        ({"num_batches": 1.5}, "as num_batches. Received: num_batches=1.5"),
    ],
)
def test_bad_arguments_are_refused(kwargs, message):
    with pytest.raises(ValueError, match=message):
        swiss_roll(**kwargs)
