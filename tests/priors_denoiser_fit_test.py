import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_affsr.networks import denoiser
from keras_affsr.priors import Denoiser
from keras_affsr.priors import noise_level
from tests.models_guided_tiny import exact_conditional_denoiser
from tests.models_guided_tiny import exact_denoiser
from tests.models_guided_tiny import score
from tests.models_guided_tiny import tiny_denoiser
from tests.models_guided_tiny import vectors
from tests.models_tiny import FIT
from tests.models_tiny import assert_same_arrays
from tests.models_tiny import images
from tests.models_tiny import weights

POLICIES = ["float32", "mixed_float16", "mixed_bfloat16"]
FALLING = keras.optimizers.schedules.PolynomialDecay(0.5, 8, 0.1)


def compiled(prior, rate=0.0, **kwargs):
    prior.compile(keras.optimizers.SGD(rate), **kwargs)
    return prior


def test_the_loss_is_the_share_of_the_noise_that_is_left():
    # Of a Gaussian of covariance C it is the mean eigenvalue of
    # C (C + sigma^2)^-1, whatever the level: trace / 2.
    stddev, count = 0.7, 20_000
    prior = compiled(exact_denoiser(stddev))
    gain = prior.network.get_weights()[0]
    points = vectors(count)
    loss = prior.evaluate(points, batch_size=count, verbose=0)
    # Five standard errors of a mean of 40,000 squares.
    np.testing.assert_allclose(loss, np.trace(gain) / 2, rtol=0.05)
    # Training reports the loss before its update, with noise of its own.
    trained = prior.train_on_batch(points)
    np.testing.assert_allclose(trained, np.trace(gain) / 2, rtol=0.05)
    assert trained != loss


def test_a_trained_network_follows_the_score_of_a_gaussian():
    prior = Denoiser(
        denoiser("swiss_roll", 2, width=0.25), 0.5, value_range=None
    )
    rate = keras.optimizers.schedules.CosineDecay(0.01, 400)
    prior.compile(keras.optimizers.Adam(rate), steps_per_execution=50)
    data = tf.data.Dataset.from_tensor_slices(vectors(100_000, seed=1))
    prior.fit(data.batch(250), verbose=0)
    points = vectors(1000)
    expected = score(points, 0.5)
    error = prior.score(points) - expected
    # Measured: 5 to 6 % root mean square, of the density's own points.
    assert np.linalg.norm(error) < 0.1 * np.linalg.norm(expected)


def test_training_lowers_the_loss_at_all_levels_of_a_pair():
    prior = tiny_denoiser((0.1, 0.5), noise_conditional=True)
    prior.compile(keras.optimizers.Adam(0.01))
    high_res = 0.5 + 0.1 * images(count=32)
    before = prior.evaluate(high_res, verbose=0)
    prior.fit(high_res, epochs=8, **FIT)
    assert prior.evaluate(high_res, verbose=0) < 0.9 * before
    assert float(prior.coarseness) == np.float32(0.1)


def test_levels_of_a_pair_are_even_on_the_scale_of_logarithms():
    levels = noise_level.draw((0.01, 0.5), 4000, 0, 3, 1)
    assert levels.shape == (4000, 1)
    again = noise_level.draw((0.01, 0.5), 4000, 0, 3, 1)
    other = noise_level.draw((0.01, 0.5), 4000, 0, 4, 1)
    np.testing.assert_array_equal(levels, again)
    assert np.all(levels != other)
    places = np.log(levels / 0.01) / np.log(50)
    assert places.min() > -1e-6 and places.max() < 1 + 1e-6
    # Of 400 numbers in each tenth: five standard deviations are 95.
    counts, _ = np.histogram(places, 10, (0, 1))
    assert np.all(np.abs(counts - 400) < 95)


def test_each_image_has_noise_of_its_own_level():
    # The exact denoiser of N(1/2, 1) leaves 1 / (1 + sigma^2) of the noise.
    prior = compiled(exact_conditional_denoiser(0.5, 5.0))
    count = 40_000
    rng = np.random.default_rng(0)
    points = (0.5 + rng.normal(size=(count, 2))).astype("float32")
    loss = prior.evaluate(points, batch_size=count, verbose=0)
    levels = np.exp(np.linspace(np.log(0.5), np.log(5.0), 10_001))
    np.testing.assert_allclose(loss, np.mean(1 / (1 + levels**2)), rtol=0.05)


def test_the_coarseness_is_the_level_last_trained_at():
    prior = compiled(tiny_denoiser(FALLING, pretrained=False))
    assert float(prior.coarseness) == np.inf
    prior.evaluate(images(), verbose=0)
    assert float(prior.coarseness) == np.inf
    for step in range(3):
        prior.train_on_batch(images())
        assert float(prior.coarseness) == float(FALLING(step))


