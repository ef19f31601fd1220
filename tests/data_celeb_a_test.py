import itertools
import os
import shutil
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_affsr.data import pairs
from keras_affsr.data.celeb_a import FILES
from keras_affsr.data.celeb_a import celeb_a
from keras_affsr.data.square import decode_square
from keras_affsr.layers import BoxDownsample
from tests import data_archives

SPLITS = ("train", "validation", "test")


@pytest.fixture(scope="module")
def archives(tmp_path_factory):
    return data_archives.write_celeb_a(tmp_path_factory.mktemp("archives"))


@pytest.fixture(scope="module")
def prepared(archives, tmp_path_factory):
    """TFDS's own data folder, where its real builder prepared the archives."""
    data_dir = tmp_path_factory.mktemp("tfds")
    with pytest.MonkeyPatch.context() as monkeypatch:
        data_archives.trust(monkeypatch, archives)
        celeb_a("train", manual_dir=archives, data_dir=data_dir)
    return data_dir


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    files = data_archives.face_files()
    files["list_eval_partition.txt"] = data_archives.partition_list().encode()
    return data_archives.write_files(tmp_path_factory.mktemp("faces"), files)


def batches(split, count=6, **options):
    """Returns the first batches, of 3 pictures of 16 x 16, as arrays."""
    options = {"size": 16, "batch_size": 3, **options}
    dataset = celeb_a(split, **options)
    return [batch.numpy() for batch in itertools.islice(dataset, count)]


def pictures(split, folder):
    return list(np.concatenate(batches(split, image_dir=folder)))


@pytest.mark.parametrize("split", SPLITS)
def test_folders_and_records_give_the_same_batches(split, prepared, folder):
    from_records = batches(split, data_dir=prepared)
    from_files = batches(split, image_dir=folder)
    assert len(from_records) == {"train": 6, "validation": 1, "test": 1}[split]
    for one, other in zip(from_records, from_files, strict=True):
        np.testing.assert_array_equal(one, other)


def test_test_pictures_are_those_of_the_list_each_once(folder):
    names = [
        f"{number:06d}.jpg"
        for number, part in enumerate(data_archives.PARTITION, 1)
        if part == 2
    ]
    files = data_archives.face_files()
    expected = {
        decode_square(files[name], 16).numpy().tobytes() for name in names
    }
    found = pictures("test", folder)
    assert len(found) == len(names) == 3
    assert {picture.tobytes() for picture in found} == expected


def test_each_epoch_of_training_has_each_picture_once(folder):
    options = {"image_dir": folder, "batch_size": 7, "flips": False}
    first, second = batches("train", 2, **options)
    one, other = ([p.tobytes() for p in epoch] for epoch in (first, second))
    assert len(set(one)) == 7
    assert set(one) == set(other)
    assert one != other


@pytest.mark.parametrize("source", ["image_dir", "data_dir"])
def test_a_batch_depends_on_the_seed_and_its_number_alone(
    source, folder, prepared
):
    options = {source: {"image_dir": folder, "data_dir": prepared}[source]}
    expected = batches("train", 6, **options)
    resumed = batches("train", 4, start_batch=2, **options)
    for one, other in zip(resumed, expected[2:], strict=True):
        np.testing.assert_array_equal(one, other)
    assert len({batch.tobytes() for batch in expected}) == 6
    others = batches("train", 6, seed=1, **options)
    assert not np.array_equal(others, expected)


def test_flips_mirror_left_to_right_and_only_training_pictures(folder):
    options = {"image_dir": folder, "batch_size": 7}
    plain = batches("train", 1, flips=False, **options)[0]
    flipped = np.concatenate(batches("train", 4, **options))
    known = {picture.tobytes(): True for picture in plain}
    known.update({picture[:, ::-1].tobytes(): False for picture in plain})
    upright = [known[picture.tobytes()] for picture in flipped]
    assert 0 < sum(upright) < len(upright)
    for with_flips, without in zip(
        batches("test", image_dir=folder),
        batches("test", image_dir=folder, flips=False),
    ):
        np.testing.assert_array_equal(with_flips, without)


