import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_affsr.models import GANSuperResolver
from tests.models_tiny import DOWNSAMPLE
from tests.models_tiny import images
from tests.models_tiny import mean_discriminator
from tests.models_tiny import plain_discriminator
from tests.models_tiny import plain_generator
from tests.models_tiny import tiny_discriminator
from tests.models_tiny import tiny_generator
from tests.models_tiny import weights

# Means of float32 numbers, added in another order.
TOLERANCE = {"rtol": 1e-5, "atol": 1e-6}

# An update is known as the difference of two numbers near one.
UPDATE_TOLERANCE = {"rtol": 1e-3, "atol": 1e-6}


def make_model(generator, discriminator, rate=1.0, **kwargs):
    model = GANSuperResolver(generator, discriminator, DOWNSAMPLE, **kwargs)
    model.compile(keras.optimizers.SGD(rate), keras.optimizers.SGD(rate))
    return model


def logistic_loss(real, fake):
    """The docstring's `L(D)`, with probabilities, in double precision."""
    real, fake = np.asarray(real, "float64"), np.asarray(fake, "float64")
    real, fake = 1 / (1 + np.exp(-real)), 1 / (1 + np.exp(-fake))
    return -np.mean(np.log(real)) - np.mean(np.log(1 - fake))


@pytest.mark.parametrize("weight", [0.0, 0.7])
def test_the_losses_are_those_of_the_formulas(weight):
    high_res = images()
    low_res = DOWNSAMPLE(high_res)
    model = make_model(
        plain_generator(project=False),
        mean_discriminator(3.0, -0.5),
        consistency_weight=weight,
    )
    generated = np.asarray(model(low_res), "float64")
    real = 3.0 * high_res.mean((1, 2, 3)) - 0.5
    fake = 3.0 * generated.mean((1, 2, 3)) - 0.5
    error = np.abs(low_res - DOWNSAMPLE(generated))
    expected = {
        "loss": -fake.mean() + weight * error.mean(),
        "discriminator_loss": logistic_loss(real, fake),
    }
    # Training reports the losses before its update.
    for method in (model.test_on_batch, model.train_on_batch):
        model.reset_metrics()
        logs = method(high_res, return_dict=True)
        assert logs.keys() == expected.keys()
        for name, value in expected.items():
            np.testing.assert_allclose(logs[name], value, **TOLERANCE)


def losses_by_hand(model, high_res):
    """Returns `L(G)` and `L(D)` in training, both batches normalised as one."""
    generated = model.generator(DOWNSAMPLE(high_res), training=True)
    logits = model.discriminator(
        tf.concat([high_res, generated], axis=0), training=True
    )
    real, fake = tf.split(logits, 2)
    loss = tf.nn.sigmoid_cross_entropy_with_logits(tf.ones_like(real), real)
    loss += tf.nn.sigmoid_cross_entropy_with_logits(tf.zeros_like(fake), fake)
    return -tf.reduce_mean(fake), tf.reduce_mean(loss)


def gradients_by_hand(model, high_res):
    """Returns the gradients of each network's own loss; restores statistics."""
    before = weights(model)
    with tf.GradientTape(persistent=True) as tape:
        losses = losses_by_hand(model, high_res)
    model.set_weights(before)
    return [
        tape.gradient(
            loss, [each.value for each in network.trainable_variables]
        )
        for loss, network in zip(losses, (model.generator, model.discriminator))
    ]


@pytest.mark.parametrize("batch_norm", [False, True])
def test_each_network_goes_down_the_gradient_of_its_own_loss(batch_norm):
    # With batch norm, real and generated images are normalised together.
    high_res = images()
    if batch_norm:
        model = make_model(tiny_generator(), tiny_discriminator())
    else:
        model = make_model(plain_generator(), plain_discriminator())
    networks = (model.generator, model.discriminator)
    before = [
        [np.copy(each.value) for each in network.trainable_variables]
        for network in networks
    ]
    gradients = gradients_by_hand(model, high_res)
    model.train_on_batch(high_res)
    for network, old, gradient in zip(networks, before, gradients):
        assert any(np.any(np.abs(each) > 1e-3) for each in gradient)
        for variable, start, slope in zip(
            network.trainable_variables, old, gradient
        ):
            np.testing.assert_allclose(
                variable.value - start, -slope, **UPDATE_TOLERANCE
            )


