"""The data that all trainings share."""

import os

import pytest
import run_data
import train_celeba
import train_imagenet
import train_texture

from keras_affsr.training import RunDirectory
from tests import data_archives
from tests.examples_runs import settings_of


@pytest.fixture
def faces(tmp_path):
    return data_archives.write_files(
        tmp_path / "faces", data_archives.face_files()
    )


def of_imagenet(faces, *flags):
    flags = (f"--image_dir={faces}", "--held_out=2", "--min_bytes=0", *flags)
    return run_data.fingerprints(settings_of(train_imagenet, *flags))


def test_each_split_has_its_fingerprint(faces):
    found = of_imagenet(faces)
    assert list(found) == ["train_files", "validation_files", "test_files"]
    assert [value.split()[0] for value in found.values()] == ["8", "2", "2"]
    # They say which files there are, and not what is made of them.
    assert of_imagenet(faces, "--image_size=64", "--batch_size=3") == found
    assert of_imagenet(faces, "--held_out=3") != found


def test_a_run_does_not_go_on_with_other_files(faces, tmp_path):
    run = tmp_path / "run"
    RunDirectory(run, of_imagenet(faces)).begin()
    (run / "log.csv").write_text("")  # It has begun.
    RunDirectory(run, of_imagenet(faces)).begin()
    os.remove(faces / "000007.jpg")
    message = r"train_files: '8 images .* then, '7 images .* now"
    with pytest.raises(ValueError, match=message):
        RunDirectory(run, of_imagenet(faces)).begin()


def test_what_comes_with_scikit_image_needs_none():
    settings = settings_of(train_celeba, "--data=photographs")
    assert run_data.fingerprints(settings) == {}
    assert run_data.fingerprints(settings_of(train_texture)) == {}