def test_batches_are_unit_floats_of_static_shape(folder):
    faces = celeb_a("train", image_dir=folder)
    assert faces.element_spec == tf.TensorSpec((16, 64, 64, 3), "float32")
    batch = next(iter(faces)).numpy()
    assert batch.min() >= 0 and batch.max() <= 1 and batch.std() > 0.1
    tested = celeb_a("test", image_dir=folder, batch_size=2)
    assert tested.element_spec.shape[1:] == (64, 64, 3)
    assert [len(batch) for batch in tested] == [2, 1]
    assert len(list(celeb_a("train", image_dir=folder, num_batches=2))) == 2


def test_a_model_fits_them_in_pairs(folder):
    faces = celeb_a("train", size=16, batch_size=4, image_dir=folder)
    model = keras.Sequential([keras.layers.Conv2DTranspose(3, 4, strides=4)])
    model.compile(loss="mse")
    downsample = BoxDownsample(4)
    history = model.fit(
        pairs(faces, downsample), steps_per_epoch=2, epochs=2, verbose=0
    )
    assert history.history["loss"][1] < history.history["loss"][0]


def test_what_is_prepared_needs_no_archives_and_prints_nothing(
    archives, tmp_path, monkeypatch, capfd
):
    copy = shutil.copytree(archives, tmp_path / "archives")
    data_archives.trust(monkeypatch, copy)
    options = {"manual_dir": copy, "data_dir": tmp_path / "tfds"}
    expected = batches("test", **options)
    assert capfd.readouterr().out == ""
    shutil.rmtree(copy)
    np.testing.assert_array_equal(batches("test", **options), expected)


@pytest.mark.parametrize("name", FILES)
def test_a_missing_archive_is_named(name, archives, tmp_path):
    copy = shutil.copytree(archives, tmp_path / "archives")
    os.remove(copy / name)
    with pytest.raises(FileNotFoundError, match=f"not find {name} in the"):
        celeb_a("train", manual_dir=copy, data_dir=tmp_path)


def test_a_wrong_archive_is_told_with_a_way_out(archives, tmp_path):
    # The checksums are those of CelebA itself, as they are for a web page that
    # was saved in place of a file.
    with pytest.raises(RuntimeError, match="wrong checksum") as message:
        celeb_a("train", manual_dir=archives, data_dir=tmp_path)
    assert type(message.value.__cause__).__name__ == "NonMatchingChecksumError"
    for word in (*FILES, "manual_dir", "image_dir"):
        assert word in str(message.value)


def test_without_tfds_the_command_is_named_and_a_folder_works(
    folder, monkeypatch
):
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)
    with pytest.raises(ImportError, match=r'pip install "keras-affsr\[data'):
        celeb_a("train")
    assert len(batches("train", 2, image_dir=folder)) == 2


def test_what_tfds_needs_and_lacks_is_named(archives, tmp_path):
    # In a process of its own, since TFDS imports it once and for all.
    program = (
        "import sys\n"
        "sys.modules['importlib_resources'] = None\n"
        "from keras_affsr.data.celeb_a import celeb_a\n"
        f"celeb_a('train', manual_dir={str(archives)!r},"
        f" data_dir={str(tmp_path)!r})\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True
    )
    message = run.stderr.splitlines()[-1]
    assert "ImportError: `celeb_a` needs TensorFlow Datasets" in message
    assert "importlib_resources" in message
    assert 'pip install "keras-affsr[data]"' in message


def test_a_broken_picture_is_named(tmp_path):
    content = data_archives.face_files()["000001.jpg"]
    data_archives.write_files(tmp_path, {"000001.jpg": content[:400]})
    message = r"000001\.jpg cannot be decoded: Invalid JPEG data, size 400\. R"
    with pytest.raises(tf.errors.OpError, match=message):
        batches("train", 1, image_dir=tmp_path)


def test_arguments_that_will_not_do_are_refused(folder, tmp_path):
    with pytest.raises(ValueError, match="does not know split='val'"):
        celeb_a("val", image_dir=folder)
    with pytest.raises(ValueError, match="size=0"):
        celeb_a("train", size=0, image_dir=folder)
    with pytest.raises(ValueError, match="crop_size=-1"):
        celeb_a("train", crop_size=-1, image_dir=folder)
    with pytest.raises(ValueError, match="`celeb_a` found no image in"):
        celeb_a("train", image_dir=tmp_path)
    with pytest.raises(ValueError, match="which is missing"):
        celeb_a("train", image_dir=tmp_path / "nowhere")
