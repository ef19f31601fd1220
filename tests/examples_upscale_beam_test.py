"""examples/upscale_beam.py on a folder of images, by Beam's local runner."""

import logging

import keras
import numpy as np
import pytest

from keras_affsr import upscale
from tests.data_files import cut_out
from tests.data_files import encode
from tests.data_files import write
from tests.examples_beam import pixels
from tests.examples_beam import rows
from tests.examples_beam import save_model
from tests.examples_beam import stamps
from tests.examples_beam import upscale_all

BROKEN = ("bad.png", "cut.jpg")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """The path of a saved generator."""
    return save_model(tmp_path_factory.mktemp("model") / "generator.keras")


@pytest.fixture
def folder(tmp_path):
    """A tree of images of several kinds and sizes, two of them broken."""
    inside = tmp_path / "in [1]"
    colour = cut_out(20, 24)
    write(inside / "a" / "grey.png", colour[..., 0])
    write(inside / "a" / "b" / "wide.jpg", colour[:9, :, 1])
    write(inside / "a" / "odd.tif", colour[:7, :5, 2])
    write(inside / "deep.png", colour[..., 1].astype("uint16") * 257)
    write(inside / "bad.png", b"this is no image")
    write(inside / "cut.jpg", encode(colour[..., 0], "JPEG")[:-40])
    write(inside / "notes.txt", b"not an image, and not meant to be one")
    return inside


def test_each_image_becomes_what_upscale_makes_of_it(model, folder, tmp_path):
    assert upscale_all(model, folder, tmp_path / "out") == 1
    upscaler = upscale.Upscaler(keras.saving.load_model(model))
    found = sorted(
        str(path.relative_to(tmp_path / "out"))
        for path in (tmp_path / "out").rglob("*.png")
    )
    assert found == ["a/b/wide.png", "a/grey.png", "a/odd.png", "deep.png"]
    for name, row in rows(tmp_path / "out" / "report.jsonl").items():
        result = upscaler(pixels(folder / name))
        made = (tmp_path / "out" / name).with_suffix(".png")
        np.testing.assert_array_equal(pixels(made), result.images)
        assert row["reproduced"] == result.reproduced
        assert row["unmatched"] == result.unmatched
    assert pixels(tmp_path / "out" / "deep.png").dtype == "uint16"


def test_bad_files_go_to_the_dead_letters(model, folder, tmp_path, capsys):
    assert upscale_all(model, folder, tmp_path / "out") == 1
    failed = rows(tmp_path / "out" / "failed-00000-of-00001.jsonl")
    assert sorted(failed) == sorted(BROKEN)
    assert all("ImageError" in row["error"] for row in failed.values())
    report = rows(tmp_path / "out" / "report.jsonl").values()
    table = dict(
        line.rsplit(maxsplit=1)
        for line in capsys.readouterr().out.strip().splitlines()
    )
    assert table == {
        "images done": "4",
        "done before, skipped": "0",
        "failed": "2",
        "files that are no images": "1",
        "samples not reproduced": str(sum(row["unmatched"] for row in report)),
    }


def test_the_next_start_does_only_the_rest(model, folder, tmp_path, capsys):
    out = tmp_path / "out"
    upscale_all(model, folder, out)
    before, report = stamps(out), rows(out / "report.jsonl")
    lost = out / "a" / "grey.png"
    contents = lost.read_bytes()
    lost.unlink()
    write(out / ".partial" / "left", b"half of an image")
    for name in BROKEN:  # Which are mended meanwhile, or taken away.
        (folder / name).unlink()
    capsys.readouterr()
    assert upscale_all(model, folder, out) == 0
    assert "skipped             3" in capsys.readouterr().out
    after = stamps(out)
    assert after.pop(lost) != before.pop(lost)
    assert after == before
    assert lost.read_bytes() == contents
    assert rows(out / "report.jsonl") == report
    assert not list(out.glob("failed-*"))
    assert sorted(path.name for path in out.iterdir()) == [
        *("a", "deep.png", "report.jsonl", "run.json")
    ]


