"""examples/upscale_beam.py from and to TFRecord files."""

import functools
import gzip
import json
import re

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_affsr import upscale
from tests.data_files import cut_out
from tests.data_files import encode
from tests.data_files import write
from tests.examples_beam import pixels
from tests.examples_beam import rows
from tests.examples_beam import save_model
from tests.examples_beam import stamps
from tests.examples_beam import upscale_all

FAILED = "failed-00000-of-00001.jsonl"
IMAGES = [encode(cut_out(n, 30 - n)[..., 0], "PNG") for n in (6, 9, 12, 15)]


def record(image, name=None, feature="image/encoded", label=7):
    """Returns the bytes of a record, as datasets have them."""
    example = tf.train.Example()
    features = example.features.feature
    features[feature].bytes_list.value.append(image)
    features["label"].int64_list.value.append(label)
    if name is not None:
        features["image/filename"].bytes_list.value.append(name.encode())
    return example.SerializeToString()


def write_records(path, records):
    path.parent.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for each in records:
            writer.write(each)
    return path


def examples(path):
    """Returns the examples in a file of records."""
    return [
        tf.train.Example.FromString(each.numpy())
        for each in tf.data.TFRecordDataset(str(path))
    ]


def text(example, feature):
    (value,) = example.features.feature[feature].bytes_list.value
    return value


@functools.cache
def upscaler_of(model):
    return upscale.Upscaler(keras.saving.load_model(model))


def expected(model, contents):
    """Returns what the package makes of an image."""
    return upscaler_of(model)(pixels(contents)).images


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """The path of a saved generator."""
    return save_model(tmp_path_factory.mktemp("model") / "generator.keras")


@pytest.fixture
def shards(tmp_path):
    """Two files of records, named and not named, one of them packed."""
    folder = tmp_path / "in"
    named = [record(IMAGES[0], "a/x.png"), record(IMAGES[1], "../../y.jpg")]
    write_records(folder / "one.tfrecord-0", named)
    plain = write_records(tmp_path / "p", [record(each) for each in IMAGES[2:]])
    packed = folder / "below" / "two.tfrecord.gz"
    packed.parent.mkdir()
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    return folder / "**.tfrecord*"


def test_records_become_files_in_a_folder_of_each_shard(
    model, shards, tmp_path
):
    out = tmp_path / "out"
    assert upscale_all(model, shards, out) == 0
    names = [
        *("one.tfrecord-0/a/x", "one.tfrecord-0/y"),
        *("below/two.tfrecord/000000", "below/two.tfrecord/000001"),
    ]
    assert sorted(stamps(out)) == sorted(out / f"{name}.png" for name in names)
    assert rows(out / "report.jsonl").keys() == set(names)
    for name, contents in zip(names, IMAGES, strict=True):
        made = pixels(out / f"{name}.png")
        np.testing.assert_array_equal(made, expected(model, contents))


def test_records_become_records_with_their_other_features(
    model, shards, tmp_path
):
    out = tmp_path / "out"
    assert upscale_all(model, shards, out, "--output_format=tfrecord") == 0
    first = examples(out / "one.tfrecord-0")
    second = examples(out / "below" / "two.tfrecord")
    assert [text(each, "image/filename") for each in first + second] == [
        *(b"a/x.png", b"../../y.jpg"),
        *(b"below/two.tfrecord/000000", b"below/two.tfrecord/000001"),
    ]
    for example, contents in zip(first + second, IMAGES, strict=True):
        made = pixels(text(example, "image/encoded"))
        np.testing.assert_array_equal(made, expected(model, contents))
        features = example.features.feature
        size = [
            features[f"image/{side}"].int64_list.value[0]
            for side in ("height", "width")
        ]
        assert size == list(made.shape[:2])
        assert list(features["label"].int64_list.value) == [7]
        assert text(example, "image/format") == b"png"


def test_a_folder_becomes_as_many_shards_as_are_asked_for(model, tmp_path):
    for number, contents in enumerate(2 * IMAGES):
        write(tmp_path / "in" / str(number % 2) / f"{number}.png", contents)
    out = tmp_path / "out"
    options = ("--output_format=tfrecord", "--num_shards=3")
    assert upscale_all(model, tmp_path / "in", out, *options) == 0
    paths = sorted(out.glob("images-*-of-00003.tfrecord"))
    assert len(paths) == 3
    found = [each for path in paths for each in examples(path)]
    assert len(found) == 8
    for example in found:
        name = text(example, "image/filename").decode()
        contents = (tmp_path / "in" / name).read_bytes()
        made = pixels(text(example, "image/encoded"))
        np.testing.assert_array_equal(made, expected(model, contents))


