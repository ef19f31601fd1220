import hashlib
import itertools
import os
import shutil

import numpy as np
import pytest

from keras_affsr.data.batch_files import batch_files
from keras_affsr.data.fingerprint import fingerprint
from keras_affsr.data.imagenet import imagenet
from keras_affsr.data.square import decode_square
from tests import data_archives

SPLITS = ("train", "validation", "test")
HELD_OUT = 3


@pytest.fixture(scope="module")
def archives(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tfds")
    data_archives.write_imagenet(folder / "downloads" / "manual")
    return folder


@pytest.fixture(scope="module")
def prepared(archives, tmp_path_factory):
    """TFDS's own data folder, where its real builder prepared the tars."""
    data_dir = tmp_path_factory.mktemp("prepared")
    manual_dir = archives / "downloads" / "manual"
    imagenet(
        "train", held_out=HELD_OUT, manual_dir=manual_dir, data_dir=data_dir
    )
    return data_dir


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    files = {
        f"{name[:9]}/{name}": content
        for name, content in data_archives.imagenet_files().items()
    }
    return data_archives.write_files(tmp_path_factory.mktemp("files"), files)


def pictures(split, count=3, **options):
    """Returns the pictures of the first batches of 2, of 16 x 16 pixels."""
    options = {"size": 16, "batch_size": 2, "held_out": HELD_OUT, **options}
    batches = itertools.islice(imagenet(split, **options), count)
    return np.concatenate([batch.numpy() for batch in batches])


def by_hash():
    """Returns the names and bytes of all files, in the order documented."""
    return sorted(
        data_archives.imagenet_files().items(),
        key=lambda file: hashlib.md5(b"train" + file[0].encode()).hexdigest(),
    )


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("min_bytes", [0, 20_000])
def test_folders_and_records_give_the_same_batches(
    split, min_bytes, prepared, folder
):
    options = {"min_bytes": min_bytes, "count": 5}
    np.testing.assert_array_equal(
        pictures(split, data_dir=prepared, **options),
        pictures(split, image_dir=folder, **options),
    )


def test_the_split_is_the_order_of_the_hashes(folder):
    counts = {"test": 3, "validation": 3, "train": 6}
    rest = by_hash()
    for split, count in counts.items():
        part, rest = rest[:count], rest[count:]
        found = pictures(
            split, image_dir=folder, min_bytes=0, batch_size=count,
            count=1, flips=False,
        )  # fmt: skip
        alone = [decode_square(content, 16).numpy() for _, content in part]
        if split == "train":
            known = {picture.tobytes() for picture in alone}
            assert {picture.tobytes() for picture in found} == known
        else:
            np.testing.assert_array_equal(found, alone)


@pytest.mark.parametrize("source", ["image_dir", "data_dir"])
def test_small_files_are_dropped_after_the_split(source, folder, prepared):
    options = {source: {"image_dir": folder, "data_dir": prepared}[source]}
    sizes = [len(content) for _, content in by_hash()[:HELD_OUT]]
    everything = pictures("test", min_bytes=0, **options)
    assert len(everything) == HELD_OUT
    least = sorted(sizes)[1]
    # Of exactly that size is large enough; a byte more is too much, though the
    # record around the picture is larger than that.
    for min_bytes in (least, least + 1):
        found = pictures("test", min_bytes=min_bytes, **options)
        keep = [size >= min_bytes for size in sizes]
        np.testing.assert_array_equal(found, everything[keep])


def test_default_drops_files_below_20_kilobytes(folder):
    sizes = [len(content) for _, content in by_hash()[2 * HELD_OUT :]]
    large = sum(size >= 20_000 for size in sizes)
    assert 0 < large < len(sizes)
    options = {"image_dir": folder, "flips": False, "batch_size": large}
    first, second = np.split(pictures("train", 2, **options), 2)
    one, other = ({p.tobytes() for p in epoch} for epoch in (first, second))
    assert one == other and len(one) == large


def in_split(split, folder, held_out):
    """Returns the names of the pictures of a split, below the folder."""
    images = imagenet(
        split,
        batch_size=500,
        image_dir=folder,
        held_out=held_out,
        min_bytes=0,
        num_batches=1,
    )
    paths = batch_files(0, images)
    return {
        os.path.relpath(path, folder).replace(os.sep, "/") for path in paths
    }


def test_added_files_only_move_pictures_towards_training(tmp_path):
    def add(names):
        # Never decoded.
        data_archives.write_files(tmp_path, dict.fromkeys(names, b"none"))
        return {split: in_split(split, tmp_path, 50) for split in SPLITS}

    # The same names in several folders, of which each has a hash of its own.
    names = [f"{label}/{shot}.jpg" for label in "abcd" for shot in range(75)]
    before = add(names)
    # By a hash of the last part alone, 50 pictures would be of 13 shots.
    assert len({name[2:] for name in before["test"]}) > 20
    added = {f"new/{shot}.jpg" for shot in range(40)}
    after = add(added)
    order = ("test", "validation", "train")
    place = {n: i for i, s in enumerate(order) for n in before[s]}
    moves = [
        i - place[n] for i, s in enumerate(order) for n in after[s] - added
    ]
    assert set(moves) == {0, 1}  # Never towards testing, and a step at most.
    # One picture over each of two bounds for each file that is added below it.
    assert sum(moves) == len(added & after["test"]) + len(
        added & (after["test"] | after["validation"])
    )


def test_fingerprints_of_records_tell_splits_and_sizes_apart(prepared):
    def of_split(split, min_bytes=0):
        options = {"held_out": HELD_OUT, "min_bytes": min_bytes}
        return fingerprint(imagenet(split, data_dir=prepared, **options))

    found = [of_split(split) for split in SPLITS] + [of_split("train", 20_000)]
    assert len(set(found)) == 4
    assert found[0].startswith("6 images of ")
    assert of_split("train") == found[0]


def test_records_of_a_batch_are_named_by_their_place(prepared):
    images = imagenet("test", 16, data_dir=prepared, held_out=HELD_OUT)
    files = batch_files(0, images)
    assert len(files) == len(next(iter(images)))
    assert all("at byte " in file and ".tfrecord" in file for file in files)


def test_training_resumes_where_it_stopped(prepared):
    expected = pictures("train", 6, data_dir=prepared)
    resumed = pictures("train", 3, start_batch=3, data_dir=prepared)
    np.testing.assert_array_equal(resumed, expected[6:])


def test_archives_are_found_where_tfds_looks_for_them(archives, prepared):
    np.testing.assert_array_equal(
        pictures("test", data_dir=archives, min_bytes=0),
        pictures("test", data_dir=prepared, min_bytes=0),
    )


def test_defaults_are_the_paper_s(folder):
    dataset = imagenet("train", image_dir=folder, held_out=HELD_OUT)
    assert dataset.element_spec.shape == (16, 128, 128, 3)
    message = "more than 20000 pictures.* Received: 12. Pass a held_out of less"
    with pytest.raises(ValueError, match=message):
        imagenet("train", image_dir=folder)
    assert len(pictures("test", image_dir=folder, held_out=5, min_bytes=0)) == 5


@pytest.mark.parametrize("name", ["train", "val"])
def test_a_missing_archive_is_named(name, archives, tmp_path):
    copy = tmp_path / "downloads" / "manual"
    shutil.copytree(archives / "downloads" / "manual", copy)
    os.remove(copy / f"ILSVRC2012_img_{name}.tar")
    message = rf"find ILSVRC2012_img_{name}\.tar in .*manual\. .*not unpacked"
    with pytest.raises(FileNotFoundError, match=message):
        imagenet("train", data_dir=tmp_path)


def test_a_broken_archive_is_told_with_a_way_out(archives, tmp_path):
    copy = tmp_path / "downloads" / "manual"
    shutil.copytree(archives / "downloads" / "manual", copy)
    (copy / "ILSVRC2012_img_train.tar").write_bytes(b"no tar" * 1000)
    with pytest.raises(RuntimeError, match="image_dir") as message:
        imagenet("train", data_dir=tmp_path)
    assert type(message.value.__cause__).__name__ in str(message.value)


def test_arguments_that_will_not_do_are_refused(folder):
    with pytest.raises(ValueError, match="does not know split='val'"):
        imagenet("val", image_dir=folder)
    with pytest.raises(ValueError, match="min_bytes=-1"):
        imagenet("train", min_bytes=-1, image_dir=folder)
    with pytest.raises(ValueError, match="held_out=0"):
        imagenet("train", held_out=0, image_dir=folder)
    with pytest.raises(ValueError, match=r"all 3 files .* min_bytes=90000"):
        imagenet("test", held_out=3, min_bytes=90_000, image_dir=folder)
