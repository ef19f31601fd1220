import numpy as np
import pytest
import tensorflow as tf

from keras_affsr.data.decode import decode_image
from keras_affsr.data.inspect_image import inspect_image
from tests.data_files import cut_out
from tests.data_files import encode
from tests.data_files import write

KINDS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF")


def inspect(tmp_path, contents):
    """Returns what is found of a file, whose ending does not matter."""
    return inspect_image(write(tmp_path / "a.png", contents), "owner")


@pytest.mark.parametrize("kind", KINDS)
def test_size_of_a_whole_file_is_found(kind, tmp_path):
    contents = encode(cut_out(50, 40), kind)
    assert inspect(tmp_path, contents) == (50, 40, "")
    # As some programs fill up, or append.
    assert inspect(tmp_path, contents + bytes(64)) == (50, 40, "")


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_was_cut_short_is_told(kind, tmp_path):
    contents = encode(cut_out(50, 40), kind)
    # The last byte of a BMP may be one that fills up a row, and is not missed.
    for length in (0, 1, 30, len(contents) // 2, len(contents) - 9):
        *_, problem = inspect(tmp_path, contents[:length])
        assert problem, length


def test_tiles_of_tiff_are_counted_too(tmp_path):
    options = {"tiffinfo": {322: 16, 323: 16}, "compression": "raw"}
    contents = encode(cut_out(48, 48), "TIFF", **options)
    assert inspect(tmp_path, contents) == (48, 48, "")
    assert inspect(tmp_path, contents[:-99])[2]


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("JPEG", {}),
        ("PNG", {}),
        ("WEBP", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
    ],
)
def test_pixels_are_not_decoded(kind, options, tmp_path):
    contents = bytearray(encode(cut_out(90, 90), kind, **options))
    middle, number = len(contents) // 2, len(contents) // 4
    contents[middle : middle + number] = b"\xff" * number
    assert inspect(tmp_path, bytes(contents)) == (90, 90, "")
    with pytest.raises(tf.errors.InvalidArgumentError):
        tf.function(decode_image)(tf.constant(bytes(contents)))


def test_a_length_that_says_too_much_is_checked_by_decoding(tmp_path):
    contents = bytearray(encode(cut_out(50, 40), "BMP"))
    contents[2:6] = (10**9).to_bytes(4, "little")
    assert inspect(tmp_path, bytes(contents)) == (50, 40, "")
    assert "truncated" in inspect(tmp_path, bytes(contents[:-400]))[2]


@pytest.mark.parametrize("kind", ["TIFF"])
def test_values_without_a_known_white_are_a_problem(kind, tmp_path):
    contents = encode(np.zeros((9, 9), "float32"), kind)
    assert "whose white is unknown" in inspect(tmp_path, contents)[2]


def test_what_is_no_image_is_told(tmp_path):
    assert inspect(tmp_path, b"<html>quota exceeded</html>")[2] == "no image"
