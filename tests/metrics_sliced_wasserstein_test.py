import itertools

import keras
import numpy as np
import pytest
import scipy.ndimage
import scipy.stats
from keras import ops

from keras_affsr.data import grass
from keras_affsr.metrics import SlicedWasserstein
from keras_affsr.metrics.laplacian_pyramid import laplacian_pyramid

# Sums of some hundred float32 numbers near one, in another order.
TOLERANCE = {"rtol": 1e-4, "atol": 1e-6}


def tiles(image, size=64):
    """All tiles of an image, side by side and without overlap."""
    height, width, _ = image.shape
    corners = itertools.product(
        range(0, height - size + 1, size), range(0, width - size + 1, size)
    )
    return np.stack([image[i : i + size, j : j + size] for i, j in corners])


def blurred(images, sigma):
    return scipy.ndimage.gaussian_filter(images, (0, sigma, sigma, 0))


def distance(real, generated, **kwargs):
    return float(SlicedWasserstein(**kwargs)(real, generated))


@pytest.fixture(scope="module")
def halves():
    """Held-out grass: two sets of eight tiles that share no pixel."""
    images = tiles(grass("test"))
    order = np.random.default_rng(0).permutation(len(images))
    return images[order[::2]], images[order[1::2]]


def reference_distance(real, generated, num_levels, patch, seed, number):
    """The definition, with loops, in float64, by scipy's 1-D distance."""
    distances = []
    images = (real.astype("float64"), generated.astype("float64"))
    pyramids = [slow_pyramid(one, num_levels) for one in images]
    for level, (first, second) in enumerate(zip(*pyramids)):
        random = np.random.default_rng((seed, level))
        shape = (patch, patch, real.shape[-1], number)
        vectors = random.normal(size=shape).reshape(-1, number)
        vectors /= np.linalg.norm(vectors, axis=0)
        first, second = (
            np.stack([p.ravel() for x in xs for p in tiles(x, patch)]) @ vectors
            for xs in (first, second)
        )
        gaps = [
            scipy.stats.wasserstein_distance(a, b)
            for a, b in zip(first.T, second.T)
        ]
        stddev = np.sqrt(np.mean(np.var(first, axis=0)))
        distances.append(np.mean(gaps) / stddev)
    return np.mean(distances)


def slow_pyramid(images, num_levels):
    taps = np.array([1, 4, 6, 4, 1]) / 16
    levels = []

    def smooth(x):
        for axis in (1, 2):
            x = scipy.ndimage.correlate1d(x, taps, axis, mode="mirror")
        return x

    for _ in range(num_levels - 1):
        coarse = smooth(images)[:, ::2, ::2]
        batch, height, width, channels = coarse.shape
        wide = np.zeros((batch, 2 * height, 2 * width, channels))
        wide[:, ::2, ::2] = coarse
        wide = 4 * smooth(wide)[:, : images.shape[1], : images.shape[2]]
        levels.append(images - wide)
        images = coarse
    return [*levels, images]


@pytest.mark.parametrize("shape", [(3, 32, 40, 3), (2, 29, 27, 1)])
def test_it_is_the_distance_of_the_definition(shape):
    random = np.random.default_rng(0)
    real, generated = random.uniform(size=(2, *shape)).astype("float32")
    generated = blurred(generated, 1.0)
    expected = reference_distance(real, generated, 3, 5, seed=2, number=9)
    measured = distance(
        real, generated, patch_size=5, seed=2, num_projections=9
    )
    np.testing.assert_allclose(measured, expected, **TOLERANCE)


def test_the_levels_add_up_to_the_image():
    images = tiles(grass("test"), 50)
    levels = laplacian_pyramid(ops.convert_to_tensor(images), 3)
    assert [level.shape[1] for level in levels] == [50, 25, 13]
    expected = slow_pyramid(images.astype("float64"), 3)
    for level, reference in zip(levels, expected):
        np.testing.assert_allclose(level, reference, rtol=0, atol=1e-6)


def test_equal_sets_are_at_distance_zero_in_any_order(halves):
    real, _ = halves
    assert distance(real, real) == 0.0
    # Exact, because a patch has its projections wherever it is in the batch.
    assert distance(real, real[::-1]) == 0.0


def test_the_order_of_either_set_does_not_matter(halves):
    real, other = halves
    order = np.random.default_rng(1).permutation(len(real))
    expected = distance(real, other)
    assert expected > 0
    for first, second in ((real[order], other), (real, other[order])):
        np.testing.assert_allclose(
            distance(first, second), expected, **TOLERANCE
        )


def test_the_more_blurred_the_further_from_real(halves):
    real, other = halves
    sets = [other] + [blurred(other, sigma) for sigma in (0.7, 1.0, 2.0, 4.0)]
    distances = [distance(real, images) for images in sets]
    assert distances == sorted(distances)
    # Real against real is a sampling error; the strongest blur is not.
    assert distances[-1] > 2 * distances[0]


def test_noise_of_the_right_strength_beats_a_blurred_image(halves):
    real, other = halves
    smooth = blurred(other, 2.0)
    lost = np.std(other - smooth)
    noise = np.random.default_rng(0).normal(size=other.shape) * lost
    textured = (smooth + noise).astype("float32")
    sharpened = other + 0.5 * (other - blurred(other, 1.0))
    at_best = distance(real, other)
    assert at_best < distance(real, textured) < distance(real, smooth)
    assert at_best < distance(real, sharpened) < distance(real, smooth)


