import os

import numpy as np
import pytest

from keras_affsr.data import batch_files
from keras_affsr.data.celeb_a import celeb_a
from keras_affsr.data.image_folder import image_folder
from keras_affsr.data.imagenet import imagenet
from keras_affsr.data.square import decode_square
from tests import data_archives
from tests.data_files import numbers
from tests.data_files import write
from tests.data_files import write_numbered


@pytest.fixture
def folder(tmp_path):
    write_numbered(tmp_path / "images", 7)
    return tmp_path / "images"


def names(files):
    return [os.path.basename(file) for file in files]


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("start_batch", [0, 1])
def test_a_dataset_knows_the_files_of_its_batches(
    folder, training, start_batch
):
    images = image_folder(
        folder,
        patch_size=4,
        batch_size=3,
        training=training,
        start_batch=start_batch,
    )
    for number, batch in enumerate(images.take(3), start_batch):
        expected = [f"{value:03}.png" for value in numbers(batch)]
        assert names(batch_files(number, images)) == expected


def test_files_are_those_that_were_found_when_it_was_made(folder):
    options = {"patch_size": 4, "batch_size": 7, "training": False}
    images = image_folder(folder, **options)
    first = batch_files(0, images)
    write(folder / "0.png", np.zeros((8, 8), "uint8"))
    os.rename(folder / "003.png", folder / "gone")
    assert batch_files(0, images) == first
    assert names(batch_files(0, folder, **options))[0] == "0.png"


@pytest.mark.parametrize("make", [celeb_a, imagenet])
def test_squares_are_named_too(make, tmp_path):
    folder = data_archives.write_files(tmp_path, data_archives.face_files())
    options = {"held_out": 2, "min_bytes": 0} if make is imagenet else {}
    images = make(
        "train", 16, 4, image_dir=folder, flips=False, start_batch=2, **options
    )
    for picture, file in zip(
        next(iter(images)), batch_files(2, images), strict=True
    ):
        with open(file, "rb") as stream:
            expected = decode_square(stream.read(), 16)
        np.testing.assert_array_equal(picture, expected)


def test_other_datasets_and_batches_are_refused(folder):
    images = image_folder(folder, patch_size=4, batch_size=3, training=False)
    with pytest.raises(ValueError, match="`batch_files` needs a dataset as"):
        batch_files(0, images.take(1))
    with pytest.raises(ValueError, match="start_batch=3 of 3 batches"):
        batch_files(3, images)
