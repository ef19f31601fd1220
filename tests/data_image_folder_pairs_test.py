import os

import numpy as np
import pytest
import tensorflow as tf

from keras_affsr.data.batch_files import batch_files
from keras_affsr.data.image_folder import image_folder
from tests.data_files import cut_out
from tests.data_files import numbers
from tests.data_files import write
from tests.data_files import write_numbered

# Rounding to 8 bits, and what float32 adds.
QUANTISATION = 0.5 / 255 + 1e-6


def block_mean(images, scale):
    *batch, height, width, channels = images.shape
    blocks = images.reshape(
        *batch, height // scale[0], scale[0], width // scale[1], scale[1],
        channels,
    )  # fmt: skip
    return blocks.mean(axis=(-4, -2))


def write_pairs(root, names, scale=(4, 4), low_name="{}.png"):
    """Writes images of several sizes, and their block means."""
    for number, name in enumerate(names):
        high_res = cut_out(scale[0] * (10 + number), scale[1] * (9 + number))
        low_res = np.round(block_mean(high_res, scale)).astype("uint8")
        write(root / "high" / f"{name}.png", high_res)
        write(root / "low" / low_name.format(name), low_res)
    return root / "high", root / "low"


@pytest.mark.parametrize("scale", [4, (2, 3)])
@pytest.mark.parametrize("training", [True, False])
def test_both_patches_show_the_same(tmp_path, scale, training):
    scales = scale if isinstance(scale, tuple) else (scale, scale)
    folders = write_pairs(tmp_path, ("a", "b/c", "d"), scales)
    for patch_size in (24, None):
        dataset = image_folder(
            *folders, scale, patch_size, training=training, num_batches=6
        )
        for low_res, high_res in dataset.as_numpy_iterator():
            mean = block_mean(high_res, scales)
            np.testing.assert_allclose(low_res, mean, rtol=0, atol=QUANTISATION)


def test_pairs_are_an_image_per_epoch_and_repeat(tmp_path):
    folders = write_pairs(tmp_path, ("a", "b", "c"))
    options = {"scale": 4, "patch_size": 16, "batch_size": 3}
    dataset = image_folder(*folders, **options)
    batches = list(dataset.take(4).as_numpy_iterator())
    later = image_folder(*folders, **options, start_batch=3)
    for part, expected in zip(next(iter(later)), batches[3]):
        np.testing.assert_array_equal(part, expected)
    for number in range(4):
        files = batch_files(number, *folders, **options)
        high_res = [os.path.relpath(high, folders[0]) for _, high in files]
        assert sorted(high_res) == ["a.png", "b.png", "c.png"]
        low_res = [os.path.relpath(low, folders[1]) for low, _ in files]
        assert low_res == high_res


@pytest.mark.parametrize(
    ("name", "low_name"),
    [
        ("0001", "{}x4.png"),
        ("0001", "{}_x4.bmp"),
        ("0001", "{}x4m.png"),
        ("0001", "{}_LR.png"),
        ("0001", "{}_LRx4.png"),
        ("sub/0001", "{}-4x.png"),
        ("img_001_SRF_4_HR", "../low/img_001_SRF_4_LR.png"),
        ("boat_hr", "../low/boat_lr_x4.png"),
        ("boat_x4", "{}.png"),
    ],
)
def test_usual_names_of_low_resolution_match(tmp_path, name, low_name):
    folders = write_pairs(tmp_path, (name,), low_name=low_name)
    ((low, high),) = batch_files(0, *folders, scale=4, patch_size=16,
                                 batch_size=1)  # fmt: skip
    assert os.path.samefile(high, tmp_path / "high" / f"{name}.png")
    assert os.path.samefile(low, tmp_path / "low" / low_name.format(name))


def test_numbers_that_are_no_scale_do_not_match(tmp_path):
    folders = write_pairs(tmp_path, ("0001",), low_name="{}x2.png")
    with pytest.raises(ValueError, match="found no partner"):
        image_folder(*folders, scale=4, patch_size=16)


def test_unpaired_patches_have_each_their_order(tmp_path):
    write_numbered(tmp_path / "high", 6, (16, 16))
    write_numbered(tmp_path / "low", 4, (16, 16))
    folders = (tmp_path / "high", tmp_path / "low")
    options = {"scale": 2, "patch_size": 8, "batch_size": 12, "paired": False}
    dataset = image_folder(*folders, **options, channels=1)
    assert dataset.element_spec == (
        tf.TensorSpec((12, 4, 4, 1), "float32"),
        tf.TensorSpec((12, 8, 8, 1), "float32"),
    )
    low_res, high_res = (numbers(part) for part in next(iter(dataset)))
    assert sorted(low_res) == sorted(3 * list(range(4)))
    assert sorted(high_res) == sorted(2 * list(range(6)))
    assert low_res[:4] != low_res[4:8]
    named = batch_files(0, *folders, **options)
    for pair, expected in zip(zip(low_res, high_res), named, strict=True):
        assert tuple(f"{n:03}.png" for n in pair) == tuple(
            map(os.path.basename, expected)
        )


def test_the_same_folder_unpaired_does_not_pair_itself(tmp_path):
    write_numbered(tmp_path, 50, (8, 8))
    options = {"scale": 1, "patch_size": 8, "batch_size": 50}
    dataset = image_folder(tmp_path, tmp_path, paired=False, **options)
    low_res, high_res = (numbers(part) for part in next(iter(dataset)))
    # Of two random orders one image in 50 meets itself; 8 do once in 10^5.
    assert sum(a == b for a, b in zip(low_res, high_res)) < 8


def test_sizes_that_do_not_fit_name_the_file(tmp_path):
    high, low = write_pairs(tmp_path, ("a", "b"))
    write(high / "b.png", cut_out(45, 40))
    message = (
        r"exactly scale=4 .*high/b.png of 45 x 40 pixels .*low/b.png of 11 x 10"
    )
    with pytest.raises(ValueError, match=message):
        image_folder(high, low, scale=4, patch_size=16)
    write(high / "b.png", cut_out(40, 44))
    with pytest.raises(ValueError, match="turned by 90 degrees"):
        image_folder(high, low, scale=4, patch_size=16)
    image_folder(high, low, scale=4, patch_size=16, paired=False)


def test_images_without_partner_are_skipped_or_refused(tmp_path, caplog):
    high, low = write_pairs(tmp_path, ("a", "b", "c"))
    os.remove(low / "b.png")
    options = {"scale": 4, "patch_size": 16, "batch_size": 2}
    files = batch_files(0, high, low, **options)
    assert sorted(os.path.basename(f) for f, _ in files) == ["a.png", "c.png"]
    assert "found no partner" in caplog.text and "b.png" in caplog.text
    with pytest.raises(ValueError, match=r"no partner .* 1 images: .*b.png"):
        image_folder(high, low, on_error="raise", **options)


def test_two_partners_are_refused(tmp_path):
    high, low = write_pairs(tmp_path, ("a",))
    write(low / "a.bmp", cut_out(10, 9))
    with pytest.raises(ValueError, match=r"cannot tell .*a\.bmp or .*a\.png"):
        image_folder(high, low, scale=4, patch_size=16)


def test_a_pair_without_scale_is_refused(tmp_path):
    with pytest.raises(ValueError, match="lr_dir='low' and scale=None"):
        image_folder(tmp_path, "low")
    with pytest.raises(ValueError, match="patch_size=30 and scale=4"):
        image_folder(tmp_path, "low", scale=4, patch_size=30)
