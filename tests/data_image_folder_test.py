import os

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from keras_affsr.data import crop_to_multiple
from keras_affsr.data import pairs
from keras_affsr.data.batch_files import batch_files
from keras_affsr.data.image_folder import image_folder
from keras_affsr.layers import GaussianDownsample
from tests.data_files import cut_out
from tests.data_files import numbers
from tests.data_files import write
from tests.data_files import write_numbered

# One unit in the last place below 1: the graph multiplies by 1 / 255.
LAST_PLACE = 2**-24


def read(dataset, count=-1):
    return list(dataset.take(count).as_numpy_iterator())


@pytest.fixture
def folder(tmp_path):
    """Images of several sizes and formats, in a tree."""
    write(tmp_path / "a" / "deep" / "c.jpg", cut_out(64, 32, "chelsea"))
    write(tmp_path / "a" / "z.PNG", cut_out(33, 47, "astronaut"))
    write(tmp_path / "a.bmp", cut_out(36, 36, "rocket"))
    write(tmp_path / "b.png", cut_out(40, 50))
    return tmp_path


@pytest.fixture
def wholes(folder):
    """The images of the folder, in their order, by Pillow."""
    names = ("a/deep/c.jpg", "a/z.PNG", "a.bmp", "b.png")
    images = [np.asarray(Image.open(folder / name)) for name in names]
    return [image / np.float32(255) for image in images]


def find(patch, wholes):
    """Returns the number of the image, and the place in it, of a patch."""
    for number, whole in enumerate(wholes):
        windows = np.lib.stride_tricks.sliding_window_view(
            whole, patch.shape, (0, 1, 2)
        )[:, :, 0]  # [tops, lefts, height, width, channels]
        error = np.max(np.abs(windows - patch), axis=(2, 3, 4))
        if error.min() <= LAST_PLACE:
            return number, *np.unravel_index(error.argmin(), error.shape)
    raise AssertionError("the patch is in no image")


def test_whole_images_are_those_of_pillow_in_order(folder, wholes):
    images = read(image_folder(folder, patch_size=None, training=False))
    assert len(images) == 4
    for image, whole in zip(images, wholes):
        np.testing.assert_allclose(image, whole[None], rtol=0, atol=LAST_PLACE)


def test_whole_images_are_cropped_to_a_multiple_of_the_scale(folder, wholes):
    options = {"patch_size": None, "scale": (4, 3), "training": False}
    for image, whole in zip(read(image_folder(folder, **options)), wholes):
        expected = crop_to_multiple(whole, (4, 3))[None]
        np.testing.assert_allclose(image, expected, rtol=0, atol=LAST_PLACE)


def test_patches_come_from_anywhere_in_every_image(folder, wholes):
    dataset = image_folder(folder, patch_size=30, batch_size=4, flips=False)
    patches = np.concatenate(read(dataset, 60))
    places = np.array([find(patch, wholes) for patch in patches])
    for number, whole in enumerate(wholes):
        tops, lefts = places[places[:, 0] == number, 1:].T
        assert len(tops) == 60
        for starts, size in zip((tops, lefts), whole.shape):
            # 60 draws of 35 positions or fewer miss one end by 5 once in
            # 14,000 seeds.
            assert starts.min() <= 5
            assert starts.max() >= size - 30 - 5


def test_every_position_is_equally_likely(tmp_path, caplog):
    write(tmp_path / "a.png", np.arange(81, dtype="uint8").reshape(9, 9))
    options = {"patch_size": 8, "batch_size": 400, "channels": 1}
    (batch,) = read(image_folder(tmp_path, flips=False, **options), 1)
    corners, counts = np.unique(
        np.round(255 * batch[:, 0, 0, 0]), return_counts=True
    )
    np.testing.assert_array_equal(corners, [0, 1, 9, 10])
    # Five standard deviations of a binomial of 400 draws.
    assert np.all(np.abs(counts - 100) < 44)
    assert not caplog.records


