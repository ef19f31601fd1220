import os

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_affsr.export import export_saved_model
from keras_affsr.layers import BoxDownsample
from keras_affsr.layers import LinearDownsample
from keras_affsr.layers import SubPixel
from keras_affsr.networks import generator
from tests.export_tiny import DOWNSAMPLE
from tests.export_tiny import loaded
from tests.export_tiny import model
from tests.export_tiny import pixels
from tests.export_tiny import run
from tests.export_tiny import shrunk

# The exported graph computes the operator's matrices itself, and in another
# order than those of a known size: some roundings of float32 of values near 1.
ROUNDING = 5e-6
BOX = BoxDownsample(scale=2)


def floats(*shape, seed=0):
    return np.random.default_rng(seed).random(shape, dtype="float32")


def soft_generator(channels=4):
    """A generator that is quickly exported: it has no projection.

    With four channels there are no files, and with a box no long kernels.
    """
    return generator(
        BOX, channels=channels, filters=(4,), skip_every=0, project=False
    )


@pytest.mark.parametrize("shape", [(2, 9, 13, 3), (1, 2, 2, 3), (3, 70, 5, 3)])
def test_the_float_signature_is_the_generator(shape):
    low_res = floats(*shape)
    high_res = run("serving_default", low_res=low_res)["high_res"]
    assert high_res.dtype == np.float32
    expected = model().generator(low_res)
    np.testing.assert_allclose(high_res, expected, atol=ROUNDING)


@pytest.mark.parametrize("shape", [(2, 9, 13, 3), (1, 4, 3, 3)])
def test_the_8_bit_signature_shrinks_to_its_input(shape):
    low_res = np.stack([pixels(*shape[1:], seed=n) for n in range(shape[0])])
    high_res = run("serve_uint8", low_res=low_res)["high_res"]
    for returned, sent in zip(high_res, low_res, strict=True):
        np.testing.assert_array_equal(shrunk(returned), sent)


def test_the_files_stay_near_to_the_generator():
    low_res = pixels(20, 20, 3)
    images = run("serve_uint8", low_res=low_res[None])["high_res"] / 255.0
    guess = model().generator((low_res[None] / 255.0).astype("float32"))
    # Rounding alone is off by 1 / 255 / sqrt(12); the guess also leaves [0, 1].
    distance = np.sqrt(np.mean((images - np.clip(guess, 0, 1)) ** 2))
    assert distance < 3 / 255


def test_a_stochastic_model_is_sampled_by_its_seeds():
    low_res, seeds = floats(3, 6, 7, 1), np.array([4, 11, 4])
    high_res = run("serving_default", "grey", low_res=low_res, seed=seeds)
    for number, seed in enumerate(seeds):
        alone = low_res[number : number + 1]
        expected = model("grey").sample(alone, seed=int(seed))[0, 0]
        np.testing.assert_allclose(
            high_res["high_res"][number], expected, atol=ROUNDING
        )


def test_another_seed_gives_another_image_of_the_same_measurement():
    sent = np.stack([pixels(8, 8, 1)] * 2)
    images = run("serve_uint8", "grey", low_res=sent, seed=np.array([1, 2]))
    first, second = images["high_res"]
    assert np.any(first != second)
    for image in (first, second):
        np.testing.assert_array_equal(shrunk(image), sent[0])


def test_the_signatures_have_names_and_types_that_clients_can_rely_on():
    found = {
        name: {
            **signature.structured_input_signature[1],
            **signature.structured_outputs,
        }
        for name, signature in loaded("grey").signatures.items()
    }
    image = ([None, None, None, 1], "float32")
    integers = ([None, None, None, 1], "uint8")
    seed = ([None], "int64")
    expected = {
        "serving_default": {"low_res": image, "high_res": image, "seed": seed},
        "serve_uint8": {
            "low_res": integers,
            "high_res": integers,
            "seed": seed,
        },
        "serve_png": {
            "low_res_bytes": ([None], "string"),
            "high_res_bytes": ([None], "string"),
            "consistency_error": ([None], "float32"),
            "unmatched": ([None], "int64"),
            "seed": seed,
        },
    }
    assert {
        name: {
            key: (spec.shape.as_list(), spec.dtype.name)
            for key, spec in specs.items()
        }
        for name, specs in found.items()
    } == expected


