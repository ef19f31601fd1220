"""Trained models of any kind, made consistent."""

import keras
import numpy as np
import pytest
from keras import layers
from keras import ops

from keras_affsr.layers import BoxDownsample
from keras_affsr.layers import GaussianDownsample
from keras_affsr.layers import PseudoInverseUpsample
from keras_affsr.layers import SubPixel
from keras_affsr.networks import make_consistent
from keras_affsr.upscale import Upscaler

# Of A y - x for images near one, in float32; layers promise a mean square of
# 1e-14.
ROUNDING = 1e-6
# Relative, of sums of hundreds of squares.
DISTANCE_ROUNDING = 1e-5

DOWNSAMPLE = GaussianDownsample(scale=2)


def image(height=6, width=5, channels=3, seed=0):
    shape = (2, height, width, channels)
    return np.random.default_rng(seed).random(shape, "float32")


def functional(size=None, channels=3):
    inputs = keras.Input((size, size, channels))
    tensor = layers.Conv2D(4 * channels, 3, padding="same")(inputs)
    return keras.Model(inputs, SubPixel(2)(tensor), name="functional")


def sequential():
    return keras.Sequential(
        [layers.Conv2D(12, 3, padding="same"), SubPixel(2)], name="sequential"
    )


@keras.saving.register_keras_serializable(package="keras_affsr_tests")
class Subclassed(keras.Model):
    """A model of a user's own."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.convolution = layers.Conv2D(12, 3, padding="same")
        self.shuffle = SubPixel(2)

    def build(self, input_shape):
        self.convolution.build(input_shape)
        self.built = True

    def call(self, images):
        return self.shuffle(self.convolution(images))


def called(model):
    model(image())
    return model


def make_all():
    return {
        "functional": make_consistent(functional(), DOWNSAMPLE),
        "sequential": make_consistent(called(sequential()), DOWNSAMPLE),
        "not built": make_consistent(sequential(), DOWNSAMPLE, channels=3),
        "subclassed": make_consistent(called(Subclassed()), DOWNSAMPLE),
        "not called": make_consistent(Subclassed(), DOWNSAMPLE, channels=3),
    }


KINDS = ("functional", "sequential", "not built", "subclassed", "not called")


@pytest.mark.parametrize("kind", KINDS)
def test_the_output_downsamples_to_the_input(kind):
    model = make_all()[kind]
    for low_res in (image(), image(9, 4)):
        error = DOWNSAMPLE(model(low_res)) - low_res
        np.testing.assert_allclose(error, 0, atol=ROUNDING)


def test_it_is_the_nearest_such_image_to_the_models_own():
    plain = functional()
    low_res = image()
    guess = plain(low_res)
    expected = guess + PseudoInverseUpsample(DOWNSAMPLE)(
        low_res - DOWNSAMPLE(guess)
    )
    found = make_consistent(plain, DOWNSAMPLE)(low_res)
    np.testing.assert_allclose(found, expected, atol=ROUNDING, rtol=0)


def test_no_image_that_was_measured_is_further_away_than_before():
    plain = functional()
    truth = image(12, 10)
    low_res = DOWNSAMPLE(truth)
    model = make_consistent(plain, DOWNSAMPLE)
    before = (np.asarray(plain(low_res) - truth) ** 2).sum(axis=(1, 2, 3))
    after = (np.asarray(model(low_res) - truth) ** 2).sum(axis=(1, 2, 3))
    # By Pythagoras: what is taken away is what the projection moves.
    moved = (np.asarray(model(low_res) - plain(low_res)) ** 2).sum((1, 2, 3))
    np.testing.assert_allclose(before - after, moved, rtol=DISTANCE_ROUNDING)
    assert np.all(moved > 1)


def test_the_model_sees_and_makes_its_own_range():
    plain = functional()
    plain.layers[1].set_weights([1e-2 * np.ones((3, 3, 3, 12)), np.ones(12)])
    low_res = image()
    model = make_consistent(plain, DOWNSAMPLE, value_range=(-3, 255))
    own = (plain(258 * low_res - 3) + 3) / 258
    expected = own + PseudoInverseUpsample(DOWNSAMPLE)(
        low_res - DOWNSAMPLE(own)
    )
    np.testing.assert_allclose(model(low_res), expected, atol=ROUNDING, rtol=0)


@pytest.mark.parametrize("kind", KINDS)
def test_it_saves_and_loads_whatever_is_inside(kind, tmp_path):
    model = make_all()[kind]
    model.compile("adam", "mse")
    model.train_on_batch(image(), image(12, 10))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(image()), model(image()))
    for mine, theirs in zip(
        loaded.optimizer.variables, model.optimizer.variables, strict=True
    ):
        np.testing.assert_array_equal(mine, theirs)


def test_it_shares_its_weights_with_the_model_and_is_trained():
    plain = functional()
    model = make_consistent(plain, DOWNSAMPLE)
    before = plain.get_weights()
    model.compile("sgd", "mse")
    model.train_on_batch(image(), image(12, 10))
    assert not np.array_equal(plain.get_weights()[0], before[0])


@pytest.mark.parametrize("kind", KINDS)
def test_it_upscales_as_any_generator(kind):
    values = np.random.default_rng(0).integers(100, 140, (6, 5, 3), "uint8")
    upscaled = Upscaler(make_all()[kind])(values)
    assert upscaled.reproduced == 1.0


def test_a_functional_one_is_cut_in_tiles():
    assert Upscaler(make_all()["functional"]).halo == (1, 1)
    assert Upscaler(make_all()["sequential"]).halo == (1, 1)
    assert Upscaler(make_all()["subclassed"]).halo is None


def test_fixed_sizes_stay_fixed():
    model = make_consistent(functional(8, 1), BoxDownsample(2))
    assert model.input_shape == (None, 8, 8, 1)
    assert model.output_shape == (None, 16, 16, 1)
    low_res = image(8, 8, 1)
    error = BoxDownsample(2)(model(low_res)) - low_res
    np.testing.assert_allclose(error, 0, atol=ROUNDING)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
@pytest.mark.parametrize("value_range", [(0, 1), (0, 255)])
def test_half_precision_inside_is_as_consistent(policy, value_range):
    keras.config.set_dtype_policy(policy)
    model = make_consistent(functional(), DOWNSAMPLE, value_range=value_range)
    made = model(image())
    assert made.dtype == "float32"
    np.testing.assert_allclose(DOWNSAMPLE(made), image(), atol=ROUNDING)


def test_it_compiles():
    model = make_consistent(functional(), DOWNSAMPLE)
    model.compile(jit_compile=True)
    np.testing.assert_allclose(
        model.predict_on_batch(image()), model(image()), atol=ROUNDING, rtol=0
    )


def test_its_name_says_what_it_is():
    assert make_consistent(functional(), DOWNSAMPLE).name == (
        "consistent_functional"
    )
    named = make_consistent(functional(), DOWNSAMPLE, name="mine")
    assert named.name == "mine"


def test_its_a_plus_can_be_given():
    upsample = PseudoInverseUpsample(DOWNSAMPLE, method="conv")
    model = make_consistent(functional(), DOWNSAMPLE, upsample)
    assert model.layers[-1].upsample is upsample


def two_inputs():
    inputs = [keras.Input((None, None, 3)) for _ in range(2)]
    return keras.Model(inputs, ops.add(*inputs), name="two")


def list_of_outputs():
    inputs = keras.Input((None, None, 3))
    return keras.Model(inputs, [inputs, inputs], name="both")


@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        (len, {}, "needs a Model as model"),
        (two_inputs, {}, r"one input.*`two` with inputs of shapes \[\("),
        (Subclassed, {}, "Give `channels` if it has not been called yet"),
        (Subclassed, {"channels": 0}, "at least 1 as channels"),
        (functional, {"channels": 1}, "channels=1, but `functional` takes 3"),
        (
            functional,
            {"downsample": BoxDownsample(4, name="box")},
            r"`functional`, which makes \(1, 128, 128, 3\) of \(1, 64, 64, 3"
            r"\), and `box` \(scale=4\), which makes .* of \(1, 256, 256, 3\)",
        ),
        (list_of_outputs, {}, r"`both`, which makes \(\) of"),
        (functional, {"downsample": "box"}, "needs a Downsample as downsample"),
        (functional, {"value_range": (1, 0)}, r"value_range=\(1, 0\)"),
        (functional, {"value_range": 255}, "value_range=255"),
    ],
)
def test_what_does_not_fit_is_refused(model, options, message):
    model = model if model is len else model()
    options = {"downsample": DOWNSAMPLE, **options}
    with pytest.raises(ValueError, match=message):
        make_consistent(model, **options)
