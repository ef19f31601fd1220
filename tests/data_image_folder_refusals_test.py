import logging
import os

import numpy as np
import pytest
import tensorflow as tf

import keras_affsr.data.in_threads as in_threads
from keras_affsr.data.batch_files import batch_files
from keras_affsr.data.image_folder import image_folder
from tests.data_files import cut_out
from tests.data_files import encode
from tests.data_files import numbers
from tests.data_files import write
from tests.data_files import write_numbered

SMALL = {"patch_size": 8, "batch_size": 2, "channels": 1}


def used(folder, **options):
    """Returns the names of the files that a folder's dataset reads."""
    options = {"patch_size": 8, "batch_size": 99, **options}
    files = batch_files(0, folder, training=False, **options)
    return [os.path.relpath(file, folder) for file in files]


@pytest.fixture
def warned(caplog):
    """Returns the warnings so far."""
    caplog.set_level(logging.WARNING)
    return lambda: [record.getMessage() for record in caplog.records]


def test_small_images_are_counted_in_one_warning(tmp_path, warned):
    write_numbered(tmp_path, 3, (8, 8))
    for name in ("flat.png", "thin.png"):
        write(tmp_path / name, cut_out(7, 40))
    assert used(tmp_path) == ["000.png", "001.png", "002.png"]
    (message,) = warned()
    assert "skips 2 of 5 images" in message
    assert "smaller than 8 x 8 pixels" in message


