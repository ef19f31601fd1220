import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_affsr.models import DensityGuidedSuperResolver
from keras_affsr.priors import KernelDensity
from keras_affsr.priors import PixelCNN
from tests.models_guided_tiny import COVARIANCE
from tests.models_guided_tiny import PAIR
from tests.models_guided_tiny import Gaussian
from tests.models_guided_tiny import bits
from tests.models_guided_tiny import linear_generator
from tests.models_guided_tiny import mode
from tests.models_guided_tiny import repeated
from tests.models_guided_tiny import score
from tests.models_guided_tiny import stochastic_generator
from tests.models_guided_tiny import tiny_denoiser
from tests.models_guided_tiny import vectors
from tests.models_tiny import DOWNSAMPLE
from tests.models_tiny import FIT
from tests.models_tiny import assert_same_arrays
from tests.models_tiny import images
from tests.models_tiny import tiny_generator
from tests.models_tiny import weights
from tests.priors_tiny import tiny_prior

# Code lengths of float32 numbers, of a few bits.
TOLERANCE = {"rtol": 1e-5, "atol": 1e-5}


def toy_model(prior=None, generator=None, rate=0.0, **kwargs):
    model = DensityGuidedSuperResolver(
        generator or linear_generator(), prior or Gaussian(), PAIR, **kwargs
    )
    model.compile(keras.optimizers.SGD(rate))
    return model


def image_model(generator=None, **kwargs):
    prior = tiny_prior()
    prior._coarseness.assign(6.0)
    return DensityGuidedSuperResolver(
        generator or tiny_generator(), prior, DOWNSAMPLE, **kwargs
    )


@pytest.mark.parametrize("method", ["train_on_batch", "test_on_batch"])
@pytest.mark.parametrize("target", [None, 1.5])
def test_the_losses_are_those_of_the_formulas(method, target):
    points = vectors()
    low_res = np.asarray(PAIR(points))
    model = toy_model(
        generator=linear_generator(False, noise=True),
        target_bits=target,
        consistency_weight=0.7,
    )
    # Without weights for the noise, the images are known.
    kernel, bias = model.generator.get_weights()
    kernel[1] = 0.0
    model.generator.set_weights([kernel, bias])
    generated = low_res * kernel[0] + bias
    length = bits(generated)
    expected = length if target is None else np.abs(length - target)
    assert target is None or np.std(np.sign(length - target)) > 0
    error = np.abs(low_res - generated.mean(axis=1, keepdims=True))
    logs = getattr(model, method)(low_res, points, return_dict=True)
    assert logs.keys() == {"loss", "bits_per_dim"}
    np.testing.assert_allclose(
        logs["loss"], expected.mean() + 0.7 * error.mean(), **TOLERANCE
    )
    np.testing.assert_allclose(logs["bits_per_dim"], length.mean(), **TOLERANCE)


@pytest.mark.parametrize("target", [None, 1.5])
def test_the_gradient_is_that_of_the_log_density_per_value(target):
    points = tf.constant(vectors())
    model = toy_model(
        generator=linear_generator(noise=True), target_bits=target
    )
    with tf.GradientTape() as tape:
        tape.watch(points)
        loss, _ = model.guidance(points, 0)
    expected = -score(points, 0.5) / np.log(2) / tf.size(points).numpy()
    if target is not None:  # Up or down, whichever leads to the target.
        expected *= np.sign(bits(points) - target)[:, None]
    np.testing.assert_allclose(tape.gradient(loss, points), expected, atol=1e-6)


def test_training_ends_at_the_most_probable_image():
    model = toy_model()
    model.compile(keras.optimizers.SGD(0.5), steps_per_execution=100)
    points = vectors(300)
    model.fit(repeated(points, 200), verbose=0)
    low_res = np.asarray(PAIR(points))
    # What is left after 200 steps, and rounding.
    np.testing.assert_allclose(
        model.predict(low_res, verbose=0), mode(low_res, 0.5), atol=1e-3
    )


def test_training_towards_a_target_ends_at_typical_images():
    # The mode has a length of 1.2 bits: typical images lie to both sides of
    # it, and are reached by the noise.
    points = vectors(300)
    low_res = np.asarray(PAIR(points))
    target = float(np.mean(bits(mode(low_res, 0.5)))) + 1.0
    keras.utils.set_random_seed(3)
    model = toy_model(
        generator=linear_generator(noise=True), target_bits=target
    )
    rate = keras.optimizers.schedules.PolynomialDecay(0.05, 600, 0.0)
    model.compile(keras.optimizers.Adam(rate), steps_per_execution=100)
    data = repeated(points, 600)
    before, _ = model.evaluate(data.take(1), verbose=0)
    model.fit(data, verbose=0)
    after, _ = model.evaluate(data.take(1), verbose=0)
    assert after < 0.6 * before
    # A linear map of Gaussian noise cannot hit the target each time; half of
    # the images are to either side of it.
    lengths = bits(model.sample(low_res, 20).reshape(-1, 2))
    assert 0.4 < np.mean(lengths < target) < 0.6


