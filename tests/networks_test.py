import keras
import numpy as np
import pytest

from keras_affsr.layers import GaussianDownsample
from keras_affsr.layers import LinearDownsample
from keras_affsr.networks import discriminator
from keras_affsr.networks import generator

DOWNSAMPLE = GaussianDownsample(scale=4)
TOY = LinearDownsample([[0.5, 0.5]])

# The tables of the docstrings, written out.
GENERATORS = {
    "grass": ([32, 32, 64, 64, 128, 128], 2),
    "celeba": ([128] * 4 + [256] * 4 + [512] * 4, 4),
    "imagenet": ([128] * 4 + [256] * 4, 2),
}
DISCRIMINATORS = {
    "grass": ([32, 64, 128, 256], [2, 2, 2, 2]),
    "celeba": ([128, 128, 256, 256, 512, 512, 1024, 1024], [1, 2] * 4),
    "imagenet": ([128, 128, 256, 256, 512, 512, 1024, 1024], [1, 2] * 4),
}

# For one channel. Of grass, counted by hand: convolutions 285,984, batch norm
# 1,792, matching of channels 10,272, output 18,448; and 387,360 + 1,920 + 257.
PARAMETERS = {
    "grass": (316_496, 389_537),
    "celeba": (11_017_488, 18_744_449),
    "imagenet": (2_583_824, 18_744_449),
}


def layers_of(model, kind):
    return [layer for layer in model.layers if isinstance(layer, kind)]


def block_convolutions(model):
    layers = layers_of(model, keras.layers.Conv2D)
    return [layer for layer in layers if layer.name.startswith("block")]


def block_of_filters(model):
    return [
        layer.filters
        for layer in block_convolutions(model)
        if layer.name.endswith("_conv")
    ]


@pytest.mark.parametrize("preset", GENERATORS)
def test_generators_have_the_filters_and_skips_of_their_preset(preset):
    filters, skip_every = GENERATORS[preset]
    model = generator(DOWNSAMPLE, preset, channels=1)
    assert block_of_filters(model) == filters
    assert {layer.kernel_size for layer in block_convolutions(model)} == {
        (3, 3)
    }
    skips = [layer.name for layer in layers_of(model, keras.layers.Add)]
    numbers = range(skip_every, len(filters) + 1, skip_every)
    assert skips == [f"skip{number}" for number in numbers]
    assert model.count_params() == PARAMETERS[preset][0]


@pytest.mark.parametrize("preset", DISCRIMINATORS)
def test_discriminators_have_the_filters_and_strides_of_their_preset(preset):
    filters, strides = DISCRIMINATORS[preset]
    model = discriminator(preset, channels=1)
    assert block_of_filters(model) == filters
    convolutions = block_convolutions(model)
    assert [layer.strides for layer in convolutions] == [
        (stride, stride) for stride in strides
    ]
    assert {layer.kernel_size for layer in convolutions} == {(3, 3)}
    assert model.count_params() == PARAMETERS[preset][1]


def test_the_toy_problem_has_two_dense_layers_of_64_units():
    for model, parameters in (
        # 1 x 64 + 64, 64 x 64 + 64, and 64 x 2 + 2 or, the other way, 1 for 2.
        (generator(TOY, "swiss_roll"), 4418),
        (discriminator("swiss_roll", channels=2), 4417),
    ):
        dense = layers_of(model, keras.layers.Dense)
        assert [layer.units for layer in dense[:-1]] == [64, 64]
        assert model.count_params() == parameters


def test_skip_connections_add_what_the_last_one_gave():
    model = generator(DOWNSAMPLE, "grass", channels=1, width=0.1)
    for number, skipped in ((2, "low_res"), (4, "skip2"), (6, "skip4")):
        match = model.get_layer(f"skip{number}_match")
        assert match.input is model.get_layer(skipped).output
        convolved, matched = model.get_layer(f"skip{number}").input
        assert convolved is model.get_layer(f"block{number}_relu").output
        assert matched is match.output


def test_batch_norm_and_relu_follow_every_convolution_but_the_last():
    for model, depth in (
        (generator(DOWNSAMPLE, channels=1, width=0.1), 6),
        (discriminator(channels=1, width=0.1), 4),
    ):
        assert len(layers_of(model, keras.layers.ReLU)) == depth
        norms = layers_of(model, keras.layers.BatchNormalization)
        assert len(norms) == depth
        for norm, convolution in zip(norms, block_convolutions(model)):
            assert norm.input is convolution.output
            assert not convolution.use_bias


