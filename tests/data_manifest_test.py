"""What is found in the headers of files is kept for the next start."""

import json
import logging
import os

import numpy as np
import pytest

from keras_affsr.data import manifest
from keras_affsr.data.image_files import usable_images
from keras_affsr.data.image_folder import image_folder
from tests.data_files import write
from tests.data_files import write_numbered


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """A cache of its own, and that of small folders as well."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(manifest, "LEAST_FILES", 1)
    return tmp_path / "cache" / "keras_affsr"


@pytest.fixture
def folder(tmp_path):
    write_numbered(tmp_path / "images", 4, (8, 9))
    return tmp_path / "images"


def used(folder, min_bytes=0, least=(1, 1)):
    """Returns the name and size of the images that will do."""
    files = usable_images(folder, least, min_bytes, "skip", "owner")
    return [(file.name, file.height, file.width) for file in files]


def kept(folder):
    with open(manifest.manifest_path(folder), encoding="utf-8") as file:
        return json.load(file)["files"]


def replace(path, contents):
    """Replaces a file by another of the same size and time."""
    status = os.stat(path)
    contents = contents[: status.st_size].ljust(status.st_size, b"\0")
    path.write_bytes(contents)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def test_a_file_that_has_not_changed_is_not_opened_again(folder):
    first = used(folder)
    assert first == [(f"00{number}.png", 8, 9) for number in range(4)]
    for number in range(4):
        replace(folder / f"00{number}.png", b"opened, it were no image")
    assert used(folder) == first
    os.remove(manifest.manifest_path(folder))
    with pytest.raises(ValueError, match="4 cannot be read"):
        used(folder)


@pytest.mark.parametrize("change", ["size", "time"])
def test_a_file_that_has_changed_is_opened_again(folder, change):
    used(folder)
    path = folder / "001.png"
    status = os.stat(path)
    time = status.st_mtime_ns
    if change == "size":
        path.write_bytes(b"no image, and of another size")
    else:
        path.write_bytes(b"no image".ljust(status.st_size))
        time += 1
    os.utime(path, ns=(time, time))
    assert [name for name, *_ in used(folder)] == [
        "000.png",
        "002.png",
        "003.png",
    ]


def test_new_files_join_and_removed_ones_are_forgotten(folder):
    used(folder)
    os.remove(folder / "000.png")
    write(folder / "deep" / "new.png", np.zeros((5, 6), "uint8"))
    assert used(folder)[-1] == ("deep/new.png", 5, 6)
    assert sorted(kept(folder)) == [
        "001.png",
        "002.png",
        "003.png",
        "deep/new.png",
    ]


def test_broken_files_are_looked_at_again(folder):
    whole = (folder / "002.png").read_bytes()
    replace(folder / "002.png", b"broken")
    assert len(used(folder)) == 3
    replace(folder / "002.png", whole)
    assert len(used(folder)) == 4


def test_files_below_min_bytes_are_neither_opened_nor_forgotten(folder, caplog):
    write(folder / "large.png", np.random.default_rng(0).bytes(3000))
    write(folder / "small.png", b"no image")
    large = write(
        folder / "noise.png",
        np.random.default_rng(0).integers(0, 256, (60, 60), "uint8"),
    )
    used(folder)
    assert len(kept(folder)) == 5
    caplog.clear()
    assert used(folder, min_bytes=3100) == [("noise.png", 60, 60)]
    assert not caplog.records
    os.utime(large)
    used(folder, min_bytes=3100)
    assert len(kept(folder)) == 5


@pytest.mark.parametrize(
    "contents",
    [
        b"",
        b'{"version": 1, "fi',
        b"[]",
        b'{"version": 1, "files": []}',
        b'{"version": 1, "files": {"000.png": 7}}',
        b'{"version": 1, "files": {"000.png": [1, 2]}}',
        b'{"version": 0, "files": {"000.png": [1, 2, 3, 4]}}',
        b"\xff\xfe",
    ],
)
def test_a_damaged_manifest_is_made_anew(folder, contents):
    first = used(folder)
    with open(manifest.manifest_path(folder), "wb") as file:
        file.write(contents)
    assert used(folder) == first
    assert len(kept(folder)) == 4


def test_a_cache_that_cannot_be_written_is_told_once(
    folder, tmp_path, monkeypatch, caplog
):
    caplog.set_level(logging.WARNING)
    manifest._say_unwritable.cache_clear()
    write(tmp_path / "file", b"")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert len(used(folder)) == len(used(folder)) == 4
    (record,) = caplog.records
    assert "Cannot keep in" in record.getMessage()
    assert "(Not a directory)" in record.getMessage()


def test_nothing_but_the_manifest_is_left(folder, cache):
    used(folder)
    write(folder / "new.png", np.zeros((5, 6), "uint8"))
    used(folder)
    (path,) = cache.iterdir()
    assert str(path) == manifest.manifest_path(folder)


def test_small_folders_are_not_kept(folder, cache, monkeypatch):
    monkeypatch.setattr(manifest, "LEAST_FILES", 5)
    used(folder)
    assert not cache.exists()


def test_folders_differ_by_their_absolute_path(folder, tmp_path, monkeypatch):
    path = manifest.manifest_path(folder)
    assert manifest.manifest_path(tmp_path) != path
    monkeypatch.chdir(tmp_path)
    assert manifest.manifest_path("images") == path
    # A relative path means nothing there.
    monkeypatch.setenv("XDG_CACHE_HOME", "cache")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    path = manifest.manifest_path("images")
    assert path.startswith(str(tmp_path / "home" / ".cache" / "keras_affsr"))


def test_batches_are_the_same_with_and_without_it(folder, cache):
    options = {"patch_size": 4, "batch_size": 4, "channels": 1}
    batches = [next(iter(image_folder(folder, **options))) for _ in range(2)]
    assert cache.exists()
    np.testing.assert_array_equal(*batches)
