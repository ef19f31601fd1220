import keras
import numpy as np
import pytest

from keras_affsr.networks import denoiser

POLICIES = ["float32", "mixed_float16", "mixed_bfloat16"]


def randomize(model):
    """Gives a new denoiser a correction that is not zero."""
    layer, rng = model.get_layer("correction"), np.random.default_rng(0)
    layer.set_weights([rng.normal(0, 0.1, w.shape) for w in layer.weights])
    return model


def images(shape, seed=0):
    return np.random.default_rng(seed).random(shape, dtype="float32")


def layers_of(model, kind):
    return [layer for layer in model.layers if isinstance(layer, kind)]


@pytest.mark.parametrize("noise_conditional", [False, True])
def test_grass_has_four_layers_of_128_filters(noise_conditional):
    model = denoiser("grass", 1, noise_conditional)
    *blocks, correction = layers_of(model, keras.layers.Conv2D)
    assert [layer.filters for layer in blocks] == [128] * 4
    assert correction.filters == 1
    sizes = {layer.kernel_size for layer in (*blocks, correction)}
    assert sizes == {(3, 3)}
    assert len(layers_of(model, keras.layers.BatchNormalization)) == 4
    assert len(layers_of(model, keras.layers.ReLU)) == 4
    # 9 x (1 + 3 x 128) x 128 kernels, 4 x 4 x 128 of batch norm, 9 x 128 + 1.
    assert model.count_params() == 446_721 + 9 * 128 * noise_conditional


@pytest.mark.parametrize("noise_conditional", [False, True])
def test_the_toy_problem_has_two_dense_layers_of_256_units(noise_conditional):
    model = denoiser("swiss_roll", 2, noise_conditional)
    dense = layers_of(model, keras.layers.Dense)
    assert [layer.units for layer in dense] == [256, 256, 2]
    # 2 x 256 + 256, 256 x 256 + 256, 256 x 2 + 2.
    assert model.count_params() == 67_074 + 256 * noise_conditional


def test_filters_width_and_normalization_are_arguments():
    model = denoiser(filters=(8, 16), width=0.5, normalization=None)
    *blocks, correction = layers_of(model, keras.layers.Conv2D)
    assert [layer.filters for layer in blocks] == [4, 8]
    assert correction.filters == 3
    assert all(layer.use_bias for layer in blocks)
    assert not layers_of(model, keras.layers.BatchNormalization)


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("preset", ["grass", "swiss_roll"])
@pytest.mark.parametrize("noise_conditional", [False, True])
def test_a_new_network_gives_back_its_input(policy, preset, noise_conditional):
    # To the last bit in half precision too: it is added in float32.
    keras.config.set_dtype_policy(policy)
    model = denoiser(preset, 2, noise_conditional)
    inputs = images((3, 9, 6, 2) if preset == "grass" else (3, 2))
    level = np.full((3, 1), 0.1, "float32")
    outputs = model([inputs, level] if noise_conditional else inputs)
    assert outputs.dtype == "float32"
    np.testing.assert_array_equal(outputs, inputs)


def test_the_correction_is_a_multiple_of_the_level():
    # The network is blinded to the level, which leaves the factor.
    model = randomize(denoiser("swiss_roll", 2, noise_conditional=True))
    first = model.get_layer("dense1")
    kernel, bias = first.get_weights()
    kernel[2] = 0.0
    first.set_weights([kernel, bias])
    inputs = images((4, 2))
    one, ten = (
        model([inputs, np.full((4, 1), level, "float32")]) - inputs
        for level in (0.02, 0.2)
    )
    assert np.linalg.norm(one) > 0.01
    # Differences of float32 numbers near one.
    np.testing.assert_allclose(ten, 10 * one, rtol=0, atol=1e-5)


def test_the_correction_is_added_without_an_activation():
    model = randomize(denoiser(channels=1, filters=(4,)))
    inputs = images((2, 6, 5, 1))
    correction = keras.Model(model.input, model.get_layer("correction").output)(
        inputs
    )
    assert np.min(model(inputs)) < 0 or np.max(model(inputs)) > 1
    np.testing.assert_array_equal(model(inputs), inputs + correction)


@pytest.mark.parametrize("preset", ["grass", "swiss_roll"])
@pytest.mark.parametrize("half", ["float16", "bfloat16"])
def test_the_correction_is_not_rounded_to_half_precision(preset, half):
    keras.config.set_dtype_policy(f"mixed_{half}")
    model = randomize(denoiser(preset, 2, width=0.1))
    inputs = images((3, 6, 5, 2) if preset == "grass" else (9, 2))
    correction = keras.Model(model.input, model.get_layer("correction").output)(
        inputs
    )
    rounded = keras.ops.cast(keras.ops.cast(correction, half), "float32")
    assert np.mean(correction != rounded) > 0.9


@pytest.mark.parametrize("preset", ["grass", "swiss_roll"])
def test_the_level_is_told_as_its_logarithm(preset):
    model = denoiser(preset, 1, noise_conditional=True)
    inputs = images((2, 3, 4, 1) if preset == "grass" else (2, 1))
    level = np.array([[0.1], [0.5]], "float32")
    told = keras.Model(model.input, model.get_layer("with_level").output)
    features = told([inputs, level])
    np.testing.assert_array_equal(features[..., :1], inputs)
    for image, value in zip(features, level):
        np.testing.assert_allclose(image[..., 1], np.log(value[0]), rtol=1e-6)


def test_images_have_any_size_and_levels_of_their_own():
    model = randomize(denoiser(channels=1, filters=(4,), noise_conditional=1))
    inputs = images((2, 12, 7, 1))
    level = np.array([[0.1], [0.3]], "float32")
    together = model([inputs, level])
    assert together.shape == inputs.shape
    assert model.output_shape == (None, None, None, 1)
    for number in range(2):
        part = slice(number, number + 1)
        # Another batch is added in another order.
        np.testing.assert_allclose(
            model([inputs[part], level[part]]), together[part], atol=1e-6
        )


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("preset", ["grass", "swiss_roll"])
def test_it_is_saved_and_loaded_by_keras_alone(policy, preset, tmp_path):
    keras.config.set_dtype_policy(policy)
    model = randomize(denoiser(preset, 2, True, width=0.1))
    model.save(tmp_path / "denoiser.keras")
    loaded = keras.saving.load_model(tmp_path / "denoiser.keras")
    inputs = images((2, 6, 5, 2) if preset == "grass" else (2, 2))
    inputs = [inputs, np.full((2, 1), 0.2, "float32")]
    np.testing.assert_array_equal(loaded(inputs), model(inputs))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"preset": "celeba"}, "does not know preset='celeba'.*'swiss_roll'"),
        ({"normalization": "layer"}, "normalization='layer'.*'batch', None"),
        ({"channels": 0}, "at least 1 as channels. Received: channels=0"),
        ({"width": -1.0}, "`denoiser` needs a positive width"),
    ],
)
def test_arguments_that_will_not_do_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        denoiser(**arguments)
