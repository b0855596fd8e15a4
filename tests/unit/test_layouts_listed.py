"""Pictures that lists name with their class."""

import logging
from pathlib import Path

import pytest
from layout_cases import touch

from segmake.dataset.layouts import index_layout
from segmake.errors import InputError


def lists(root: Path, **texts: str) -> Path:
    for name, text in texts.items():
        (root / f"{name}.txt").write_text(text)
    return root


def test_lists_give_class_and_split(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    touch(tmp_path, "train/a.jpg", "train/b.jpg", "val/a.jpg", "train/extra_1.jpg", "README.txt")
    lists(tmp_path, trainlabels="train/a.jpg 1\ntrain/b.jpg 0\n\n", vallabels="val/a.jpg,1\n", note="words\n")
    with caplog.at_level(logging.WARNING):
        found = index_layout("listed", tmp_path)
    assert [(case.name, case.split, case.class_) for case in found.cases] == [
        ("train_a", "train", "1"),
        ("train_b", "train", "0"),
        ("val_a", "test", "1"),
    ]
    assert found.cases[0].channels == {"image": tmp_path / "train/a.jpg"}
    assert "1 pictures are in no list and are left out: train/extra_1.jpg" in caplog.text


def test_a_test_list_takes_the_place_of_val(tmp_path: Path) -> None:
    touch(tmp_path, "a.png", "b.png", "c.png")
    lists(tmp_path, train="a.png x\n", val="b.png x\n", test="c.png y\n")
    splits = {case.name: case.split for case in index_layout("listed", tmp_path).cases}
    assert splits == {"a": "train", "b": "train", "c": "test"}


def test_one_list_alone_is_cross_validated(tmp_path: Path) -> None:
    touch(tmp_path, "a.png", "b.png")
    lists(tmp_path, test_labels="a.png x\nb.png y\n")
    assert {case.split for case in index_layout("listed", tmp_path).cases} == {"train"}


@pytest.mark.parametrize("copy", ["a_rot90", "a-rotated", "a_flip", "a_aug3", "a_rot_180"])
def test_a_picture_made_of_another_is_of_its_group(tmp_path: Path, copy: str) -> None:
    touch(tmp_path, "t/a.png", f"t/{copy}.png", "t/ab.png", "t/carrot_1.png")
    lists(tmp_path, train="".join(f"t/{name}.png x\n" for name in ("a", copy, "ab", "carrot_1")))
    groups = {case.name: case.group for case in index_layout("listed", tmp_path).cases}
    assert groups[f"t_{copy}"] == groups["t_a"] == "t_a"
    assert (groups["t_ab"], groups["t_carrot_1"]) == ("t_ab", "t_carrot_1")


def test_a_listed_picture_that_is_missing_has_a_problem(tmp_path: Path) -> None:
    touch(tmp_path, "a.png")
    lists(tmp_path, train="a.png x\ngone.png y\n")
    problems = {case.name: case.problem for case in index_layout("listed", tmp_path).cases}
    assert problems == {"a": "", "gone": "gone.png is listed, but not there; add the picture"}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a.png x\nnonsense\n", "line 2: a line is a picture and its class, got 'nonsense'"),
        ("a.png x\na.png y\n", "names a.png, which is listed before"),
        ("only words\n", "needs a list such as"),
    ],
)
def test_what_is_no_list_is_explained(tmp_path: Path, text: str, sentence: str) -> None:
    touch(tmp_path, "a.png")
    lists(tmp_path, train=text)
    with pytest.raises(InputError, match=sentence):
        index_layout("listed", tmp_path)
