"""`keras-affsr project`: pairs of files, and what is printed of them."""

from keras_affsr.upscale import write_image
from tests.cli_tiny import OPERATOR
from tests.cli_tiny import assert_agree
from tests.cli_tiny import run
from tests.cli_tiny import write_pair
from tests.upscale_tiny import theirs
from tests.upscale_tiny import tiny_generator


def project(folder, *options):
    return run(
        "project",
        *("--sr", folder / "sr", "--lr", folder / "lr"),
        *("-o", folder / "out", *OPERATOR, *options),
    )


def test_command_matches_names_and_prints_before_and_after(tmp_path):
    for seed, name in enumerate(("a.png", "b.png")):
        _, high_res = write_pair(tmp_path, name, seed=seed)
        write_image(tmp_path / "sr" / name, theirs(high_res, seed))
    write_image(tmp_path / "sr" / "alone.png", theirs(high_res))
    code, out, err = project(tmp_path)
    assert code == 1
    assert "alone.png has no partner in --lr" in err
    lines = out.splitlines()
    assert len(lines) == 2
    for line, name in zip(lines, ("a.png", "b.png")):
        assert line.startswith(f"{name}  before: LR-PSNR ")
        assert "after: LR-PSNR " in line and "reproduced 100.00 %" in line
        assert_agree(tmp_path / "out" / name, tmp_path / "lr" / name)
    code, _, err = project(tmp_path, "--quiet")
    assert code == 1
    assert "a.png exists, and is not replaced" in err


def test_a_model_can_say_what_the_operator_is(tmp_path):
    _, high_res = write_pair(tmp_path, "a.png")
    write_image(tmp_path / "sr.png", theirs(high_res))
    tiny_generator(3).save(tmp_path / "model.keras")
    tiny_generator(3, project=False).save(tmp_path / "plain.keras")
    source = tmp_path / "lr" / "a.png"
    arguments = (
        *("project", "--sr", tmp_path / "sr.png", "--lr", source),
        *("-o", tmp_path / "out.png", "--model"),
    )
    code, _, err = run(*arguments, tmp_path / "model.keras")
    assert code == 0, err
    assert_agree(tmp_path / "out.png", source)
    code, _, err = run(*arguments, tmp_path / "plain.keras")
    assert code == 2
    assert "does not know how low resolution was made" in err


def test_places_that_cannot_match_are_refused(tmp_path):
    for name in ("a.png", "b.png"):
        _, high_res = write_pair(tmp_path, name)
        write_image(tmp_path / "sr" / name, high_res)
    options = ("-o", tmp_path / "out", *OPERATOR)
    one = tmp_path / "lr" / "a.png"
    code, _, err = run(
        "project", "--sr", tmp_path / "sr", "--lr", one, *options
    )
    assert code == 2
    assert "is one file, for 2 images. Give a folder" in err
    code, _, err = run(
        "project", "--sr", tmp_path / "sr", "--lr", tmp_path / "x", *options
    )
    assert code == 2
    assert "is missing. Give a file or a folder" in err
