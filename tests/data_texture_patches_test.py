import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_affsr.data import photograph
from keras_affsr.data import texture_patches

# A chi-square statistic of n degrees of freedom has mean n and variance 2 n;
# seven deviations are never exceeded by chance, and the seed is fixed anyway.
DEVIATIONS = 7


def numbered(height, width, start=0):
    """An image of which every pixel is different, so that it can be found."""
    pixels = start + np.arange(height * width, dtype="float32")
    return (pixels / 4096.0).reshape(height, width, 1)


def first_batches(number, *args, **kwargs):
    dataset = texture_patches(*args, **kwargs)
    return np.stack([x.numpy() for x in itertools.islice(dataset, number)])


def is_patch_of(patch, image):
    top, left = np.argwhere(image[..., 0] == patch.min())[0]
    size = len(patch)
    return np.array_equal(image[top : top + size, left : left + size], patch)


def test_patches_are_cut_out_of_the_images():
    images = [numbered(9, 13), numbered(20, 7, start=200)]
    batches = first_batches(5, images, 5, 8, flips=False)
    for patch in batches.reshape(-1, 5, 5, 1):
        image = images[int(patch.min() * 4096 >= 200)]
        assert is_patch_of(patch, image)


def test_flips_give_the_four_mirror_images():
    image = numbered(6, 6)
    patches = first_batches(1, image, 6, 64)[0]  # The image is one patch.
    mirrored = [image[::i, ::j] for i in (1, -1) for j in (1, -1)]
    counts = [
        sum(np.array_equal(patch, one) for patch in patches) for one in mirrored
    ]
    assert sum(counts) == 64
    assert min(counts) > 0


def test_every_position_is_equally_likely():
    images = [numbered(9, 7), numbered(5, 12, start=100)]
    batches = first_batches(40, images, 4, 64, flips=False)
    corners = np.round(batches[:, :, 0, 0, 0] * 4096).astype(int)
    _, counts = np.unique(corners, return_counts=True)
    num_positions = 6 * 4 + 2 * 9
    assert len(counts) == num_positions
    expected = corners.size / num_positions
    statistic = np.sum((counts - expected) ** 2) / expected
    freedom = num_positions - 1
    assert statistic < freedom + DEVIATIONS * np.sqrt(2 * freedom)


def test_a_batch_depends_on_the_seed_and_its_number_alone():
    image = numbered(40, 40)
    batches = first_batches(6, image, 8, 4)
    np.testing.assert_array_equal(first_batches(6, image, 8, 4), batches)
    rest = texture_patches(image, 8, 4).skip(3)
    for batch, expected in zip(rest, batches[3:]):
        np.testing.assert_array_equal(batch, expected)
    for kwargs in ({}, {"num_batches": 3}):
        rest = first_batches(3, image, 8, 4, start_batch=3, **kwargs)
        np.testing.assert_array_equal(rest, batches[3:])
    flat = {batch.tobytes() for batch in batches}
    assert len(flat) == 6
    others = first_batches(6, image, 8, 4, seed=1)
    assert not flat & {batch.tobytes() for batch in others}


def test_shapes_are_static_and_the_length_is_known():
    image = photograph("coffee")
    endless = texture_patches(image, 16, 4)
    assert endless.element_spec == tf.TensorSpec((4, 16, 16, 3), "float32")
    assert endless.cardinality() == tf.data.INFINITE_CARDINALITY
    assert texture_patches(image, 16, 4, num_batches=7).cardinality() == 7
    rest = texture_patches(image, 16, 4, num_batches=7, start_batch=5)
    assert rest.cardinality() == 7
    assert endless.options().deterministic


def test_one_array_may_hold_many_images():
    images = np.stack([numbered(8, 8), numbered(8, 8, start=64)])
    np.testing.assert_array_equal(
        first_batches(3, images, 4, 8), first_batches(3, list(images), 4, 8)
    )


class Recorder(keras.layers.Layer):
    """Keeps the mean of each batch that it is called on."""

    def __init__(self):
        super().__init__()
        self.means = []

    def call(self, images):
        self.means.append(float(np.mean(images)))
        return images


def test_each_epoch_of_fit_has_new_patches():
    dataset = texture_patches(photograph("coffee"), 8, 2)
    recorder = Recorder()
    model = keras.Sequential([recorder, keras.layers.Conv2D(3, 1)])
    model.build((None, 8, 8, 3))
    recorder.means.clear()
    model.compile(loss="mse", run_eagerly=True)
    with_targets = dataset.map(lambda images: (images, images))
    model.fit(
        with_targets, steps_per_epoch=3, epochs=2, shuffle=False, verbose=0
    )
    expected = [float(np.mean(x)) for x in itertools.islice(dataset, 6)]
    assert recorder.means == expected


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((9, 9, 3), "uint8"), r"dtype uint8. Divide by 255.0"),
        (np.full((9, 9, 1), 2.0), "values from 2 to 2"),
        (np.full((9, 9, 1), np.nan), "81 NaN or infinite values"),
        (np.zeros((9, 9)), r"channel with `image\[..., None\]`"),
        ([], r"Received: shapes \[\]"),
        ([np.zeros((9, 9, 1)), np.zeros((9, 9, 3))], "same number of channels"),
        ([np.zeros((9, 9, 1)), np.zeros((9, 7, 1))], "patch_size at most 7"),
    ],
)
def test_images_that_will_not_do_are_refused(images, message):
    with pytest.raises(ValueError, match=message):
        texture_patches(images, patch_size=8)


@pytest.mark.parametrize(
    "argument",
    ["patch_size", "batch_size", "num_batches", "seed", "start_batch"],
)
def test_numbers_that_will_not_do_are_refused(argument):
    with pytest.raises(ValueError, match=f"{argument}=-1"):
        texture_patches(np.zeros((80, 80, 1)), **{argument: -1})