def test_a_kernel_density_guides():
    prior = KernelDensity(2, 500, 0.3)
    prior.adapt(vectors(500, seed=1))
    model = toy_model(prior)
    model.compile(keras.optimizers.SGD(0.05), steps_per_execution=100)
    kernel, bias = model.generator.get_weights()
    model.generator.set_weights([0 * kernel, bias + np.array([3.0, -3.0])])
    points = vectors(300)
    model.fit(repeated(points, 300), verbose=0)
    low_res = np.asarray(PAIR(points))
    offsets = model.predict(low_res, verbose=0) - mode(low_res, 0.3)
    # 500 samples show the mode to a fifth of the spread; it began 3 away.
    assert np.sqrt(np.mean(offsets**2)) < 0.2


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_a_pixel_cnn_guides(policy):
    keras.config.set_dtype_policy(policy)
    model = image_model()
    model.compile(keras.optimizers.Adam(0.01))
    high_res = images(count=4, size=8)
    history = model.fit(high_res, epochs=10, **FIT).history
    assert history.keys() == {"loss", "bits_per_dim"}
    assert history["loss"] == history["bits_per_dim"]
    assert history["loss"][-1] < history["loss"][0] - 0.05


def test_nothing_of_the_prior_moves():
    model = image_model()
    model.compile("adam")
    slots = 2 * len(model.generator.trainable_variables)
    assert len(model.optimizer.variables) == slots + 2
    before, generator = weights(model.prior), weights(model.generator)
    model.fit(images(size=8), validation_data=images(size=8), **FIT)
    assert_same_arrays(weights(model.prior), before)
    assert model.prior.trainable
    for one, other in zip(weights(model.generator), generator):
        assert np.any(one != other)


@pytest.mark.parametrize(
    ("policy", "target"),
    [("float32", None), ("mixed_float16", 6.0)],
)
def test_it_trains_compiled_by_xla(policy, target):
    keras.config.set_dtype_policy(policy)
    model = image_model(stochastic_generator(), target_bits=target)
    model.compile("adam", jit_compile=True)
    history = model.fit(images(size=8), **FIT).history
    assert np.all(np.isfinite(list(history.values())))


def test_target_bits_without_noise_warn():
    with pytest.warns(UserWarning, match="target_bits=6.0.*takes no noise"):
        image_model(target_bits=6.0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: toy_model("grass"), "needs a Prior as prior.*prior='grass'"),
        (
            lambda: toy_model(tiny_denoiser()),
            "with a method bits_per_dim. Received: `denoiser` of type Denoiser",
        ),
        (
            lambda: toy_model(PixelCNN(3)),
            r"`pixel_cnn.*` for 3 channels, and `.*` with output of .*, 2\)",
        ),
        (
            lambda: image_model(target_bits="many"),
            "a finite number, or None, as target_bits. Received: .*'many'",
        ),
        (lambda: image_model(target_bits=float("nan")), "target_bits=nan"),
        (lambda: toy_model().compile(loss="mae"), "own loss.*loss='mae'"),
    ],
)
def test_what_does_not_fit_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_priors_for_another_range_are_refused_for_images_alone():
    prior = Gaussian(value_range=(-1, 1))
    assert toy_model(prior).prior is prior
    generator = keras.Sequential(
        [keras.Input((None, None, 2)), keras.layers.UpSampling2D(2)]
    )
    message = r"makes images in \[0, 1\]. Received: .* in \[-1.0, 1.0\]"
    with pytest.raises(ValueError, match=message):
        DensityGuidedSuperResolver(generator, prior, DOWNSAMPLE)


def test_an_untrained_prior_is_refused():
    model = toy_model(Gaussian(np.inf))
    message = "needs a trained prior. Received: `gaussian.*` of coarseness inf"
    for method in (model.fit, model.evaluate):
        with pytest.raises(ValueError, match=message):
            method(vectors(), verbose=0)


def test_the_spread_of_the_toy_density_is_known():
    # Its most probable point has a code length of log det(2 pi C) / 4 ln 2.
    covariance = COVARIANCE + 0.25 * np.eye(2)
    shortest = np.log(np.linalg.det(2 * np.pi * covariance)) / (4 * np.log(2))
    found = Gaussian().bits_per_dim(np.array([[0.4, -0.3]], "float32"))
    np.testing.assert_allclose(found, [shortest], rtol=1e-6)