def test_overwrite_makes_all_anew(model, folder, tmp_path):
    out = tmp_path / "out"
    upscale_all(model, folder, out)
    before = stamps(out)
    upscale_all(model, folder, out, "--strength=0.5", "--overwrite")
    after = stamps(out)
    assert all(after[path] > before[path] for path in before)
    # Which is a run of its own, to go on with.
    upscale_all(model, folder, out, "--strength=0.5")
    assert stamps(out) == after


def test_what_another_run_has_left_is_not_taken_for_done(
    model, folder, tmp_path
):
    out, other = tmp_path / "out", tmp_path / "other"
    upscale_all(model, folder, out)
    upscale_all(model, folder, other, "--strength=0.5")
    (out / "deep.png").write_bytes((other / "deep.png").read_bytes())
    (out / "a" / "odd.png").write_bytes(b"")
    upscale_all(model, folder, out)
    upscale_all(model, folder, tmp_path / "whole")
    for name in ("deep.png", "a/odd.png"):
        whole = tmp_path / "whole" / name
        np.testing.assert_array_equal(pixels(out / name), pixels(whole))


def test_two_files_of_one_name_fail_both(model, folder, tmp_path):
    write(folder / "a" / "grey.bmp", cut_out(8, 8)[..., 0])
    upscale_all(model, folder, tmp_path / "out")
    failed = rows(tmp_path / "out" / "failed-00000-of-00001.jsonl")
    message = "a/grey.bmp and a/grey.png would both be written to a/grey.png"
    for name in ("a/grey.bmp", "a/grey.png"):
        assert message in failed[name]["error"]
    assert not (tmp_path / "out" / "a" / "grey.png").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model={tmp}/none.keras"], "finds no model at .*none.keras"),
        (["--model={tmp}/in [1]/bad.png"], "expects a .keras file. Received"),
        (["--input={tmp}/none"], "finds no file in the folder .*none"),
        (["--input={tmp}/x.tfrecord*"], "finds no TFRecord file .*x.tfrecord"),
        (["--output_dir={tmp}/in [1]/new"], "Beam takes the characters"),
        (["--output_dir={tmp}/in"], "in use, and by no run: it holds no run"),
        (["--input={tmp}", "--output_dir={tmp}/o"], "would take its own resul"),
        (["--seed=1"], "settings: seed: 0 then, 1 now. Use the same ones"),
        (["--modle=x"], "does not know --modle, and neither does Beam"),
        (["stray"], "does not know stray, and neither"),
    ],
)
def test_what_will_not_do_is_refused(
    model, folder, tmp_path, arguments, message
):
    out = tmp_path / "out"
    write(tmp_path / "in" / "photograph.png", cut_out(8, 8))
    if "--seed=1" in arguments:
        upscale_all(model, folder, out)
    arguments = [each.format(tmp=tmp_path) for each in arguments]
    with pytest.raises(SystemExit, match=message):
        upscale_all(model, folder, out, *arguments)


def test_another_model_is_refused(model, folder, tmp_path):
    upscale_all(model, folder, tmp_path / "out")
    before = stamps(tmp_path / "out")
    save_model(tmp_path / "other.keras", seed=2)
    with pytest.raises(SystemExit, match=r"model_sha256: '.*' then, '.*' now"):
        upscale_all(tmp_path / "other.keras", folder, tmp_path / "out")
    assert stamps(tmp_path / "out") == before


def test_warnings_of_single_images_are_left_to_the_report(caplog):
    import beam_upscale

    logger = logging.getLogger("keras_affsr.upscale.projector")
    with beam_upscale.without_warnings():
        logger.warning("one of a million")
    logger.warning("afterwards")
    assert caplog.messages == ["afterwards"]
