import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_affsr.data import crop_to_multiple
from keras_affsr.data import grass
from keras_affsr.data import pairs
from keras_affsr.data import texture_patches
from keras_affsr.data import unpaired
from keras_affsr.layers import GaussianDownsample


@pytest.fixture
def downsample():
    return GaussianDownsample(scale=4)


@pytest.fixture
def patches():
    return texture_patches(grass("train"), 32, 4, num_batches=3)


def test_low_res_is_the_downsampled_high_res(patches, downsample):
    dataset = pairs(patches, downsample)
    for (low_res, high_res), images in zip(dataset, patches):
        np.testing.assert_array_equal(high_res, images)
        np.testing.assert_array_equal(low_res, downsample(images))


def test_shapes_and_length_are_known(patches, downsample):
    dataset = pairs(patches, downsample)
    assert dataset.element_spec == (
        tf.TensorSpec((4, 8, 8, 1), "float32"),
        tf.TensorSpec((4, 32, 32, 1), "float32"),
    )
    assert dataset.cardinality() == 3


def test_an_array_is_cut_into_batches(downsample):
    images = np.random.default_rng(0).uniform(size=(5, 8, 8, 3))
    batches = list(pairs(images, downsample, batch_size=2))
    assert [len(high_res) for _, high_res in batches] == [2, 2, 1]
    together = np.concatenate([high_res for _, high_res in batches])
    np.testing.assert_array_equal(together, images.astype("float32"))


def test_unpaired_images_come_each_from_their_source(patches, downsample):
    others = texture_patches(grass("train"), 64, 4, seed=1)
    dataset = unpaired(patches, others, downsample)
    count = 0
    for (low_res, high_res), first, second in zip(dataset, patches, others):
        np.testing.assert_array_equal(low_res, downsample(first))
        np.testing.assert_array_equal(high_res, second)
        count += 1
    assert count == 3 == dataset.cardinality()


def test_a_function_will_do_as_operator(patches):
    def every_other(images):
        return images[:, ::2, ::2]

    low_res, high_res = next(iter(pairs(patches, every_other)))
    np.testing.assert_array_equal(low_res, high_res[:, ::2, ::2])


def test_a_layer_with_weights_will_do_as_operator(patches):
    layer = keras.layers.Conv2D(1, 4, strides=4, use_bias=False)
    low_res, high_res = next(iter(pairs(patches, layer)))
    np.testing.assert_allclose(low_res, layer(high_res), rtol=0, atol=1e-6)


def test_half_precision_policy_leaves_pairs_in_float32(patches):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        dataset = pairs(patches, GaussianDownsample(scale=4))
    finally:
        keras.config.set_dtype_policy(before)
    low_res, high_res = next(iter(dataset))
    np.testing.assert_array_equal(
        low_res, GaussianDownsample(scale=4)(high_res)
    )


def test_a_model_trains_on_pairs(patches, downsample):
    model = keras.Sequential([keras.layers.Conv2DTranspose(1, 4, 4)])
    model.compile(loss="mse")
    dataset = pairs(patches, downsample)
    history = model.fit(dataset, shuffle=False, verbose=0).history
    assert np.isfinite(history["loss"][0])


def test_sizes_that_do_not_divide_name_the_crop(downsample):
    images = np.zeros((2, 30, 32, 1))
    # From its beginning: not buried in the report of a failed graph.
    message = r"^`gaussian_downsample.* `keras_affsr.data.crop_to_multiple\("
    with pytest.raises(ValueError, match=message):
        pairs(images, downsample)
    with pytest.raises(ValueError, match=message):
        unpaired(images, images, downsample)
    dataset = pairs(crop_to_multiple(images, 4), downsample)
    assert next(iter(dataset))[0].shape == (2, 7, 8, 1)


def test_elements_that_are_no_float_batches_are_refused(patches, downsample):
    integers = patches.map(lambda images: tf.cast(255 * images, "uint8"))
    with pytest.raises(ValueError, match=r"uint8 .* 'float32'\) / 255.0"):
        pairs(integers, downsample)
    with pytest.raises(ValueError, match=r"images.batch\(16\)"):
        pairs(patches.unbatch(), downsample)
    with pytest.raises(ValueError, match="lambda low_res, high_res: high_res"):
        pairs(pairs(patches, downsample), downsample)
    with pytest.raises(ValueError, match=r"`high_res_source`.* uint8"):
        unpaired(patches, integers, downsample)


def test_arrays_and_operators_that_will_not_do_are_refused(patches, downsample):
    with pytest.raises(ValueError, match=r"dtype uint8. Divide by 255.0"):
        pairs(np.zeros((2, 8, 8, 1), "uint8"), downsample)
    with pytest.raises(ValueError, match=r"images\[None\]"):
        pairs(np.zeros((8, 8, 1)), downsample)
    with pytest.raises(ValueError, match="downsample=4"):
        pairs(patches, 4)


def test_sources_of_different_channels_are_refused(patches, downsample):
    colour = np.zeros((4, 32, 32, 3))
    with pytest.raises(ValueError, match="same number of channels"):
        unpaired(patches, colour, downsample)
