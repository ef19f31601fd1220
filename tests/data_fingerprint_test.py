import os
import shutil

import numpy as np
import pytest

from keras_affsr.callbacks import Checkpoint
from keras_affsr.data import fingerprint
from keras_affsr.data import pairs
from keras_affsr.data.celeb_a import celeb_a
from keras_affsr.data.image_folder import image_folder
from keras_affsr.data.imagenet import imagenet
from keras_affsr.models import SuperResolver
from tests import data_archives
from tests.data_files import write
from tests.data_files import write_numbered
from tests.models_tiny import DOWNSAMPLE
from tests.models_tiny import tiny_generator

SMALL = {"patch_size": 8, "batch_size": 2, "channels": 1}


@pytest.fixture
def folder(tmp_path):
    write_numbered(tmp_path / "images", 4)
    return tmp_path / "images"


@pytest.fixture
def faces(tmp_path):
    return data_archives.write_files(
        tmp_path / "faces", data_archives.face_files()
    )


def of_folder(*folders, **options):
    return fingerprint(image_folder(*folders, **{**SMALL, **options}))


def test_it_counts_the_images_and_their_bytes(folder):
    total = sum(os.path.getsize(folder / name) for name in os.listdir(folder))
    assert of_folder(folder).startswith(f"4 images of {total} bytes, sha256 ")


def test_the_same_files_give_the_same_wherever_they_are(folder, tmp_path):
    first = of_folder(folder)
    assert of_folder(folder, seed=5, start_batch=7, num_batches=9) == first
    shutil.copytree(folder, tmp_path / "moved")
    assert of_folder(tmp_path / "moved") == first
    write(folder / "small.png", np.zeros((4, 4), "uint8"))  # Not used.
    assert of_folder(folder) == first


def test_every_change_of_the_files_changes_it(folder):
    found = [of_folder(folder)]
    write(folder / "new.png", np.zeros((8, 8), "uint8"))
    found.append(of_folder(folder))
    os.rename(folder / "new.png", folder / "other.png")
    found.append(of_folder(folder))
    write(folder / "other.png", np.eye(8, dtype="uint8"))
    found.append(of_folder(folder))
    os.rename(folder / "000.png", folder / "aside")
    found.append(of_folder(folder))
    os.rename(folder / "other.png", folder / "000.png")
    os.rename(folder / "aside", folder / "other.png")
    found.append(of_folder(folder))
    assert len(set(found)) == 6


@pytest.mark.parametrize("paired", [True, False])
def test_files_of_low_resolution_count_too(folder, tmp_path, paired):
    shutil.copytree(folder, tmp_path / "low")
    options = {"scale": 1, "paired": paired}
    both = of_folder(folder, tmp_path / "low", **options)
    assert both.startswith("8 images")
    write(tmp_path / "low" / "003.png", np.eye(8, dtype="uint8"))
    assert of_folder(folder, tmp_path / "low", **options) != both


def test_splits_of_faces_depend_on_their_list(faces):
    hashed = fingerprint(celeb_a("train", image_dir=faces))
    write(
        faces / "list_eval_partition.txt",
        data_archives.partition_list().encode(),
    )
    listed = fingerprint(celeb_a("train", image_dir=faces))
    assert listed.startswith("7 images") and not hashed.startswith("7 images")


def test_dropped_pictures_do_not_count(faces):
    def of_split(split, **options):
        options = {"held_out": 3, "min_bytes": 0, **options}
        return fingerprint(imagenet(split, image_dir=faces, **options))

    assert of_split("train").startswith("6 images")
    assert of_split("test") != of_split("validation")
    sizes = sorted(os.path.getsize(path) for path in faces.iterdir())
    found = of_split("train", held_out=1, min_bytes=sizes[6])
    assert int(found.split()[0]) < 7


def test_a_checkpoint_refuses_to_go_on_with_other_files(folder, tmp_path):
    def checkpoint():
        config = {"images": of_folder(folder)}
        return Checkpoint(tmp_path / "checkpoints", config)

    model = SuperResolver(tiny_generator(), DOWNSAMPLE)
    model.compile(loss="mse")
    model.fit(
        pairs(image_folder(folder, **SMALL), DOWNSAMPLE),
        steps_per_epoch=1,
        verbose=0,
        callbacks=[checkpoint()],
    )
    assert checkpoint().restore(model) == 1
    write(folder / "new.png", np.zeros((8, 8), "uint8"))
    message = r"images: '4 images .* then, '5 images .* now"
    with pytest.raises(ValueError, match=message):
        checkpoint().restore(model)


@pytest.mark.skipif(os.name != "posix", reason="Names of bytes.")
def test_names_need_not_be_utf_8(folder):
    first = of_folder(folder)
    shutil.copy(folder / "001.png", os.fsencode(folder) + b"/\xff.png")
    assert of_folder(folder) != first
    (batch,) = image_folder(folder, training=False, patch_size=8)
    assert batch.shape[0] == 5
    for make in (celeb_a, imagenet):
        options = {"held_out": 1, "min_bytes": 0} if make is imagenet else {}
        images = make("train", image_dir=folder, size=8, **options)
        assert fingerprint(images)
        next(iter(images))


def test_other_datasets_are_refused(folder):
    images = image_folder(folder, **SMALL)
    for other in (pairs(images, DOWNSAMPLE), images.take(2), "images"):
        with pytest.raises(
            ValueError, match="`fingerprint` needs a dataset as `image_folder`"
        ):
            fingerprint(other)
