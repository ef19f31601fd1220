"""How far networks see: their config against what a changed pixel changes."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_affsr.layers import GaussianDownsample
from keras_affsr.layers import SubPixel
from keras_affsr.networks import generator
from keras_affsr.upscale.receptive_field import receptive_field
from tests.upscale_networks import NETWORKS
from tests.upscale_networks import attention
from tests.upscale_networks import image_input

SIZE = 40

# Those of which it is known exactly, not only at most.
EXACT = ("mirrored", "dilated", "nested")


def measured_reach(network, axis, positions):
    """Returns where along an axis outputs see the input: `(n_out, n_in)`.

    One row, or column, of the input is changed at a time.
    """
    image = np.random.default_rng(0).random((1, SIZE, SIZE, 1), "float32")
    images = np.repeat(image, len(positions), axis=0)
    changed = images.copy()
    for number, position in enumerate(positions):
        index = [number, slice(None), slice(None)]
        index[axis] = position
        changed[tuple(index)] += 1.0
    moved = np.asarray(network(changed)) != np.asarray(network(images))
    return moved.any(axis=(3 - axis, 3)).T


@pytest.mark.parametrize("axis", [1, 2])
@pytest.mark.parametrize("name", NETWORKS)
def test_no_pixel_is_seen_beyond_the_field_and_the_farthest_is(name, axis):
    network = NETWORKS[name]()
    field = receptive_field(network)[axis - 1]
    assert field.pitch * 2 == 1
    seen = measured_reach(network, axis, range(SIZE))  # [2 * SIZE, SIZE]
    farthest = [0.0, 0.0]
    for pixel in range(SIZE - 8, SIZE + 8):  # Away from the borders.
        (inputs,) = np.nonzero(seen[pixel])
        before = pixel / 2 - inputs.min()
        after = inputs.max() - pixel / 2
        assert before <= field.before
        assert after <= field.after
        farthest = [max(farthest[0], before), max(farthest[1], after)]
    if name in EXACT:
        assert farthest == [field.before, field.after]


def test_seven_convolutions_of_three_taps_see_seven_pixels():
    network = generator(GaussianDownsample(scale=4), project=False)
    assert [field.halo for field in receptive_field(network)] == [7, 7]
    assert [field.period for field in receptive_field(network)] == [1, 1]


def test_tiles_of_a_network_with_strides_begin_at_multiples_of_them():
    fields = receptive_field(NETWORKS["hourglass"]())
    assert [field.period for field in fields] == [4, 4]


def test_a_loaded_network_has_the_same_field(tmp_path):
    network = NETWORKS["nested"]()
    network.save(tmp_path / "network.keras")
    loaded = keras.saving.load_model(tmp_path / "network.keras")
    assert receptive_field(loaded) == receptive_field(network)


class Subclassed(keras.Model):
    def call(self, images):
        return images


class Own(keras.layers.Layer):
    def call(self, images):
        return images


def own_layer():
    inputs = image_input()
    return keras.Model(inputs, Own(name="mystery")(inputs))


def array_argument():
    inputs = image_input(8)
    return keras.Model(inputs, inputs * np.ones((1, 8, 8, 1), "float32"))


def own_activation():
    def mean(x):
        return x + ops.mean(x, axis=(1, 2), keepdims=True)

    inputs = image_input()
    return keras.Model(
        inputs, keras.layers.Conv2D(1, 1, activation=mean)(inputs)
    )


def pixel_weights():
    inputs = image_input(8)
    return keras.Model(inputs, keras.layers.PReLU()(inputs))


def whole_rows():
    inputs = image_input()
    return keras.Model(inputs, keras.layers.Softmax(axis=1)(inputs))


def two_sizes():
    inputs = image_input()
    large = SubPixel((1, 1))(keras.layers.UpSampling2D(2)(inputs))
    small = keras.layers.MaxPooling2D(2)(large)
    return keras.Model(inputs, ops.add(ops.add(large, 1.0), small[:, :1, :1]))


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (attention, "past `squeeze` .GlobalAveragePooling2D.: what it does"),
        (own_layer, "past `mystery` .Own.: it is not a layer of Keras"),
        (
            array_argument,
            "Multiply.: one of its arguments is no number",
        ),
        (own_activation, "Conv2D.: what it does with pixels is not known"),
        (pixel_weights, "PReLU.: what it does with pixels is not known"),
        (whole_rows, "Softmax.: what it does with pixels is not known"),
        (
            two_sizes,
            "GetItem.: one of its arguments is no number",
        ),
        (Subclassed, "is not a functional or Sequential model"),
    ],
)
def test_what_is_not_known_is_refused_by_name(make, reason):
    with pytest.raises(ValueError, match=reason):
        receptive_field(make())