def test_further_discriminator_steps_come_first_on_the_same_images():
    high_res = images()
    model = make_model(
        plain_generator(), plain_discriminator(), discriminator_steps=3
    )
    twin = make_model(plain_generator(), plain_discriminator())
    twin.set_weights(model.get_weights())
    for _ in range(3):
        generator, discriminator = gradients_by_hand(twin, high_res)
        twin.discriminator_optimizer.apply(
            discriminator, twin.discriminator.trainable_variables
        )
    twin.optimizer.apply(generator, twin.generator.trainable_variables)
    model.train_on_batch(high_res)
    assert int(model.discriminator_optimizer.iterations) == 3
    assert int(model.optimizer.iterations) == 1
    for one, other in zip(weights(model), weights(twin)):
        np.testing.assert_allclose(one, other, **UPDATE_TOLERANCE)


def normed_mean_discriminator():
    """Makes a discriminator whose batch norm sees the images themselves."""
    inputs = keras.Input((None, None, 1))
    norm = keras.layers.BatchNormalization(momentum=0.9, name="norm")
    tensor = keras.layers.GlobalAveragePooling2D()(norm(inputs))
    return keras.Model(inputs, keras.layers.Dense(1, dtype="float32")(tensor))


@pytest.mark.parametrize("steps", [1, 3])
def test_batch_norm_moves_once_for_each_update(steps):
    # Projected images have the mean of the measurement, which is that of the
    # real ones: so the mean of each batch is known.
    high_res = images()
    mean = high_res.mean(dtype="float64")
    generator = tiny_generator()
    model = make_model(
        generator, normed_mean_discriminator(), discriminator_steps=steps
    )
    features = generator.get_layer("block1_conv").output
    features = keras.Model(generator.input, features)(DOWNSAMPLE(high_res))
    model.train_on_batch(high_res)
    np.testing.assert_allclose(
        model.discriminator.get_layer("norm").moving_mean,
        [(1 - 0.9**steps) * mean],
        **TOLERANCE,
    )
    np.testing.assert_allclose(
        generator.get_layer("block1_norm").moving_mean,
        0.1 * np.mean(features, (0, 1, 2)),
        **TOLERANCE,
    )


def test_neither_evaluation_nor_prediction_moves_anything():
    high_res = images()
    model = make_model(tiny_generator(), tiny_discriminator())
    before = weights(model)
    model.evaluate(high_res, verbose=0)
    model.predict(np.asarray(DOWNSAMPLE(high_res)), verbose=0)
    for one, other in zip(weights(model), before):
        np.testing.assert_array_equal(one, other)
    assert int(model.optimizer.iterations) == 0


def test_the_optimum_of_the_discriminator_is_the_ratio_of_densities():
    # Brightness is N(1, 1) of real and N(0, 1) of generated images: the log of
    # the ratio is brightness - 1/2.
    rng = np.random.default_rng(0)
    shape = (20_000, 1, 1, 1)
    brightness = rng.normal(1.0, 1.0, shape) * np.ones((1, 2, 2, 1))
    inputs = keras.Input((None, None, 1))
    outputs = keras.layers.UpSampling2D(2)(inputs)
    outputs = keras.layers.Conv2D(1, 1, kernel_initializer="ones")(outputs)
    generator = keras.Model(inputs, outputs)
    discriminator = mean_discriminator(0.0, 0.0)
    model = GANSuperResolver(generator, discriminator, DOWNSAMPLE)
    model.compile(keras.optimizers.SGD(0.0), keras.optimizers.SGD(0.5))
    low_res = rng.normal(0.0, 1.0, shape).astype("float32")
    model.fit(
        low_res,
        brightness.astype("float32"),
        batch_size=len(low_res),
        epochs=100,
        verbose=0,
    )
    slope, offset = discriminator.get_weights()
    # Four standard errors of a logistic regression on 40,000 samples.
    np.testing.assert_allclose(
        [slope.item(), offset.item()], [1, -0.5], atol=0.06
    )
