import importlib.util
import os

import keras
import numpy as np
import pytest
from PIL import Image

from keras_affsr.callbacks import ImageGrid
from keras_affsr.callbacks import bicubic
from keras_affsr.callbacks import draw_grid
from keras_affsr.callbacks import save_png
from keras_affsr.callbacks.draw_grid import nearest
from keras_affsr.data import grass
from keras_affsr.data import pairs
from keras_affsr.data import photograph
from keras_affsr.data import texture_patches
from keras_affsr.layers import GaussianDownsample


@pytest.fixture
def data():
    patches = texture_patches(grass("test"), 32, 4, num_batches=2)
    return pairs(patches, GaussianDownsample(scale=4))


@pytest.fixture
def model():
    layers = [keras.layers.UpSampling2D(4), keras.layers.Conv2D(1, 1)]
    model = keras.Sequential([keras.Input((None, None, 1)), *layers])
    model.compile("sgd", loss="mse")
    return model


def read(path):
    with Image.open(path) as image:
        return np.asarray(image)


def contains(grid, tile):
    """Whether a picture shows another one somewhere, pixel by pixel."""
    height, width = tile.shape[:2]
    corners = np.argwhere(np.all(grid == tile[0, 0], axis=-1))
    return any(
        np.array_equal(grid[y : y + height, x : x + width], tile)
        for y, x in corners
    )


def test_every_image_is_in_the_picture_enlarged():
    large = photograph("astronaut")[:24, :32]
    small = photograph("camera")[:6, :8]
    grid = draw_grid({"small": [small], "large": [large]}, zoom=2)
    assert grid.dtype == np.uint8 and grid.shape[2] == 3
    shown = np.round(255 * large).astype("uint8").repeat(2, 0).repeat(2, 1)
    assert contains(grid, shown)
    shown = np.round(255 * small).astype("uint8").repeat(8, 0).repeat(8, 1)
    assert contains(grid, shown.repeat(3, axis=2))


def test_labels_and_title_are_written_above_the_images():
    images = [np.ones((40, 120))]
    plain = draw_grid({"": images}, zoom=1)
    labelled = draw_grid({"generated": images}, zoom=1)
    titled = draw_grid({"generated": images}, title="epoch 7", zoom=1)
    assert plain.min() == 255
    assert labelled.shape == plain.shape and labelled.min() < 100
    assert len(titled) > len(labelled)
    # A label wider than its column makes room for itself.
    wide = draw_grid({"a label of many letters": images}, zoom=1)
    assert wide.shape[1] > plain.shape[1]


def test_rows_may_differ_in_size():
    images = [np.zeros((10, 20, 1)), np.zeros((30, 40, 3))]
    grid = draw_grid({"a": images, "b": images}, zoom=1)
    black = np.all(grid == 0, axis=-1)
    assert black.sum() == 2 * (10 * 20 + 30 * 40)


def test_small_images_are_zoomed_until_they_can_be_seen():
    assert draw_grid({"": [np.zeros((16, 16))]}).shape[1] > 160
    assert draw_grid({"": [np.zeros((500, 500))]}).shape[1] < 600


def test_nearest_and_bicubic_keep_what_they_should():
    image = photograph("coffee")[:5, :7]
    large = nearest(image, (10, 21))
    np.testing.assert_array_equal(large, image.repeat(2, 0).repeat(3, 1))
    assert bicubic(image, (10, 21)).shape == (10, 21, 3)
    # Bicubic interpolation keeps a constant; float32 rounds the weights' sum.
    flat = bicubic(np.full((5, 7, 1), 0.3), (20, 28))
    np.testing.assert_allclose(flat, 0.3, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({}, "at least one"),
        ({"a": [np.zeros((4, 4))], "b": []}, r"\{'a': 1, 'b': 0\}"),
        ({"a": [np.zeros((4, 4, 2))]}, r"shape \(4, 4, 2\) in the column 'a'"),
        ({"a": [np.full((4, 4), 2.0)]}, "`a` as floats in .* from 2 to 2"),
        ({"a": [np.zeros((4, 4), "uint8")]}, "Divide by 255.0"),
    ],
)
def test_columns_that_will_not_do_are_refused(columns, message):
    with pytest.raises(ValueError, match=message):
        draw_grid(columns)


def test_a_saved_picture_reads_back(tmp_path):
    picture = draw_grid({"grass": [grass()[:32, :32]]})
    path = tmp_path / "new" / "folder" / "picture.png"
    save_png(picture, path)
    np.testing.assert_array_equal(read(path), picture)
    assert os.listdir(path.parent) == ["picture.png"]