def test_the_next_start_makes_only_the_shards_that_are_missing(
    model, shards, tmp_path
):
    out, options = tmp_path / "out", ("--output_format=tfrecord",)
    upscale_all(model, shards, out, *options)
    report = rows(out / "report.jsonl")
    kept, lost = out / "one.tfrecord-0", out / "below" / "two.tfrecord"
    contents, stamp = lost.read_bytes(), kept.stat().st_mtime_ns
    # As a kill leaves it that comes before the last word.
    (out / ".done" / "below" / "two.tfrecord.json").unlink()
    lost.write_bytes(contents[:50])
    assert upscale_all(model, shards, out, *options) == 0
    assert kept.stat().st_mtime_ns == stamp
    assert lost.read_bytes() == contents
    assert rows(out / "report.jsonl") == report


def bad_records(folder):
    """Writes a file of records with much that is wrong; it is cut short."""
    good = [record(IMAGES[0], "good"), record(IMAGES[1], "other")]
    bad = [
        record(IMAGES[2], "good"),
        record(IMAGES[2], "feature", feature="picture"),
        record(b"this is no image", "image"),
        b"this is no example",
    ]
    path = write_records(folder / "bad.tfrecord", [*good, *bad, good[0]])
    path.write_bytes(path.read_bytes()[:-20])
    return path


MESSAGES = {
    "good": "another record has its image/filename, too",
    "feature": "0 values of 'image/encoded'.* It has: image/filename, label, p",
    "image": "ImageError",
    "000005": "no tf.Example",
    "000006": "no more of the file can be read: DataLossError",
}


@pytest.mark.parametrize("kind", ["png", "tfrecord"])
def test_bad_records_go_to_the_dead_letters(model, tmp_path, kind):
    path, out = bad_records(tmp_path / "in"), tmp_path / "out"
    option = f"--output_format={kind}"
    assert upscale_all(model, path, out, option) == 1
    failed = rows(out / FAILED)
    assert failed.keys() == {f"bad.tfrecord/{name}" for name in MESSAGES}
    for name, message in MESSAGES.items():
        assert re.search(message, failed[f"bad.tfrecord/{name}"]["error"])
    done = rows(out / "report.jsonl")
    assert done.keys() == {"bad.tfrecord/good", "bad.tfrecord/other"}
    # They are tried again, and told again, by the next start.
    assert upscale_all(model, path, out, option) == 1
    assert rows(out / FAILED) == failed
    assert rows(out / "report.jsonl") == done


def test_a_file_that_cannot_be_unpacked_does_not_stop_the_others(
    model, shards, tmp_path
):
    path, out = tmp_path / "in" / "bad.tfrecord.gz", tmp_path / "out"
    path.write_bytes(gzip.compress(record(IMAGES[0]))[:-9])
    assert upscale_all(model, shards, out) == 1
    assert len(stamps(out)) == 4
    (row,) = rows(out / FAILED).values()
    assert row["file"] == "bad.tfrecord/000000"
    assert "no more of the file can be read" in row["error"]


def test_the_feature_of_the_image_can_be_named(model, tmp_path):
    records = [record(IMAGES[0], "x", feature="picture")]
    path = write_records(tmp_path / "in" / "x.tfrecord", records)
    out = tmp_path / "out"
    assert upscale_all(model, path, out, "--feature=picture") == 0
    made = pixels(out / "x.tfrecord" / "x.png")
    np.testing.assert_array_equal(made, expected(model, IMAGES[0]))
    settings = json.loads((out / "run.json").read_text())["settings"]
    assert settings["feature"] == "picture"


@pytest.mark.slow
def test_portable_runners_do_the_same(model, shards, tmp_path):
    # What Flink's and Spark's runners speak, with a job server of Beam's own.
    portable = (
        *("--runner=PortableRunner", "--job_endpoint=embed"),
        "--environment_type=LOOPBACK",
    )
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    assert upscale_all(model, shards, ours) == 0
    assert upscale_all(model, shards, theirs, *portable) == 0
    assert rows(theirs / "report.jsonl") == rows(ours / "report.jsonl")
    for path in stamps(ours):
        other = theirs / path.relative_to(ours)
        np.testing.assert_array_equal(pixels(other), pixels(path))