def test_a_discriminator_without_batch_norm_has_biases_instead():
    model = discriminator(channels=1, width=0.1, normalization=None)
    assert not layers_of(model, keras.layers.BatchNormalization)
    assert all(layer.use_bias for layer in block_convolutions(model))


def test_width_multiplies_the_filters_and_leaves_one():
    model = generator(DOWNSAMPLE, "grass", width=0.25)
    assert block_of_filters(model) == [8, 8, 16, 16, 32, 32]
    model = discriminator("grass", width=0.01)
    assert block_of_filters(model) == [1, 1, 1, 3]


def test_filters_strides_and_skips_may_be_given():
    model = generator(DOWNSAMPLE, filters=(4, 6, 8), skip_every=0)
    assert block_of_filters(model) == [4, 6, 8]
    assert not layers_of(model, keras.layers.Add)
    model = discriminator(filters=(4, 6), strides=(1, 3))
    assert block_of_filters(model) == [4, 6]
    strides = [layer.strides for layer in block_convolutions(model)]
    assert strides == [(1, 1), (3, 3)]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [(4, 4), (5, 9), (12, 7)])
def test_images_of_any_size_and_channels_will_do(size, channels):
    downsample = GaussianDownsample(scale=(2, 4))
    model = generator(downsample, channels=channels, width=0.1)
    high_res = model(keras.random.uniform((2, *size, channels)))
    assert high_res.shape == (2, 2 * size[0], 4 * size[1], channels)
    model = discriminator(channels=channels, width=0.1)
    assert model(keras.random.uniform((2, *size, channels))).shape == (2, 1)


def test_half_of_a_batch_gives_half_of_the_output():
    low_res = keras.random.uniform((4, 5, 6, 1), seed=0)
    model = generator(DOWNSAMPLE, channels=1, width=0.1)
    # Convolutions of other batch sizes may add in another order.
    np.testing.assert_allclose(
        model(low_res)[:2], model(low_res[:2]), rtol=0, atol=1e-6
    )


def test_networks_are_made_of_layers_that_can_be_loaded(tmp_path):
    low_res = keras.random.uniform((2, 5, 6, 1), seed=0)
    for name, model, inputs in (
        ("g", generator(DOWNSAMPLE, channels=1, width=0.1), low_res),
        ("d", discriminator(channels=1, width=0.1), low_res),
        ("toy", generator(TOY, "swiss_roll"), low_res[:, 0, 0]),
    ):
        assert not layers_of(model, keras.layers.Lambda)
        model.save(tmp_path / f"{name}.keras")
        loaded = keras.saving.load_model(
            tmp_path / f"{name}.keras", safe_mode=True
        )
        np.testing.assert_array_equal(loaded(inputs), model(inputs))


@pytest.mark.parametrize("network", [generator, discriminator])
@pytest.mark.parametrize("preset", ["grass", "swiss_roll"])
def test_names_can_be_chosen(network, preset):
    first = (TOY if preset == "swiss_roll" else DOWNSAMPLE, preset)
    arguments = first if network is generator else first[1:]
    assert network(*arguments, width=0.1).name == network.__name__
    assert network(*arguments, width=0.1, name="other").name == "other"


@pytest.mark.parametrize("network", [generator, discriminator])
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"preset": "gras"},
            r"does not know preset='gras'. Expected .*'grass'",
        ),
        ({"width": 0}, r"positive width. Received: width=0"),
        ({"width": "wide"}, r"a number as width. Received: width='wide'"),
    ],
)
def test_arguments_of_both_networks_are_checked(network, arguments, message):
    arguments = dict(arguments)
    if network is generator:
        arguments["downsample"] = DOWNSAMPLE
    with pytest.raises(ValueError, match=f"`{network.__name__}` .*{message}"):
        network(**arguments)


def test_arguments_of_one_network_are_checked():
    with pytest.raises(ValueError, match=r"a Downsample as downsample.*=4"):
        generator(4)
    with pytest.raises(ValueError, match="noise_channels=-1"):
        generator(DOWNSAMPLE, noise_channels=-1)
    with pytest.raises(ValueError, match=r"whole number .* skip_every=1.5"):
        generator(DOWNSAMPLE, skip_every=1.5)
    with pytest.raises(ValueError, match=r"'layer'. Expected .*'batch', None"):
        discriminator(normalization="layer")
    with pytest.raises(ValueError, match=r"2 filters and strides=\(2, 2, 2, 2"):
        discriminator(filters=(8, 8))
    with pytest.raises(ValueError, match=r"4 filters and strides=\(1,\)"):
        discriminator(strides=(1,))
