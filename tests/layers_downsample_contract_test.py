"""What Keras and a user may ask of any downsampling layer."""

import keras
import numpy as np
import pytest

from keras_affsr.layers import AffineProjection
from keras_affsr.layers import BoxDownsample
from keras_affsr.layers import GaussianDownsample
from keras_affsr.layers import LinearDownsample
from keras_affsr.layers import ResizeDownsample
from keras_affsr.layers import SeparableDownsample
from keras_affsr.layers.axis_matrix import DENSE_SIZE
from keras_affsr.layers.axis_matrix import PADDINGS
from keras_affsr.layers.downsample import Downsample
from tests import reference
from tests.layer_checks import noise
from tests.layer_checks import rebuilt
from tests.layer_checks import with_unknown_sizes

# Sums of at most a few hundred products of float32 numbers below one.
TOLERANCE = {"rtol": 0, "atol": 1e-6}

LAYERS = [
    lambda: GaussianDownsample((2, 4), (5, 9), (1.0, 2.5), "edge", name="g"),
    lambda: BoxDownsample(2, 3, padding="reflect", name="b"),
    lambda: ResizeDownsample((4, 3), "lanczos3", name="r"),
    lambda: SeparableDownsample([0.2, 0.5, 0.3], 2, "circular", name="s"),
    lambda: LinearDownsample([[1.0, 0.5, 0.0], [0.0, 0.5, 1.0]], name="l"),
]


@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("size", [(1, 3), (2, DENSE_SIZE + 5)])
def test_sizes_may_be_unknown_until_the_graph_runs(size, padding):
    layer = GaussianDownsample((2, 4), padding=padding)
    images = noise(2, 2 * size[0], 4 * size[1], 3)
    expected = layer(images)
    for jit_compile in (False, True):
        found = with_unknown_sizes(layer, images, jit_compile=jit_compile)
        np.testing.assert_allclose(found, expected, **TOLERANCE)
    inputs = keras.Input((None, None, 3))
    model = keras.Model(inputs, layer(inputs))
    assert model.output_shape == (None, None, None, 3)
    np.testing.assert_allclose(
        model.predict(images, verbose=0), expected, **TOLERANCE
    )


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_half_precision_policy_measures_in_float32(policy):
    images = noise(1, 8, 8, 3)
    expected = GaussianDownsample(scale=4)(images)
    keras.config.set_dtype_policy(policy)
    for layer in (
        GaussianDownsample(scale=4),
        GaussianDownsample(scale=4, dtype=policy),
        rebuilt(GaussianDownsample(scale=4)),
    ):
        shrunk = layer(images)
        assert keras.backend.standardize_dtype(shrunk.dtype) == "float32"
        np.testing.assert_array_equal(shrunk, expected)
        half = keras.ops.cast(images, policy.removeprefix("mixed_"))
        shrunk = layer(half)
        assert keras.backend.standardize_dtype(shrunk.dtype) == "float32"
        np.testing.assert_array_equal(
            shrunk, layer(keras.ops.cast(half, "float32"))
        )


def test_double_precision_is_kept_when_asked_for():
    images = noise(1, 8, 8, 1).astype("float64")
    layer = GaussianDownsample(scale=4, dtype="float64")
    taps = (layer.rows.taps,) * 2
    expected = reference.downsample(images, taps, (4, 4), "symmetric")
    np.testing.assert_allclose(layer(images), expected, rtol=1e-14)  # float64.


@pytest.mark.parametrize("make", LAYERS, ids=lambda make: make().name)
def test_the_config_makes_the_same_layer(make):
    layer = make()
    shape = (2, 3) if layer.name == "l" else (2, 8, 12, 3)
    np.testing.assert_array_equal(
        rebuilt(layer)(noise(*shape)), layer(noise(*shape))
    )


def test_the_scale_is_a_number_or_a_pair():
    assert GaussianDownsample(scale=4).scale == 4
    assert GaussianDownsample(scale=(2, 2)).scale == 2
    assert GaussianDownsample(scale=(2, 4)).scale == (2, 4)
    assert LinearDownsample([[0.5, 0.5]]).scale == 2


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: GaussianDownsample(0), "at least 1 as scale.*scale=0"),
        (lambda: GaussianDownsample(2.5), "whole number.*scale=2.5"),
        (lambda: GaussianDownsample((1, 2, 3)), r"pair \(rows, columns\)"),
        (lambda: GaussianDownsample("4x"), "needs a number as scale"),
        (lambda: GaussianDownsample(sigma=0), "positive sigma.*sigma=0"),
        (lambda: GaussianDownsample(padding="same"), "'same'.*'symmetric'"),
        (lambda: BoxDownsample(4, -1, name="me"), "`me`.*kernel_size=-1"),
        (lambda: ResizeDownsample(4, "nearest"), "'nearest'.*'bicubic'"),
        (lambda: SeparableDownsample([], 2), "list of finite numbers"),
        (lambda: SeparableDownsample([float("nan")], 2), "finite numbers"),
        (lambda: SeparableDownsample([[1], [1], [1]], 2), "pair of such"),
        (lambda: LinearDownsample([1.0, 2.0]), r"\(n_low, n_high\)"),
        (lambda: LinearDownsample([[1, 1], [2, 2]]), "1 of its 2 rows"),
        (lambda: LinearDownsample([[1, 1]])(noise(1, 3)), r"\(batch, ..., 2"),
    ],
)
def test_arguments_that_will_not_do_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_images_that_will_not_do_are_refused():
    layer = GaussianDownsample(scale=4)
    with pytest.raises(ValueError, match=r"images\[None\]"):
        layer(noise(8, 8, 3))
    with pytest.raises(ValueError, match=r"`images` as floats.*dtype int32"):
        layer(np.zeros((1, 8, 8, 3), "int32"))
    with pytest.raises(ValueError, match=r"width of 10 .*crop_to_multiple"):
        layer(noise(1, 8, 10, 3))
    with pytest.raises(ValueError, match="not a multiple of 4"):
        layer(keras.Input((9, None, 3)))


def test_an_unfinished_operator_says_what_is_missing():
    with pytest.raises(NotImplementedError, match="without a method `adjoint`"):
        Downsample(2).adjoint(noise(1, 1, 1, 1))


class EveryOther(Downsample):
    """What a user writes, by the docstring: keep every other pixel."""

    def __init__(self, **kwargs):
        super().__init__(scale=2, **kwargs)

    def apply(self, images):
        return images[:, ::2, ::2]

    def adjoint(self, low_res):
        spread = keras.ops.stack([low_res, 0.0 * low_res], axis=3)
        batch, height, width, _, channels = spread.shape
        rows = keras.ops.reshape(spread, (batch, height, 2 * width, channels))
        spread = keras.ops.stack([rows, 0.0 * rows], axis=2)
        return keras.ops.reshape(spread, (batch, 2 * height, -1, channels))

    def solve(self, low_res):
        return low_res

    def gram_condition(self, low_res_shape):
        return 1.0


def test_an_operator_of_the_user_s_own_is_projected_onto():
    low_res, guess = noise(2, 3, 5, 2), noise(2, 6, 10, 2, seed=1)
    projected = AffineProjection(EveryOther())(guess, low_res)
    np.testing.assert_allclose(
        projected[:, ::2, ::2], low_res, rtol=0, atol=1e-6
    )
    np.testing.assert_array_equal(projected[:, 1::2], guess[:, 1::2])