def test_high_resolution_images_are_taken_from_pairs():
    losses = []
    for data in (images(), (images(size=8), images())):
        keras.utils.set_random_seed(1)
        prior = compiled(tiny_denoiser())
        dataset = tf.data.Dataset.from_tensors(data)
        losses.append(prior.fit(dataset, verbose=0).history["loss"])
        losses.append(prior.evaluate(dataset, verbose=0))
    assert losses[:2] == losses[2:]


def test_regularisers_are_part_of_the_training_loss():
    network = keras.Sequential(
        [
            keras.Input((2,)),
            keras.layers.Dense(2, kernel_regularizer=keras.regularizers.L2(3)),
        ]
    )
    prior = Denoiser(network, value_range=None)
    prior.compile(keras.optimizers.SGD(0.1))
    network.set_weights([np.eye(2), np.zeros(2)])
    # Identity leaves all the noise; and three times two squares of one.
    loss = prior.train_on_batch(vectors(20_000))
    np.testing.assert_allclose(loss, 1 + 6, rtol=0.01)


def test_noise_is_new_at_each_step():
    prior = compiled(exact_denoiser(0.5))
    assert len({prior.train_on_batch(vectors()) for _ in range(3)}) == 3


def test_a_scaled_step_is_that_of_float32():
    changes = []
    for policy in ("float32", "mixed_float16"):
        keras.config.set_dtype_policy(policy)
        keras.utils.set_random_seed(1)
        prior = compiled(tiny_denoiser(), rate=0.01)
        variables = prior.network.trainable_variables
        before = [np.copy(each.value) for each in variables]
        prior.train_on_batch(images())
        pairs = zip([each.numpy() for each in variables], before)
        changes.append(np.concatenate([np.ravel(a - b) for a, b in pairs]))
    # A loss that was not scaled would move it by 1/32768 as much.
    error = np.linalg.norm(changes[1] - changes[0])
    assert error < 0.2 * np.linalg.norm(changes[0])


def make_prior(noise_stddev, seed=1):
    keras.utils.set_random_seed(seed)
    is_pair = isinstance(noise_stddev, tuple)
    prior = tiny_denoiser(noise_stddev, False, noise_conditional=is_pair)
    prior.compile(keras.optimizers.Adam(0.01))
    return prior


def states(prior):
    variables = prior.optimizer.variables
    return weights(prior) + [np.asarray(each) for each in variables]


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("noise_stddev", [FALLING, (0.1, 0.5)])
def test_a_loaded_prior_goes_on_as_if_never_stopped(
    policy, noise_stddev, tmp_path
):
    keras.config.set_dtype_policy(policy)
    prior = make_prior(noise_stddev)
    prior.fit(images(), epochs=2, **FIT)
    prior.save(tmp_path / "prior.keras")
    loaded = keras.saving.load_model(tmp_path / "prior.keras")
    assert_same_arrays(states(loaded), states(prior))
    histories = [each.fit(images(), **FIT).history for each in (loaded, prior)]
    assert histories[0] == histories[1]
    assert_same_arrays(states(loaded), states(prior))
    assert loaded.evaluate(images(), verbose=0) == prior.evaluate(
        images(), verbose=0
    )


@pytest.mark.parametrize(
    ("policy", "noise_stddev"),
    [
        ("float32", FALLING),
        ("mixed_float16", (0.1, 0.5)),
        ("mixed_bfloat16", FALLING),
    ],
)
def test_it_trains_compiled_by_xla(policy, noise_stddev):
    keras.config.set_dtype_policy(policy)
    prior = make_prior(noise_stddev)
    prior.compile("adam", jit_compile=True)
    history = prior.fit(images(), **FIT).history
    assert history.keys() == {"loss"}
    assert np.all(np.isfinite(list(history.values())))


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"loss": "mse"}, "brings its own loss.*Received: loss='mse'"),
        ({"metrics": ["mae"]}, r"Received: metrics=\['mae'\]. Leave it out"),
    ],
)
def test_losses_and_metrics_are_refused(option, message):
    with pytest.raises(ValueError, match=message):
        tiny_denoiser().compile("adam", **option)


def test_data_of_another_kind_is_refused():
    prior = compiled(tiny_denoiser())
    with pytest.raises(ValueError, match="takes no sample weights"):
        prior.fit(images(), images(), sample_weight=np.ones(8), verbose=0)
    with pytest.raises(ValueError, match="a prior for 1 channels"):
        prior.fit(np.ones((4, 8, 8, 3), "float32"), verbose=0)
    prior = compiled(tiny_denoiser(), run_eagerly=True)
    with pytest.raises(ValueError, match=r"for images in \[0, 1\].*to 254"):
        prior.fit(255 * images(), verbose=0)
