"""Networks, data and operators that do not fit each other are refused."""

import keras
import numpy as np
import pytest

from keras_affsr import models
from keras_affsr import networks
from keras_affsr.layers import GaussianDownsample

TOLERANCE = 1e-3  # Relative: two float32 sums of some thousand weights.


def images(size=16, channels=1):
    values = np.random.default_rng(0).uniform(size=(2, size, size, channels))
    return values.astype("float32")


def tiny(downsample, **kwargs):
    return networks.generator(downsample, channels=1, width=0.1, **kwargs)


def discriminator(**kwargs):
    return networks.discriminator(channels=1, width=0.1, **kwargs)


def adversarial(generator, downsample, critic):
    model = models.GANSuperResolver(generator, critic, downsample)
    model.compile("adam", "adam")
    return model


def test_a_generator_of_another_scale_is_refused():
    downsample = GaussianDownsample(scale=4)
    generator = tiny(GaussianDownsample(scale=2))
    plain = models.SuperResolver(generator, downsample)
    plain.compile("sgd", "mse")
    for model in (plain, adversarial(generator, downsample, discriminator())):
        with pytest.raises(ValueError, match="do not fit each other"):
            model.fit(images(), verbose=0)


def test_images_of_whole_numbers_are_refused():
    downsample = GaussianDownsample(scale=4)
    model = adversarial(tiny(downsample), downsample, discriminator())
    low_res = np.asarray(downsample(images()))
    high_res = (255 * images()).astype("uint8")
    with pytest.raises(ValueError, match="`high_res` as floats in"):
        model.fit(low_res, high_res, verbose=0)


def test_a_discriminator_that_ends_in_a_sigmoid_is_refused():
    downsample = GaussianDownsample(scale=4)
    critic = discriminator()
    probability = keras.layers.Activation("sigmoid")(critic.output)
    critic = keras.Model(critic.input, probability)
    with pytest.raises(ValueError, match="ends in 'sigmoid'"):
        models.GANSuperResolver(tiny(downsample), critic, downsample)


def test_a_discriminator_with_several_outputs_an_image_is_refused():
    downsample = GaussianDownsample(scale=4)
    critic = keras.Sequential(
        [keras.Input((None, None, 1)), keras.layers.Conv2D(1, 3)]
    )
    with pytest.raises(ValueError, match="one logit for each"):
        models.GANSuperResolver(tiny(downsample), critic, downsample)


def test_regularisers_of_both_networks_count():
    downsample = GaussianDownsample(scale=4)
    generator, critic = tiny(downsample), discriminator()
    losses = []
    for strength in (0.0, 1.0):
        for network, layer in (
            (generator, "sub_pixel_conv"),
            (critic, "block1_conv"),
        ):
            regularizer = keras.regularizers.L2(strength)
            network.get_layer(layer).kernel_regularizer = regularizer
            network.get_layer(layer).kernel.regularizer = regularizer
        model = adversarial(generator, downsample, critic)
        losses.append(model.evaluate(images(), verbose=0, return_dict=True))
    for name, network, layer in (
        ("loss", generator, "sub_pixel_conv"),
        ("discriminator_loss", critic, "block1_conv"),
    ):
        kernel = keras.ops.convert_to_numpy(network.get_layer(layer).kernel)
        np.testing.assert_allclose(
            losses[1][name] - losses[0][name],
            np.sum(kernel**2),
            rtol=TOLERANCE,
        )


def test_evaluation_draws_other_noise_for_each_batch():
    downsample = GaussianDownsample(scale=4)
    generator = tiny(downsample, noise_channels=2)
    model = adversarial(generator, downsample, discriminator())
    outputs = []

    def record(low_res, high_res, generated):
        outputs.append(np.asarray(generated))
        return {}

    model.compute_metrics = record
    for _ in range(2):
        model.test_step(keras.ops.convert_to_tensor(images()))
    assert np.max(np.abs(outputs[0] - outputs[1])) > 1e-6
