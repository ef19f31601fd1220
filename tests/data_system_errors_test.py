"""What the system cannot read is an error, and no broken image."""

import errno
import logging
import os
import resource
import tempfile

import numpy as np
import pytest
import tensorflow as tf

from keras_affsr.data.celeb_a import celeb_a
from keras_affsr.data.image_folder import image_folder
from keras_affsr.data.imagenet import imagenet
from keras_affsr.data.inspect_image import inspect_image
from tests import data_archives
from tests.data_files import numbers
from tests.data_files import write
from tests.data_files import write_numbered

SMALL = {"patch_size": 8, "batch_size": 2, "channels": 1, "training": False}
ADVICE = "error of the system and not a broken image"
# A file of Linux that can be opened, and of which no byte can be read.
FAILING = "/proc/self/mem"
NOBODY = 65_534

needs_linux = pytest.mark.skipif(
    not os.path.exists(FAILING), reason=f"Needs {FAILING}."
)


@needs_linux
@pytest.mark.parametrize("on_error", ["skip", "raise"])
def test_a_failing_disk_is_an_error_at_the_start(tmp_path, on_error, caplog):
    write_numbered(tmp_path, 3)
    os.symlink(FAILING, tmp_path / "bad.png")
    message = rf"`image_folder` cannot read .*bad\.png: Input/output.* {ADVICE}"
    with pytest.raises(OSError, match=message) as told:
        image_folder(tmp_path, on_error=on_error, **SMALL)
    assert told.value.errno == errno.EIO
    assert not caplog.records


@pytest.mark.parametrize(
    ("target", "error"), [("gone.png", errno.ENOENT), ("a.png", errno.ELOOP)]
)
def test_a_link_that_leads_nowhere_is_an_error(tmp_path, target, error):
    write_numbered(tmp_path, 3)
    os.symlink(target, tmp_path / "a.png")
    with pytest.raises(OSError, match=rf"a\.png: .* {ADVICE}") as told:
        image_folder(tmp_path, **SMALL)
    assert told.value.errno == error


def test_too_many_open_files_are_an_error(tmp_path):
    path = write(tmp_path / "a.png", np.zeros((8, 8), "uint8"))
    assert inspect_image(path, "image_folder") == (8, 8, "")
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, before[1]))
    try:
        with pytest.raises(OSError, match="Too many open files") as told:
            inspect_image(path, "image_folder")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert told.value.errno == errno.EMFILE


def test_a_file_without_rights_is_an_error():
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        path = write(f"{folder}/a.png", np.zeros((8, 8), "uint8"))
        os.chmod(path, 0)
        user = os.geteuid()
        os.seteuid(user or NOBODY)  # Root may read everything.
        try:
            with pytest.raises(PermissionError, match=r"a\.png: Permission"):
                image_folder(folder, **SMALL)
        finally:
            os.seteuid(user)


def test_a_pipe_is_no_image_and_does_not_hang(tmp_path):
    write_numbered(tmp_path, 2)
    os.mkfifo(tmp_path / "pipe.png")
    (batch,) = image_folder(tmp_path, **SMALL)
    assert numbers(batch) == [0, 1]


def test_a_file_removed_meanwhile_ends_the_dataset_until_it_is_back(
    tmp_path, caplog
):
    caplog.set_level(logging.WARNING)
    write_numbered(tmp_path, 4)
    dataset = image_folder(tmp_path, **SMALL)
    os.rename(tmp_path / "001.png", tmp_path / "elsewhere")
    message = rf"OSError: `image_folder` .*001\.png: No such file .* {ADVICE}"
    with pytest.raises(tf.errors.OpError, match=message):
        list(dataset)
    os.rename(tmp_path / "elsewhere", tmp_path / "001.png")
    assert [numbers(batch) for batch in dataset] == [[0, 1], [2, 3]]
    assert not caplog.records


@needs_linux
def test_a_disk_that_fails_meanwhile_ends_the_dataset(tmp_path):
    write_numbered(tmp_path, 4)
    dataset = image_folder(tmp_path, **SMALL)
    os.remove(tmp_path / "002.png")
    os.symlink(FAILING, tmp_path / "002.png")
    with pytest.raises(tf.errors.OpError, match=r"002\.png: Input/output er"):
        list(dataset)


def test_a_drive_that_vanished_is_not_taken_for_broken_images(tmp_path, caplog):
    caplog.set_level(logging.WARNING)
    for name in ("high", "low"):
        write_numbered(tmp_path / "drive" / name, 4)
    folders = (tmp_path / "drive" / "high", tmp_path / "drive" / "low")
    dataset = image_folder(*folders, scale=1, **SMALL)
    os.rename(tmp_path / "drive", tmp_path / "gone")
    with pytest.raises(tf.errors.OpError, match=ADVICE):
        next(iter(dataset))
    assert not caplog.records


@pytest.mark.parametrize("make", [celeb_a, imagenet])
def test_squares_of_a_file_removed_meanwhile_are_an_error(make, tmp_path):
    files = {f"{name}.jpg": data for name, data in enumerate_faces()}
    data_archives.write_files(tmp_path / "faces", files)
    options = {"held_out": 1, "min_bytes": 0} if make is imagenet else {}
    dataset = make("train", image_dir=tmp_path / "faces", size=16, **options)
    os.rename(tmp_path / "faces", tmp_path / "gone")
    message = rf"`{make.__name__}` cannot read .*No such file .* {ADVICE}"
    with pytest.raises(tf.errors.OpError, match=message):
        next(iter(dataset))


def enumerate_faces():
    faces = [data_archives.jpeg(p) for p in data_archives.crops(4, (40, 40))]
    return enumerate(faces)