def test_lost_contrast_is_not_normalised_away(halves):
    real, _ = halves
    mean = real.mean()
    pale = (mean + 0.5 * (real - mean)).astype("float32")
    assert distance(real, pale) > 0.3


def test_batches_add_up_to_a_set(halves):
    real, other = halves
    metric = SlicedWasserstein()
    for start, stop in ((0, 3), (3, 8)):
        metric.update_state(real[start:stop], other[start:stop])
    np.testing.assert_allclose(
        metric.result(), distance(real, other), **TOLERANCE
    )
    metric.reset_state()
    assert float(metric.result()) == 0.0
    assert float(metric(real, real)) == 0.0


def test_patches_beyond_the_limit_are_ignored(halves):
    real, other = halves
    # With 81, 16 and 4 patches per image, the levels are full after two images.
    limit = {"max_patches": 112}
    metric = SlicedWasserstein(**limit)
    metric.update_state(real[:2], other[:2])
    metric.update_state(real[2:7], other[2:7])
    expected = float(metric.result())
    metric.update_state(other[:3], real[:3])
    assert float(metric.result()) == expected
    assert distance(real[:7], other[:7], **limit) == expected
    counts = [float(count) for _, _, count in metric.levels]
    assert counts == [112, 28, 7]


def test_the_seed_decides_the_projections(halves):
    assert distance(*halves) == distance(*halves)
    assert distance(*halves) != distance(*halves, seed=1)


def build_model(**kwargs):
    inputs = keras.Input((None, None, 1))
    outputs = keras.layers.Dense(1, kernel_initializer="identity")(inputs)
    model = keras.Model(inputs, outputs)
    metrics = [SlicedWasserstein(max_patches=1024, num_projections=16)]
    model.compile("sgd", loss="mse", metrics=metrics, **kwargs)
    return model


@pytest.mark.parametrize("jit_compile", [False, True])
def test_it_works_in_evaluate(halves, jit_compile):
    real, other = halves
    model = build_model(jit_compile=jit_compile)
    expected = distance(real, other, max_patches=1024, num_projections=16)
    for _ in range(2):  # The second run must not see the first one's patches.
        logs = model.evaluate(
            other, real, batch_size=3, verbose=0, return_dict=True
        )
        measured = logs["sliced_wasserstein"]
        np.testing.assert_allclose(measured, expected, **TOLERANCE)


def test_a_saved_model_evaluates_the_same(halves, tmp_path):
    real, other = halves
    model = build_model()
    before = model.evaluate(other, real, verbose=0, return_dict=True)
    path = tmp_path / "model.keras"
    model.save(path)
    loaded = keras.saving.load_model(path)
    after = loaded.evaluate(other, real, verbose=0, return_dict=True)
    assert after == before
    # The patches are state of an evaluation, and no part of the model.
    assert path.stat().st_size < 100_000


def test_the_config_makes_the_same_metric():
    arguments = {
        "num_levels": 2,
        "patch_size": 5,
        "num_projections": 8,
        "max_patches": 64,
        "seed": 3,
        "name": "other",
    }
    original = SlicedWasserstein(**arguments)
    config = keras.saving.serialize_keras_object(original)
    clone = keras.saving.deserialize_keras_object(config)
    assert clone.get_config() == original.get_config() == arguments


def test_half_precision_images_are_measured_in_float32(halves):
    real, other = halves
    half = ops.cast(other, "bfloat16")
    metric = SlicedWasserstein()
    metric.update_state(real, half)
    assert {variable.dtype for variable in metric.variables} == {"float32"}
    assert float(metric.result()) == distance(real, ops.cast(half, "float32"))


def test_checkpoints_know_that_less_is_better(halves, tmp_path):
    model = build_model()
    checkpoint = keras.callbacks.ModelCheckpoint(
        tmp_path / "best.keras",
        monitor="val_sliced_wasserstein",
        save_best_only=True,
    )
    model.fit(
        *halves, validation_data=halves, verbose=0, callbacks=[checkpoint]
    )
    assert checkpoint.monitor_op(1.0, 2.0)


def test_arguments_that_will_not_do_are_refused():
    images = np.zeros((2, 24, 40, 3), "float32")
    with pytest.raises(ValueError, match=r"at least 25 x 25 .* height is 24"):
        distance(images, images)
    assert distance(images, images, num_levels=2) == 0.0
    with pytest.raises(ValueError, match="the same shape"):
        distance(images, images[:1], num_levels=2)
    with pytest.raises(ValueError, match="`y_pred` as floats"):
        distance(images, images.astype("uint8"), num_levels=2)
    with pytest.raises(ValueError, match="at least 16 as max_patches"):
        SlicedWasserstein(max_patches=15)
    with pytest.raises(ValueError, match="num_projections=0"):
        SlicedWasserstein(num_projections=0)
    with pytest.raises(ValueError, match="not to `weighted_metrics`"):
        SlicedWasserstein().update_state(images, images, sample_weight=1.0)
