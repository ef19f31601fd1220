import pytest

from keras_affsr.data.celeb_a_files import face_files
from tests import data_archives

SPLITS = ("train", "validation", "test")


def make(folder, names):
    """Writes files that are never decoded."""
    return data_archives.write_files(folder, {name: b"none" for name in names})


def names_in(folder, split):
    return {file.name for file in face_files(folder, split, "celeb_a").files}


def numbers(folder, split):
    return sorted(int(name[-10:-4]) for name in names_in(folder, split))


def test_numbers_give_the_standard_split(tmp_path):
    ends = [1, 162_770, 162_771, 182_637, 182_638, 202_599]
    make(tmp_path, [f"img_align_celeba/{number:06d}.jpg" for number in ends])
    assert numbers(tmp_path, "train") == ends[:2]
    assert numbers(tmp_path, "validation") == ends[2:4]
    assert numbers(tmp_path, "test") == ends[4:]


@pytest.mark.parametrize("place", ["", "faces"])
def test_the_list_is_preferred_to_the_numbers(place, tmp_path):
    make(tmp_path / "faces", [f"{number:06d}.png" for number in range(1, 5)])
    lines = [f"{number:06d}.jpg {number % 3}" for number in range(1, 5)]
    (tmp_path / place / "list_eval_partition.txt").write_text("\n".join(lines))
    assert numbers(tmp_path / "faces", "train") == [3]
    assert numbers(tmp_path / "faces", "validation") == [1, 4]
    assert numbers(tmp_path / "faces", "test") == [2]


def test_files_outside_of_the_split_are_left_out_and_counted(tmp_path, caplog):
    make(tmp_path, ["000001.jpg", "202600.jpg", "000000.jpg", "me.jpg"])
    assert numbers(tmp_path, "train") == [1]
    assert "Left out 3 of 4 files" in caplog.text
    with pytest.raises(ValueError, match=r"split='test'.*'train': 1, 'valid"):
        face_files(tmp_path, "test", "celeb_a")


def test_other_faces_are_split_by_a_hash_of_each_name(tmp_path, caplog):
    names = [f"{person}/{shot}.jpg" for person in "abcd" for shot in range(50)]
    make(tmp_path, names)
    parts = {split: names_in(tmp_path, split) for split in SPLITS}
    assert "not numbered as CelebA's" in caplog.text
    assert sum(map(len, parts.values())) == len(set.union(*parts.values()))
    # Of 200 names each tenth is 20, give or take 4.2; four deviations.
    assert abs(len(parts["train"]) - 160) < 23
    assert abs(len(parts["test"]) - 20) < 17
    make(tmp_path, [f"new/{shot}.jpg" for shot in range(50)])
    for split, part in parts.items():
        assert part < names_in(tmp_path, split)


def test_six_digits_alone_are_not_celeb_a(tmp_path, caplog):
    make(tmp_path, [f"{number:06d}.jpg" for number in range(200)])
    assert numbers(tmp_path, "test")
    assert "not numbered as CelebA's" in caplog.text


@pytest.mark.parametrize("text", ["<html>", "000001.jpg 3", "000001.jpg train"])
def test_a_list_that_is_none_is_refused(text, tmp_path):
    make(tmp_path, ["000001.jpg"])
    (tmp_path / "list_eval_partition.txt").write_text(f"{text}\n")
    with pytest.raises(ValueError, match=r"is no list of CelebA's .*0, 1 or 2"):
        face_files(tmp_path, "train", "celeb_a")
