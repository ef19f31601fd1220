import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_affsr.training import FusedAdam
from tests.layer_checks import noise

STEPS = 20
CLOSE = {"rtol": 1e-5, "atol": 2e-6}  # Float32, after STEPS updates of 1e-2.

SETTINGS = [
    {},
    {"beta_1": 0.5, "beta_2": 0.9, "epsilon": 1e-3},
    {"global_clipnorm": 0.1},
    {"weight_decay": 0.1},
    {"use_ema": True, "ema_overwrite_frequency": 3},
    {"gradient_accumulation_steps": 2},
    {"amsgrad": True},
]


def network():
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Dense(7, "tanh"), keras.layers.Dense(2)]
    return keras.Sequential([keras.Input((5,)), *layers])


def train(kind, jit_compile=False, dtype=None, **settings):
    if dtype:
        keras.config.set_dtype_policy(dtype)
    rate = keras.optimizers.schedules.CosineDecay(1e-2, 2 * STEPS)
    model = network()
    model.compile(kind(rate, **settings), "mse", jit_compile=jit_compile)
    x, y = noise(8 * STEPS, 5), noise(8 * STEPS, 2, seed=1)
    model.fit(x, y, batch_size=8, shuffle=False, verbose=0)
    return model


def check_same(one, other, **close):
    for pair in (
        (one.get_weights(), other.get_weights()),
        (
            one.optimizer.variables,
            other.optimizer.variables,
        ),
    ):
        for each, expected in zip(*pair, strict=True):
            each, expected = np.asarray(each), np.asarray(expected)
            np.testing.assert_allclose(each, expected, **(close or CLOSE))


@pytest.fixture
def fused(monkeypatch):
    """Counts the updates that are traced as one operation."""
    calls = []
    operation = tf.raw_ops.ResourceApplyAdam

    def apply(**kwargs):
        calls.append(kwargs)
        return operation(**kwargs)

    monkeypatch.setattr(tf.raw_ops, "ResourceApplyAdam", apply)
    return calls


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_it_is_keras_adam(fused, settings):
    made = train(FusedAdam, **settings)
    assert len(fused) >= 4 or settings == {"amsgrad": True}
    assert not (fused and settings == {"amsgrad": True})
    check_same(made, train(keras.optimizers.Adam, **settings))


def test_under_xla():
    check_same(train(FusedAdam, jit_compile=True), train(FusedAdam))


def test_with_a_scaled_loss_in_float16():
    policy = keras.config.dtype_policy()
    try:
        made = train(FusedAdam, dtype="mixed_float16")
        expected = train(keras.optimizers.Adam, dtype="mixed_float16")
    finally:
        keras.config.set_dtype_policy(policy)
    # Gradients of three digits, which Adam divides by their own size.
    check_same(made, expected, rtol=1e-3, atol=1e-4)


def test_by_hand():
    weight = keras.Variable(np.float32([1.0, -2.0]))
    optimizer = FusedAdam(0.1, beta_1=0.5, beta_2=0.75, epsilon=0.0)
    optimizer.apply([tf.constant([3.0, -1.0])], [weight])
    # The first step is the rate times the gradient's sign.
    np.testing.assert_allclose(weight, [0.9, -1.9], rtol=1e-6)


def test_it_resumes_from_a_file_and_from_keras_adam(tmp_path):
    path = str(tmp_path / "model.keras")
    model = train(FusedAdam)
    model.save(path)
    loaded = keras.models.load_model(path)
    assert isinstance(loaded.optimizer, FusedAdam)
    check_same(loaded, model)
    other = train(keras.optimizers.Adam)
    own = FusedAdam(keras.optimizers.schedules.CosineDecay(1.0, 9))
    own.build(other.trainable_variables)
    other.optimizer.save_own_variables(store := {})
    own.load_own_variables(store)
    for each, expected in zip(
        own.variables, other.optimizer.variables, strict=True
    ):
        np.testing.assert_array_equal(each, expected)


def test_a_strategy_trains_by_keras(fused):
    with tf.distribute.MirroredStrategy(["CPU:0"]).scope():
        made = train(FusedAdam, global_clipnorm=0.1)
    assert not fused
    check_same(made, train(keras.optimizers.Adam, global_clipnorm=0.1))


def test_sparse_gradients_are_left_to_keras(fused):
    def embeddings(kind):
        keras.utils.set_random_seed(0)
        layers = [keras.layers.Embedding(10, 4), keras.layers.Flatten()]
        model = keras.Sequential([keras.Input((3,), dtype="int32"), *layers])
        model.compile(kind(1e-2), "mse")
        numbers = np.arange(30).reshape(10, 3) % 7  # Some come twice or never.
        model.fit(
            numbers, np.ones((10, 12)), epochs=3, shuffle=False, verbose=0
        )
        return model

    made = embeddings(FusedAdam)
    assert not fused
    check_same(made, embeddings(keras.optimizers.Adam))
