import keras
import numpy as np
import pytest

from keras_affsr.models import GANSuperResolver
from tests.models_tiny import DOWNSAMPLE
from tests.models_tiny import assert_same_arrays
from tests.models_tiny import images
from tests.models_tiny import tiny_discriminator
from tests.models_tiny import tiny_generator

OPTIMIZERS = ("optimizer", "discriminator_optimizer")


def make_model(policy="mixed_float16", scales=(None, None), **kwargs):
    keras.config.set_dtype_policy(policy)
    keras.utils.set_random_seed(1)
    model = GANSuperResolver(
        tiny_generator(), tiny_discriminator(), DOWNSAMPLE, **kwargs
    )
    optimizers = [keras.optimizers.SGD(1.0) for _ in scales]
    for number, scale in enumerate(scales):
        if scale is not None:
            optimizers[number] = keras.optimizers.LossScaleOptimizer(
                optimizers[number], initial_scale=scale
            )
    model.compile(*optimizers)
    return model


def trained(network):
    return [np.copy(each.value) for each in network.trainable_variables]


def test_float16_scales_both_losses():
    model = make_model()
    for name in OPTIMIZERS:
        optimizer = getattr(model, name)
        assert isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
        assert isinstance(optimizer.inner_optimizer, keras.optimizers.SGD)


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_other_policies_scale_nothing(policy):
    model = make_model(policy)
    for name in OPTIMIZERS:
        assert type(getattr(model, name)) is keras.optimizers.SGD


def test_scaling_is_left_out_if_so_told():
    model = make_model()
    model.compile("sgd", "sgd", auto_scale_loss=False)
    for name in OPTIMIZERS:
        assert type(getattr(model, name)) is keras.optimizers.SGD


def updates(model, network):
    """Returns all that a step adds to a network, in one vector."""
    before = trained(network)
    model.train_on_batch(images())
    changes = [new - old for new, old in zip(trained(network), before)]
    return np.concatenate([np.ravel(change) for change in changes])


@pytest.mark.parametrize("steps", [1, 2])
@pytest.mark.parametrize("name", ["generator", "discriminator"])
def test_a_scaled_step_is_that_of_float32(name, steps):
    full, half = (
        make_model(policy, discriminator_steps=steps)
        for policy in ("float32", "mixed_float16")
    )
    half.set_weights(full.get_weights())
    expected = updates(full, getattr(full, name))
    error = updates(half, getattr(half, name)) - expected
    # A loss that was not scaled would move its network by 1/32768 as much: an
    # error of one. Rounding switches a few ReLUs, which makes 0.07.
    assert np.linalg.norm(error) < 0.2 * np.linalg.norm(expected)


def test_the_losses_reported_are_not_scaled():
    full, half = (make_model(each) for each in ("float32", "mixed_float16"))
    half.set_weights(full.get_weights())
    expected, logs = (
        model.train_on_batch(images(), return_dict=True)
        for model in (full, half)
    )
    for name, value in expected.items():
        # Eleven bits of mantissa, of losses near one.
        np.testing.assert_allclose(logs[name], value, rtol=0, atol=0.01)


@pytest.mark.parametrize("too_large", [0, 1])
def test_each_scale_looks_after_itself(too_large):
    # Gradients beyond 65504 are infinite: that network's step is left out.
    scales = [2.0**10, 2.0**10]
    scales[too_large] = 2.0**60
    model = make_model(scales=scales)
    networks = [model.generator, model.discriminator]
    before = [trained(network) for network in networks]
    model.train_on_batch(images())
    for number, name in enumerate(OPTIMIZERS):
        optimizer = getattr(model, name)
        after = trained(networks[number])
        if number == too_large:
            assert_same_arrays(after, before[number])
            assert float(optimizer.dynamic_scale) == 2.0**59
            assert int(optimizer.iterations) == 0
        else:
            assert np.any(after[0] != before[number][0])
            assert float(optimizer.dynamic_scale) == 2.0**10
            assert int(optimizer.iterations) == 1