def test_evaluation_takes_the_centre_of_each_image_once(folder, wholes):
    dataset = image_folder(folder, patch_size=30, batch_size=3, training=False)
    batches = read(dataset)
    assert [len(batch) for batch in batches] == [3, 1]
    for patch, whole in zip(np.concatenate(batches), wholes):
        top, left = ((size - 30) // 2 for size in whole.shape[:2])
        expected = whole[top : top + 30, left : left + 30]
        np.testing.assert_allclose(patch, expected, rtol=0, atol=LAST_PLACE)


def test_flips_mirror_each_axis_half_of_the_time(tmp_path):
    image = np.arange(8 * 8, dtype="uint8").reshape(8, 8)
    write(tmp_path / "a.png", image)
    options = {"patch_size": 8, "batch_size": 400, "channels": 1}
    (batch,) = read(image_folder(tmp_path, **options), 1)
    flipped = [image, image[:, ::-1], image[::-1], image[::-1, ::-1]]
    images, counts = np.unique(np.round(255 * batch[..., 0]), axis=0,
                               return_counts=True)  # fmt: skip
    np.testing.assert_array_equal(images, np.unique(flipped, axis=0))
    # Five standard deviations of a binomial of 400 tosses.
    assert np.all(np.abs(counts - 100) < 44)
    (batch,) = read(image_folder(tmp_path, flips=False, **options), 1)
    assert len(np.unique(batch, axis=0)) == 1


def test_each_epoch_has_each_image_once_in_another_order(tmp_path):
    write_numbered(tmp_path, 10)
    dataset = image_folder(tmp_path, patch_size=4, batch_size=5)
    seen = [numbers(batch) for batch in read(dataset, 6)]
    epochs = [seen[i] + seen[i + 1] for i in (0, 2, 4)]
    assert [sorted(epoch) for epoch in epochs] == [list(range(10))] * 3
    assert epochs[0] != epochs[1] != epochs[2] != epochs[0]


def test_batches_are_a_function_of_seed_and_number(folder):
    def make(**options):
        options = {"patch_size": 16, "batch_size": 3, **options}
        return np.array(read(image_folder(folder, **options), 4))

    first = make()
    np.testing.assert_array_equal(make(), first)
    np.testing.assert_array_equal(make(start_batch=2)[:2], first[2:])
    assert len(np.unique(first.reshape(12, -1), axis=0)) == 12
    assert not np.array_equal(make(seed=1), first)
    assert not np.array_equal(make(flips=False), first)


def test_order_is_that_of_the_names_whatever_the_file_system(tmp_path):
    order = ["1.png", "10.png", "2/9.png", "2.png", "B.png", "a.png"]
    for number in (3, 0, 5, 2, 4, 1):
        image = np.full((8, 8), number, "uint8")
        write(tmp_path / order[number], image)
    (batch,) = read(image_folder(tmp_path, patch_size=8, training=False))
    assert numbers(batch) == list(range(6))


def test_files_of_a_batch_are_named(tmp_path):
    write_numbered(tmp_path, 7)
    for training in (True, False):
        options = {"patch_size": 4, "batch_size": 3, "training": training}
        for number, batch in enumerate(
            read(image_folder(tmp_path, **options), 5)
        ):
            names = [f"{value:03}.png" for value in numbers(batch)]
            files = batch_files(number, tmp_path, **options)
            assert [os.path.basename(file) for file in files] == names
            assert all(os.path.isfile(file) for file in files)


def test_shapes_dtype_and_range_are_known(folder):
    def spec(*shape):
        return tf.TensorSpec(shape, "float32")

    dataset = image_folder(folder, patch_size=24)
    assert dataset.element_spec == spec(16, 24, 24, 3)
    (batch,) = read(dataset, 1)
    assert batch.min() >= 0 and 0.5 < batch.max() <= 1
    dataset = image_folder(folder, patch_size=None, channels=1, training=False)
    assert dataset.element_spec == spec(1, None, None, 1)
    assert len(read(image_folder(folder, patch_size=24, num_batches=3))) == 3


def test_a_model_trains_and_evaluates_on_a_folder(folder):
    downsample = GaussianDownsample(scale=4)
    options = {"patch_size": 16, "batch_size": 2}
    patches = pairs(image_folder(folder, **options), downsample)
    model = keras.Sequential([keras.layers.Conv2DTranspose(3, 4, 4)])
    model.compile(loss="mse")
    history = model.fit(
        patches,
        steps_per_epoch=2,
        epochs=2,
        validation_data=pairs(
            image_folder(folder, training=False, **options), downsample
        ),
        verbose=0,
    ).history
    assert np.all(np.isfinite(history["loss"] + history["val_loss"]))
    wholes = image_folder(folder, patch_size=None, scale=4, training=False)
    for low_res, high_res in pairs(wholes, downsample):
        assert model(low_res).shape == high_res.shape