def test_a_picture_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "picture.png"
    save_png(np.zeros((4, 4, 3), "uint8"), path)

    def fail(self, file, format):
        with open(file, "wb") as half:
            half.write(b"half")
        raise OSError("No space left on device")

    monkeypatch.setattr(Image.Image, "save", fail)
    with pytest.raises(OSError, match="No space left"):
        save_png(np.ones((4, 4, 3), "uint8"), path)
    assert os.listdir(tmp_path) == ["picture.png"]
    assert read(path).max() == 0


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    path = tmp_path / "file" / "picture.png"
    with pytest.raises(OSError, match="`save_png` cannot write"):
        save_png(np.zeros((4, 4, 3), "uint8"), path)
    with pytest.raises(ValueError, match="dtype float64"):
        save_png(np.zeros((4, 4, 3)), tmp_path / "picture.png")


def test_training_writes_a_picture_every_few_epochs(data, model, tmp_path):
    grid = ImageGrid(data, tmp_path / "pictures", every=2)
    model.fit(data, epochs=5, shuffle=False, verbose=0, callbacks=[grid])
    names = sorted(os.listdir(tmp_path / "pictures"))
    assert names == ["epoch_0002.png", "epoch_0004.png"]
    second, fourth = (read(tmp_path / "pictures" / name) for name in names)
    assert np.any(second != fourth)


def test_the_picture_shows_the_batch_and_the_output(data, model, tmp_path):
    grid = ImageGrid(data, tmp_path, num_images=2)
    model.fit(data, shuffle=False, verbose=0, callbacks=[grid])
    low_res, high_res = (images.numpy() for images in next(iter(data)))
    columns = {
        "low res": low_res[:2],
        "bicubic": [bicubic(image, (32, 32)) for image in low_res[:2]],
        "generated": model.predict_on_batch(low_res[:2]),
        "truth": high_res[:2],
    }
    clipped = {name: np.clip(x, 0, 1) for name, x in columns.items()}
    np.testing.assert_array_equal(
        read(tmp_path / "epoch_0001.png"), draw_grid(clipped, "epoch 1")
    )


def test_arrays_show_what_a_dataset_does(data, model, tmp_path):
    first = ImageGrid(data, tmp_path)
    second = ImageGrid(tuple(x.numpy() for x in next(iter(data))), tmp_path)
    for grid in (first, second):
        grid.set_model(model)
    np.testing.assert_array_equal(first.draw(), second.draw())


def test_a_model_that_diverged_does_not_end_the_training(data, tmp_path):
    model = keras.Sequential([keras.layers.UpSampling2D(4)])
    model.add(keras.layers.Rescaling(float("nan")))
    grid = ImageGrid(data, tmp_path)
    grid.set_model(model)
    assert grid.draw().dtype == np.uint8


def test_low_res_images_may_overshoot(model, tmp_path):
    low_res, high_res = np.full((1, 8, 8, 1), 1.1), np.ones((1, 32, 32, 1))
    grid = ImageGrid((low_res, high_res), tmp_path)
    grid.set_model(model)
    assert grid.draw().dtype == np.uint8


def test_data_that_will_not_do_is_refused(data, tmp_path):
    with pytest.raises(ValueError, match="pair of arrays"):
        ImageGrid(texture_patches(grass(), num_batches=1), tmp_path)
    with pytest.raises(ValueError, match="pair of arrays"):
        ImageGrid(data.take(0), tmp_path)
    low_res, high_res = np.zeros((2, 8, 8, 1)), np.zeros((2, 32, 32, 1))
    with pytest.raises(ValueError, match="`low_res` as floats"):
        ImageGrid((low_res.astype("uint8"), high_res), tmp_path)
    with pytest.raises(ValueError, match="Received: 1 and 2"):
        ImageGrid((low_res[:1], high_res), tmp_path)
    with pytest.raises(ValueError, match=r"`high_res` of shape .*images\[Non"):
        ImageGrid((low_res, high_res[0]), tmp_path)
    with pytest.raises(ValueError, match="every=0"):
        ImageGrid(data, tmp_path, every=0)


def test_a_bad_directory_is_found_before_the_first_epoch(data, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        ImageGrid(data, tmp_path / "file").on_train_begin()


def test_missing_tensorboard_names_the_command(data, tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match="pip install tensorboard"):
        ImageGrid(data, tmp_path, tensorboard=True)


def test_pictures_go_to_tensorboard_at_their_epoch(data, model, tmp_path):
    pytest.importorskip("tensorboard")
    import tensorflow as tf

    grid = ImageGrid(data, tmp_path, tensorboard=True)
    model.fit(data, epochs=2, shuffle=False, verbose=0, callbacks=[grid])
    (events,) = tmp_path.glob("events.*")
    steps = [
        event.step
        for event in tf.compat.v1.train.summary_iterator(str(events))
        if event.summary.value
    ]
    assert steps == [0, 1]
