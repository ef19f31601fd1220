import numpy as np
import pytest
import tensorflow as tf

from keras_affsr.data.celeb_a import celeb_a
from keras_affsr.data.tfds_records import record_index
from tests import data_archives


def write_records(path, images):
    with tf.io.TFRecordWriter(str(path)) as writer:
        for image in images:
            feature = {
                "image": tf.train.Feature(
                    bytes_list=tf.train.BytesList(value=[image])
                )
            }
            example = tf.train.Example(
                features=tf.train.Features(feature=feature)
            )
            writer.write(example.SerializeToString())


@pytest.fixture
def shards(tmp_path):
    """Two files and an empty one, and the images that they hold."""
    rng = np.random.default_rng(0)
    images = [rng.bytes(rng.integers(1, 3000)) for _ in range(9)]
    files = [str(tmp_path / f"{number}.tfrecord") for number in range(3)]
    for file, part in zip(files, (images[:4], [], images[4:])):
        write_records(file, part)
    return files, [4, 0, 5], images


def test_each_record_is_read_by_its_number(shards):
    files, counts, images = shards
    index = record_index(files, counts)
    assert len(index) == len(images)
    for item in (8, 0, 3, 4, 5, 1):
        assert index.contents(item).numpy() == images[item]
    graph = tf.data.Dataset.range(9).map(index.contents)
    assert list(graph.as_numpy_iterator()) == images


def test_a_selection_keeps_its_order(shards):
    files, counts, images = shards
    index = record_index(files, counts).select([7, 2])
    assert [index.contents(item).numpy() for item in range(2)] == [
        images[7],
        images[2],
    ]
    paths = [index.file(item).path for item in range(2)]
    assert paths[0].endswith(files[2]) and paths[1].endswith(files[0])


def test_large_images_are_told_by_their_bytes_and_not_their_record(shards):
    files, counts, images = shards
    index = record_index(files, counts)
    for least in (0, 1, *map(len, images)):
        expected = [i for i, image in enumerate(images) if len(image) >= least]
        assert index.at_least(least).tolist() == expected


@pytest.mark.parametrize("cut", [1, 7, 500])
def test_a_file_that_was_cut_short_is_refused(shards, cut):
    files, counts, _ = shards
    with open(files[2], "rb+") as file:
        file.truncate(file.seek(0, 2) - cut)
    with pytest.raises(ValueError, match=r"2\.tfrecord is not whole"):
        record_index(files, counts)


def test_a_record_too_few_is_refused(shards):
    files = shards[0]
    with pytest.raises(ValueError, match=r"Expected: 6 records\. Received: 5"):
        record_index(files, [4, 0, 6])


@pytest.fixture
def prepare(tmp_path, monkeypatch):
    """A function that has CelebA prepared otherwise than `celeb_a` does."""
    import tensorflow_datasets as tfds

    archives = data_archives.write_celeb_a(tmp_path / "archives")
    data_archives.trust(monkeypatch, archives)

    def prepare(file_format=None, **options):
        builder = tfds.builder("celeb_a", data_dir=tmp_path / "tfds")
        config = tfds.download.DownloadConfig(manual_dir=archives, **options)
        builder.download_and_prepare(
            file_format=file_format, download_config=config
        )
        return tmp_path / "tfds"

    return prepare


def test_records_of_many_files_keep_the_order_of_the_hashes(prepare, tmp_path):
    data_dir = prepare(num_shards=2)
    assert len(list(data_dir.rglob("*train.tfrecord*"))) == 2
    folder = data_archives.write_files(
        tmp_path / "faces",
        {
            **data_archives.face_files(),
            "list_eval_partition.txt": data_archives.partition_list().encode(),
        },
    )
    options = {"size": 16, "batch_size": 7, "num_batches": 1}
    (records,) = celeb_a("train", data_dir=data_dir, **options)
    (files,) = celeb_a("train", image_dir=folder, **options)
    np.testing.assert_array_equal(records, files)


def test_other_formats_than_tfrecord_are_refused(prepare):
    data_dir = prepare(file_format="array_record")
    with pytest.raises(ValueError, match="in array_record files"):
        celeb_a("train", data_dir=data_dir)
