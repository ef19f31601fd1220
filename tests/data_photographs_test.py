import sys

import numpy as np
import pytest
import skimage.data
import tensorflow as tf

from keras_affsr.data import brick
from keras_affsr.data import crop_to_multiple
from keras_affsr.data import grass
from keras_affsr.data import gravel
from keras_affsr.data import photograph

TEXTURES = {"grass": grass, "gravel": gravel, "brick": brick}


@pytest.mark.parametrize("name", TEXTURES)
def test_textures_are_those_of_scikit_image(name):
    expected = getattr(skimage.data, name)()[..., None] / np.float32(255)
    image = TEXTURES[name]()
    np.testing.assert_array_equal(image, expected)
    assert image.dtype == np.float32
    assert image.shape == (512, 512, 1)


@pytest.mark.parametrize("name", TEXTURES)
def test_splits_part_the_rows_of_a_texture(name):
    texture = TEXTURES[name]
    both = np.concatenate([texture("train"), texture("test")])
    np.testing.assert_array_equal(both, texture("all"))
    assert len(texture("train")) == 384


def test_colour_photographs_have_three_channels():
    expected = skimage.data.coffee() / np.float32(255)
    np.testing.assert_array_equal(photograph("coffee"), expected)
    assert photograph("astronaut").shape == (512, 512, 3)
    assert photograph("camera").shape == (512, 512, 1)


def test_opacity_is_left_out():
    expected = skimage.data.logo()[..., :3] / np.float32(255)
    np.testing.assert_array_equal(photograph("logo"), expected)


def test_every_picture_is_float32_in_the_unit_range():
    with pytest.raises(ValueError, match="'astronaut'") as message:
        photograph("nothing")
    names = str(message.value).split("one of ")[1].strip(".").split(", ")
    for name in names:
        image = photograph(name.strip("'"))
        assert image.dtype == np.float32, name
        assert image.ndim == 3 and image.shape[2] in (1, 3), name
        assert image.min() >= 0 and image.max() <= 1, name


def test_an_unknown_name_or_split_is_refused():
    with pytest.raises(ValueError, match="does not know name='lena'"):
        photograph("lena")
    with pytest.raises(ValueError, match=r"`grass` does not know split='val'"):
        grass("val")


def test_missing_scikit_image_names_the_command(monkeypatch):
    monkeypatch.setitem(sys.modules, "skimage", None)
    with pytest.raises(ImportError, match=r'pip install "keras-affsr\[exam'):
        grass()


@pytest.mark.parametrize("leading", [(), (2,)])
def test_cropping_keeps_the_centre(leading):
    image = np.arange(11 * 9).reshape(11, 9, 1) + np.zeros((*leading, 1, 1, 1))
    image = image if leading else image[..., :]
    cropped = crop_to_multiple(image, (4, 3))
    np.testing.assert_array_equal(cropped, image[..., 1:9, 0:9, :])


def test_cropping_takes_tensors_and_any_dtype():
    image = tf.zeros((30, 31, 3), "uint8")
    cropped = crop_to_multiple(image, 4)
    assert cropped.shape == (28, 28, 3)
    assert cropped.dtype == tf.uint8


def test_a_fitting_image_is_not_cropped():
    image = np.random.default_rng(0).uniform(size=(8, 12, 1))
    np.testing.assert_array_equal(crop_to_multiple(image, 4), image)


def test_cropping_refuses_other_ranks_and_small_images():
    with pytest.raises(ValueError, match=r"image\[..., None\]"):
        crop_to_multiple(np.zeros((8, 8)), 4)
    with pytest.raises(ValueError, match=r"width of 3 pixels .* scale=4"):
        crop_to_multiple(np.zeros((8, 3, 1)), 4)
    with pytest.raises(ValueError, match="scale=0"):
        crop_to_multiple(np.zeros((8, 8, 1)), 0)