def test_each_weight_is_stored_once(tmp_path):
    network = generator(BOX, channels=4, filters=(64, 64), project=False)
    path = export_saved_model(network, tmp_path / "m", downsample=BOX)
    variables = os.path.join(path, "variables", "variables.data-00000-of-00001")
    needed = 4 * network.count_params()
    # What else is there: the names of the objects, some kilobytes.
    assert needed <= os.path.getsize(variables) < 1.2 * needed


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_a_model_of_half_precision_is_served_in_float32(tmp_path, policy):
    full = soft_generator()
    keras.config.set_dtype_policy(policy)
    half = soft_generator()
    keras.config.set_dtype_policy("float32")
    half.set_weights(full.get_weights())
    path = export_saved_model(half, tmp_path / "m", downsample=BOX)
    low_res = floats(1, 16, 16, 4)
    served = tf.saved_model.load(path).signatures["serving_default"]
    high_res = served(low_res=tf.constant(low_res))["high_res"]
    np.testing.assert_array_equal(high_res, full(low_res))
    assert np.any(half(low_res) != full(low_res))
    assert half.dtype_policy.name == policy  # It is left as it was.


def test_a_soft_model_keeps_its_floats_and_returns_bytes_that_agree(tmp_path):
    network = soft_generator()
    path = export_saved_model(network, tmp_path / "m", downsample=BOX)
    served = tf.saved_model.load(path).signatures
    # Four channels are no image file, but they are served otherwise.
    assert set(served) == {"serving_default", "serve_uint8"}
    sent = pixels(8, 9, 4)[None]
    low_res = tf.constant((sent / 255.0).astype("float32"))
    high_res = served["serving_default"](low_res=low_res)["high_res"]
    np.testing.assert_array_equal(high_res, network(low_res))
    images = served["serve_uint8"](low_res=tf.constant(sent))["high_res"]
    returned = BOX(images.numpy().astype("float32"))
    np.testing.assert_array_equal(np.round(returned), sent)


def test_versions_are_counted(tmp_path):
    for name in ("2", "10", "partial_11_1", "notes"):
        os.makedirs(tmp_path / name)
    network = soft_generator()
    options = {"downsample": BOX}
    assert export_saved_model(network, tmp_path, **options) == str(
        tmp_path / "11"
    )
    path = export_saved_model(network, str(tmp_path), version=4, **options)
    assert path == str(tmp_path / "4")
    assert sorted(os.listdir(tmp_path)) == sorted(
        ["2", "10", "11", "4", "partial_11_1", "notes"]
    )


def test_a_version_that_exists_is_refused_before_anything_is_done(tmp_path):
    os.makedirs(tmp_path / "7")
    with pytest.raises(FileExistsError, match=r"version=7, .* \[7\]"):
        export_saved_model(
            soft_generator(), tmp_path, version=7, downsample=BOX
        )
    assert os.listdir(tmp_path / "7") == []


def sub_pixel_model(scale, size=None):
    low_res = keras.Input((size, size, 3))
    features = keras.layers.Conv2D(3 * scale**2, 3, padding="same")(low_res)
    return keras.Model(low_res, SubPixel(scale)(features))


class Subclassed(keras.Model):
    def call(self, low_res):
        return low_res


@pytest.mark.parametrize(
    ("make", "options", "message"),
    [
        (lambda: "m.keras", {}, "needs a Model as model"),
        (soft_generator, {}, "has no `AffineProjection`. Give it a downsample"),
        (soft_generator, {"downsample": abs}, "needs a Downsample as"),
        (
            lambda: sub_pixel_model(3),
            {"downsample": DOWNSAMPLE},
            r"shape \(1, 48, 48, 3\) of such of shape \(1, 16, 16, 3\). "
            r"Expected: \(1, 32, 32, 3\)",
        ),
        (
            Subclassed,
            {"downsample": DOWNSAMPLE},
            r"needs a generator with one input .* Make it a functional model",
        ),
        (model, {"version": 0}, "at least 1 as version"),
        (model, {"max_pixels": 0.5}, "at least 1 as max_pixels"),
        (model, {"warmup_sizes": [(3, 0)]}, "at least 1 as warmup_sizes"),
        (model, {"warmup_sizes": [5] * 334}, "the server takes 1000"),
    ],
)
def test_what_cannot_be_exported_is_refused(tmp_path, make, options, message):
    with pytest.raises(ValueError, match=message):
        export_saved_model(make(), tmp_path / "m", **options)
    assert not os.path.exists(tmp_path / "m")


def test_vectors_are_refused(tmp_path):
    downsample = LinearDownsample([[0.5, 0.5]])
    network = generator(downsample, preset="swiss_roll")
    with pytest.raises(ValueError, match=r"one input of shape \(batch"):
        export_saved_model(network, tmp_path / "m")


def test_a_warm_up_that_fails_is_told_before_anything_is_written(tmp_path):
    network = sub_pixel_model(2, size=16)
    with pytest.raises(ValueError, match=r"with an image of \(8, 8\) pixels"):
        export_saved_model(
            network,
            tmp_path / "m",
            warmup_sizes=[8],
            downsample=BOX,
        )
    assert os.listdir(tmp_path / "m") == []
