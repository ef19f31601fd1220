"""The projection into [0, 1], against a slow one, and what it promises."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.optimize import lsq_linear

from keras_affsr import data
from keras_affsr.layers import AffineProjection
from keras_affsr.layers import BoxDownsample
from keras_affsr.layers import GaussianDownsample
from keras_affsr.layers import RangeProjection
from keras_affsr.layers import ResizeDownsample
from keras_affsr.layers import SeparableDownsample
from keras_affsr.layers import unmatched
from keras_affsr.layers.reduce_error import largest_eigenvalue
from tests.layer_checks import noise
from tests.layer_checks import rebuilt
from tests.layer_checks import with_unknown_sizes

# Two projections of one image, each iterated until `A y` is off by 1e-5 and no
# further; the kernel's pseudo-inverse magnifies it.
NEWTON = 2e-4
AGREES = 1e-5  # Of A y, as the layer promises.
OPERATORS = {
    "gaussian": GaussianDownsample(scale=4),
    "uneven": GaussianDownsample(scale=(2, 4)),
    "box": BoxDownsample(scale=2),
    "bicubic": ResizeDownsample(scale=3),
}


def dense(downsample, height, width):
    """Returns the matrix of an operator on images of one channel."""
    units = np.eye(height * width, dtype="float32")
    units = units.reshape(-1, height, width, 1)
    shrunk = np.asarray(downsample(units), "float64")
    return shrunk.reshape(len(units), -1).T


def dykstra(matrix, guess, low_res, slack, sweeps):
    """Finds the nearest point of an intersection by projecting in turns.

    One set is the box, and for each sample of the measurement there is a slab,
    `|a y - x| <= slack`.
    """
    point = guess.astype("float64")
    squares = np.sum(matrix**2, axis=1)
    corrections = np.zeros((len(matrix) + 1, len(point)))
    for _ in range(sweeps):
        for number in range(len(corrections)):
            start = point + corrections[number]
            if number == len(matrix):
                point = np.clip(start, 0.0, 1.0)
            else:
                error = low_res[number] - matrix[number] @ start
                beyond = np.sign(error) * max(abs(error) - slack, 0.0)
                point = start + matrix[number] * beyond / squares[number]
            corrections[number] = start - point
    return point


def hard_case(downsample, size, seed=0):
    """Returns a guess that leaves [0, 1], and the measurement of an image.

    A third of the image's pixels are black or white, and more of the guess's
    are outside of the range.
    """
    random = np.random.default_rng(seed)
    shape = (1, *size, 1)
    truth = np.clip(random.normal(0.5, 0.5, shape), 0, 1).astype("float32")
    guess = truth + random.normal(0, 0.4, shape).astype("float32")
    return guess, np.asarray(downsample(truth)), truth


@pytest.mark.parametrize("name", OPERATORS)
@pytest.mark.parametrize("bits", [None, 8])
def test_it_is_the_nearest_image_as_projecting_in_turns_finds_it(name, bits):
    downsample = OPERATORS[name]
    guess, low_res, _ = hard_case(downsample, (12, 12))
    layer = RangeProjection(downsample, bits)
    if bits:  # The nearest of all, which the layer then rounds.
        low_res = np.rint(low_res * 255) / np.float32(255)
    matrix = dense(downsample, 12, 12)
    slack = 0.3 / 255 if bits else 0.0
    expected = dykstra(
        matrix, guess.ravel(), low_res.astype("float64").ravel(), slack, 4000
    )
    found = np.asarray(layer(guess, low_res))
    level = 1 / 255 if bits else 0.0
    np.testing.assert_allclose(
        found.ravel(), expected, rtol=0, atol=NEWTON + level
    )


@pytest.mark.parametrize("name", OPERATORS)
def test_the_result_is_in_range_and_agrees(name):
    downsample = OPERATORS[name]
    guess, low_res, _ = hard_case(downsample, (48, 36))
    images = np.asarray(RangeProjection(downsample)(guess, low_res))
    assert images.min() >= 0 and images.max() <= 1
    np.testing.assert_allclose(downsample(images), low_res, rtol=0, atol=AGREES)


@pytest.mark.parametrize("name", OPERATORS)
def test_no_image_that_agrees_is_nearer(name):
    # P is the nearest point of a convex set if and only if the way on to the
    # guess makes no acute angle with the way to any other point of the set.
    downsample = OPERATORS[name]
    guess, low_res, truth = hard_case(downsample, (24, 24))
    layer = RangeProjection(downsample)
    images = np.asarray(layer(guess, low_res))
    for seed in range(2):
        other = truth + 0.5 * noise(*truth.shape, seed=seed) - 0.25
        other = np.asarray(layer(other, low_res))
        angle = np.sum((guess - images) * (other - images))
        assert angle <= NEWTON * np.sum(np.abs(guess - images))


@pytest.mark.parametrize("bits", [None, 8, 16])
def test_an_image_that_agrees_stays_as_it_is(bits):
    downsample = OPERATORS["gaussian"]
    white = 2**bits - 1 if bits else 1
    truth = noise(2, 24, 20, 3)
    truth = np.rint(truth * white) / np.float32(white) if bits else truth
    low_res = np.asarray(downsample(truth))
    if bits:
        # Less than 0.3 of a level is no reason to change anything.
        near = np.abs(low_res * white - np.rint(low_res * white)) < 0.3
        rounded = np.rint(low_res * white) / np.float32(white)
        low_res = np.where(near, rounded, low_res).astype("float32")
    images = RangeProjection(downsample, bits)(truth, low_res)
    np.testing.assert_allclose(images, truth, rtol=0, atol=1e-7)


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("name", OPERATORS)
def test_the_rounded_image_gives_back_the_rounded_measurement(name, bits):
    downsample, white = OPERATORS[name], np.float32(2**bits - 1)
    guess, low_res, _ = hard_case(downsample, (48, 36))
    integers = np.rint(low_res * white)
    low_res = integers / white
    guess = AffineProjection(downsample)(guess, low_res)
    images = np.asarray(RangeProjection(downsample, bits)(guess, low_res))
    # A file of it holds the very same numbers.
    held = np.rint(images * white)
    np.testing.assert_array_equal(held / white, images)
    matrix = dense(downsample, 48, 36)
    shrunk = matrix @ (held.astype("float64").ravel() / float(white))
    np.testing.assert_array_equal(
        np.rint(shrunk * float(white)), integers.ravel()
    )


def test_eight_bits_of_an_image_agree_with_sixteen_of_the_measurement():
    # The result has levels that are 257 times as coarse: a mean of 64 pixels
    # can be met to a few of the fine ones, not to half of one.
    downsample = BoxDownsample(scale=8)
    low_res = np.asarray(downsample(noise(1, 32, 32, 1, seed=1)))
    low_res = np.rint(low_res * 65535) / np.float32(65535)
    guess = AffineProjection(downsample)(noise(1, 32, 32, 1), low_res)
    layer = RangeProjection(downsample, bits=8, low_res_bits=16)
    images = np.asarray(layer(guess, low_res))
    np.testing.assert_array_equal(
        np.rint(images * 255) / np.float32(255), images
    )
    error = np.asarray(downsample(images)) - low_res
    rounded = np.rint(np.asarray(guess) * 255) / np.float32(255)
    of_rounding = np.asarray(downsample(rounded)) - low_res
    assert np.mean(error**2) <= np.mean(of_rounding**2)
    assert np.abs(error).max() <= 0.5 / 255


def test_an_overshoot_leads_to_an_image_that_comes_close():
    downsample = OPERATORS["gaussian"]
    low_res = np.full((1, 8, 8, 1), 0.5, "float32")
    low_res[0, 3:5, 3:5] = 1.2  # No mean of values in [0, 1].
    guess = np.asarray(
        AffineProjection(downsample)(noise(1, 32, 32, 1), low_res)
    )
    images = np.asarray(RangeProjection(downsample)(guess, low_res))
    assert images.min() >= 0 and images.max() <= 1
    missed = np.asarray(unmatched(downsample, images, low_res))
    assert missed[0, 3:5, 3:5].all()
    error = np.sum((np.asarray(downsample(images)) - low_res) ** 2)
    matrix = dense(downsample, 32, 32)
    best = lsq_linear(matrix, low_res.ravel().astype("float64"), (0, 1))
    assert error <= 1.05 * 2 * best.cost
    clipped = np.clip(guess, 0, 1)
    worse = np.sum((np.asarray(downsample(clipped)) - low_res) ** 2)
    assert error < worse / 2


@pytest.mark.parametrize("bits", [None, 8])
def test_an_image_does_not_depend_on_the_others_of_its_batch(bits):
    downsample = OPERATORS["gaussian"]
    cases = [hard_case(downsample, (16, 16), seed) for seed in range(3)]
    guess, low_res, _ = (np.concatenate(parts) for parts in zip(*cases))
    if bits:
        low_res = np.rint(low_res * 255) / np.float32(255)
    layer = RangeProjection(downsample, bits)
    together = np.asarray(layer(guess, low_res))
    alone = [layer(guess[i : i + 1], low_res[i : i + 1]) for i in range(3)]
    # The sums of a batch are added in another order.
    level = 1 / 255 if bits else 0.0
    np.testing.assert_allclose(
        together, np.concatenate(alone), rtol=0, atol=NEWTON + level
    )


def test_photographs_are_given_back_by_eight_bits_to_the_last_bit():
    downsample = OPERATORS["gaussian"]
    truth = data.photograph("astronaut")[None, :256, 128:384]
    low_res = np.rint(np.asarray(downsample(truth)) * 255) / np.float32(255)
    guess = tf.image.resize(low_res, (256, 256), "bicubic")
    guess = AffineProjection(downsample)(guess, low_res)
    clipped = np.rint(np.clip(guess, 0, 1) * 255) / np.float32(255)
    assert np.any(unmatched(downsample, clipped, low_res, 8))
    images = np.asarray(RangeProjection(downsample, 8)(guess, low_res))
    assert not np.any(unmatched(downsample, images, low_res, 8))
    # And that is no loss to the image.
    psnr = keras.ops.convert_to_numpy(tf.image.psnr(images, truth, 1.0))
    assert psnr >= tf.image.psnr(tf.constant(guess), truth, 1.0) - 0.02


@pytest.mark.slow
def test_unknown_sizes_give_what_known_ones_do():
    downsample = OPERATORS["gaussian"]
    guess, low_res, _ = hard_case(downsample, (16, 24))
    layer = RangeProjection(downsample)
    np.testing.assert_allclose(
        with_unknown_sizes(layer, guess, low_res),
        layer(guess, low_res),
        rtol=0,
        atol=NEWTON,
    )


def test_it_ends_a_model_that_is_saved_and_loaded(tmp_path):
    downsample = OPERATORS["gaussian"]
    inputs = keras.Input((None, None, 1))
    guess = keras.layers.UpSampling2D(4)(inputs)
    guess = AffineProjection(downsample)(guess, inputs)
    outputs = RangeProjection(downsample, bits=8)(guess, inputs)
    model = keras.Model(inputs, outputs)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    low_res = np.rint(noise(2, 5, 7, 1) * 255) / np.float32(255)
    made = loaded.predict(low_res, verbose=0)
    np.testing.assert_array_equal(made, model.predict(low_res, verbose=0))
    assert made.shape == (2, 20, 28, 1)


def test_its_config_makes_another_one():
    layer = RangeProjection(GaussianDownsample(2), 8, 16, name="to_file")
    clone = rebuilt(layer)
    assert (clone.bits, clone.low_res_bits, clone.name) == (8, 16, "to_file")
    assert clone.downsample.scale == 2
    assert RangeProjection(GaussianDownsample(2), 16).low_res_bits == 16


def test_half_precision_does_not_reach_it():
    keras.config.set_dtype_policy("mixed_float16")
    downsample = GaussianDownsample(scale=4)
    guess, low_res, _ = hard_case(downsample, (16, 16))
    images = RangeProjection(downsample)(guess.astype("float16"), low_res)
    assert keras.backend.standardize_dtype(images.dtype) == "float32"
    np.testing.assert_allclose(downsample(images), low_res, rtol=0, atol=AGREES)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"bits": 12}, r"bits=12. Expected one of None, 8, 16"),
        ({"bits": 8, "low_res_bits": 10}, r"low_res_bits=10"),
        ({"low_res_bits": 8}, r"bits=None and low_res_bits=8. Give bits=8"),
        ({"downsample": "bicubic"}, "needs a Downsample as downsample"),
    ],
)
def test_settings_that_will_not_do_are_refused(arguments, message):
    arguments = {"downsample": OPERATORS["box"], **arguments}
    with pytest.raises(ValueError, match=message):
        RangeProjection(**arguments)


def test_images_that_do_not_fit_are_refused():
    layer = RangeProjection(OPERATORS["gaussian"], name="to_file")
    with pytest.raises(
        ValueError, match="`to_file` received a guess and a low"
    ):
        layer(noise(1, 16, 16, 1), noise(1, 5, 4, 1))
    with pytest.raises(ValueError, match=r"`to_file`.*uint8"):
        layer(np.zeros((1, 16, 16, 1), "uint8"), noise(1, 4, 4, 1))


def test_unmatched_counts_half_a_level_and_more():
    downsample = BoxDownsample(scale=2)
    low_res = np.full((1, 2, 2, 1), 100 / 255, "float32")
    images = np.full((1, 4, 4, 1), 100 / 255, "float32")
    images[0, 0, 0] = 103 / 255  # A mean of 100.75.
    images[0, 2, 0] = 101 / 255  # Of 100.25.
    images[0, 2, 2:] = 102 / 255  # Of 101.
    found = np.asarray(unmatched(downsample, images, low_res, 8))[0, ..., 0]
    np.testing.assert_array_equal(found, [[True, False], [False, True]])


def test_an_operator_with_large_negative_weights_is_met_too():
    kernel = np.array([-1.0, 3.0, 3.0, -1.0]) / 4
    downsample = SeparableDownsample(kernel, 2)
    guess, low_res, _ = hard_case(downsample, (24, 24))
    images = np.asarray(RangeProjection(downsample)(guess, low_res))
    assert images.min() >= 0 and images.max() <= 1
    error = np.asarray(downsample(images)) - low_res
    clipped = np.asarray(downsample(np.clip(guess, 0, 1))) - low_res
    assert np.mean(error**2) <= 1e-4 * np.mean(clipped**2)


@pytest.mark.parametrize("method", ["bicubic", "bilinear", "lanczos3", None])
def test_no_eigenvalue_is_larger_than_the_bound_on_them(method):
    downsample = ResizeDownsample(3, method) if method else OPERATORS["box"]
    size = 24
    largest = np.linalg.norm(dense(downsample, size, size), 2) ** 2
    low_res = downsample(np.zeros((1, size, size, 1), "float32"))
    bound = np.asarray(largest_eigenvalue(downsample, low_res))[0, 0, 0, 0]
    assert largest <= bound <= 1.25 * largest