def broken_files(folder):
    """Writes one file of each kind of damage, and returns their names."""
    jpeg = encode(cut_out(90, 90), "JPEG")
    png = encode(cut_out(90, 90), "PNG")
    thumbnail = encode(cut_out(9, 9), "JPEG")
    header = jpeg[:2] + b"\xff\xe1" + (len(thumbnail) + 2).to_bytes(2, "big")
    files = {
        "cut.jpg": jpeg[: len(jpeg) // 2],
        "cut.png": png[: len(png) // 2],
        "cut.webp": encode(cut_out(90, 90), "WEBP")[:300],
        "cut_with_thumbnail.jpg": header + thumbnail + jpeg[2:-900],
        "empty.png": b"",
        "filled_up.jpg": jpeg[: len(jpeg) // 2] + bytes(500),
        "float.tif": encode(np.zeros((9, 9), "float32"), "TIFF"),
        "text.jpg": b"<html>quota exceeded</html>",
    }
    for name, contents in files.items():
        write(folder / name, contents)
    return sorted(files)


def test_unreadable_files_are_named_in_one_warning(tmp_path, warned):
    write_numbered(tmp_path, 2)
    names = broken_files(tmp_path)
    assert used(tmp_path) == ["000.png", "001.png"]
    (message,) = warned()
    assert f"cannot read {len(names)} of {len(names) + 2} files" in message
    assert all(name in message for name in names)


def test_ten_unreadable_files_are_named_and_the_others_counted(
    tmp_path, warned
):
    write_numbered(tmp_path, 1)
    for number in range(12):
        write(tmp_path / f"bad{number:02}.png", b"")
    used(tmp_path)
    (message,) = warned()
    assert "bad09.png" in message and "bad10.png" not in message
    assert message.endswith("and 2 more.")


def test_unreadable_files_are_refused_if_asked(tmp_path):
    write_numbered(tmp_path, 1)
    write(tmp_path / "bad.png", b"")
    with pytest.raises(ValueError, match=r"1 of 2 files: .*bad.png .*Repair"):
        image_folder(tmp_path, on_error="raise", **SMALL)


def test_complete_files_with_something_appended_are_read(tmp_path, warned):
    jpeg = encode(cut_out(20, 20), "JPEG")
    write(tmp_path / "camera.jpg", jpeg + b"a trailer, as of some cameras")
    write(tmp_path / "two.jpg", jpeg + jpeg)
    write(tmp_path / "padded.png", encode(cut_out(20, 20), "PNG") + bytes(9))
    write(tmp_path / "in_truth_a_jpeg.png", jpeg)
    assert len(used(tmp_path)) == 4 and not warned()
    (batch,) = image_folder(tmp_path, patch_size=20, training=False)
    assert batch.shape == (4, 20, 20, 3)


def damage(folder, name):
    """Spoils the pixels of a PNG file, whose header and end remain."""
    path = folder / name
    contents = bytearray(path.read_bytes())
    contents[45:-20] = bytes(len(contents) - 65)
    path.write_bytes(contents)


def test_a_file_found_broken_by_decoding_gives_way_to_the_next(
    tmp_path, warned
):
    write_numbered(tmp_path, 6, (64, 64))
    damage(tmp_path, "002.png")
    damage(tmp_path, "005.png")
    dataset = image_folder(tmp_path, training=False, **SMALL)
    for _ in range(2):
        batches = [numbers(batch) for batch in dataset]
        assert batches == [[0, 1], [3, 3], [4, 0]]
    messages = sorted(warned())
    assert len(messages) == 2
    assert "cannot decode, skipped: " in messages[0]
    assert "002.png (Invalid PNG data, size " in messages[0]
    assert "005.png (Invalid PNG data, size " in messages[1]


def test_a_file_found_broken_by_decoding_stops_if_asked(tmp_path):
    write_numbered(tmp_path, 6, (64, 64))
    damage(tmp_path, "002.png")
    dataset = image_folder(tmp_path, on_error="raise", training=False, **SMALL)
    for _ in range(2):
        with pytest.raises(
            tf.errors.InvalidArgumentError, match=r"002\.png \(Invalid PNG"
        ):
            list(dataset)


def test_of_a_pair_the_broken_file_is_named(tmp_path, warned):
    for name in ("high", "low"):
        write_numbered(tmp_path / name, 3, (64, 64))
        contents = encode(cut_out(64, 64), "WEBP")
        os.remove(tmp_path / name / "001.png")
        if name == "low":  # As long as before, which the header says.
            contents = contents[:300].ljust(len(contents), b"\xff")
        write(tmp_path / name / "001.webp", contents)
    folders = (tmp_path / "high", tmp_path / "low")
    dataset = image_folder(*folders, scale=1, training=False, **SMALL)
    low_res, _ = next(iter(dataset))
    assert numbers(low_res) == [0, 2]
    (message,) = warned()
    assert "low/001.webp (failed to " in message and "high" not in message


def test_nothing_but_broken_files_ends(tmp_path):
    write_numbered(tmp_path, 3, (64, 64))
    for name in os.listdir(tmp_path):
        damage(tmp_path, name)
    dataset = image_folder(tmp_path, **SMALL)
    for _ in range(5):  # Several threads load batches at the same time.
        with pytest.raises(tf.errors.InvalidArgumentError, match="any image"):
            next(iter(dataset))


def test_small_files_are_left_out(tmp_path, warned):
    write(tmp_path / "large.png", cut_out(60, 60))
    write_numbered(tmp_path, 2)
    assert used(tmp_path, min_bytes=2000) == ["large.png"]
    assert not warned()


def test_what_a_desktop_leaves_is_ignored(tmp_path, warned):
    write_numbered(tmp_path, 1)
    for name in ("__MACOSX/._a.png", ".hidden/a.png", "._000.png", "Thumbs.db"):
        write(tmp_path / name, b"")
    write(tmp_path / "notes.txt", b"")
    assert used(tmp_path) == ["000.png"] and not warned()


def test_links_that_lead_back_do_not_hang(tmp_path):
    write_numbered(tmp_path / "a", 2)
    write_numbered(tmp_path / "elsewhere", 1)
    os.symlink(tmp_path / "a", tmp_path / "a" / "loop")
    os.symlink(tmp_path / "elsewhere", tmp_path / "a" / "more")
    assert used(tmp_path / "a") == ["000.png", "001.png", "more/000.png"]


def test_a_long_check_says_how_far_it_is(tmp_path, monkeypatch, warned):
    monkeypatch.setattr(in_threads, "PATIENCE", -1.0)
    monkeypatch.setattr(in_threads, "CHUNK", 2)
    write_numbered(tmp_path, 3)
    used(tmp_path)
    # The next word has to wait for its interval.
    assert warned() == ["Found 2 of 3 images.", "Checked 2 of 3 images."]


def test_folders_without_images_are_refused(tmp_path):
    with pytest.raises(ValueError, match="'nowhere', which is missing"):
        image_folder("nowhere")
    write(tmp_path / "a.txt", b"")
    with pytest.raises(ValueError, match=r"a.txt', which is a file"):
        image_folder(tmp_path / "a.txt")
    write(tmp_path / "b.txt", b"")
    message = r"1?2 files, by ending \{'.txt': 2\}. Expected .* .jpg, .jpeg,"
    with pytest.raises(ValueError, match=message):
        image_folder(tmp_path)


def test_nothing_left_is_refused(tmp_path):
    write_numbered(tmp_path, 2)
    write(tmp_path / "bad.png", b"x" * 60)
    message = (
        r"Of 3 images, 0 have fewer than min_bytes=50, 1 cannot be read, and "
        r"2 are smaller than 16 x 16 pixels"
    )
    with pytest.raises(ValueError, match=message):
        image_folder(tmp_path, patch_size=16, min_bytes=50)


def test_arguments_that_will_not_do_are_refused(tmp_path):
    write_numbered(tmp_path, 2)
    for options, message in [
        ({"patch_size": 0}, "whole number of at least 1 as patch_size"),
        ({"batch_size": 0}, "whole number of at least 1 as batch_size"),
        ({"channels": 4}, "channels=4. Expected one of 1, 3"),
        ({"on_error": "ignore"}, "on_error='ignore'"),
        ({"scale": 0}, "as scale"),
        ({"patch_size": 6, "scale": 4}, "patch_size=6 and scale=4"),
        (
            {"patch_size": None, "batch_size": 4},
            "patch_size=None and batch_siz",
        ),
        ({"min_bytes": -1}, "as min_bytes"),
        ({"seed": -1}, "as seed"),
        ({"start_batch": 9, "training": False}, "start_batch=9 of 1 batches"),
    ]:
        with pytest.raises(ValueError, match=message):
            image_folder(tmp_path, **{"patch_size": 8, **options})
