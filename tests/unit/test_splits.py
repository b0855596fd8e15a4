import json
from pathlib import Path
from typing import Any

import pytest

from segmake.dataset.splits import own_folds, read_splits
from segmake.errors import InputError

GROUPS = {"a1": "a", "a2": "a", "b": "b", "c": "c"}
FOLDS = [["a1", "a2"], ["b", "c"]]
FILE = Path("own.tsv")


def a_table(folder: Path, text: str) -> Path:
    path = folder / "own.tsv"
    path.write_text(text.replace(" ", "\t"))
    return path


def a_list(folder: Path, content: Any) -> Path:
    path = folder / "splits_final.json"
    path.write_text(json.dumps(content))
    return path


def test_a_table_of_folds(tmp_path: Path) -> None:
    path = a_table(tmp_path, "fold case\n1 b\n0 a1\n1 c\n0 a2\n")
    assert read_splits(path) == FOLDS


def test_the_list_that_nnunet_writes(tmp_path: Path) -> None:
    pairs = [{"train": ["b", "c"], "val": ["a1", "a2"]}, {"train": ["a1", "a2"], "val": ["b", "c"]}]
    assert read_splits(a_list(tmp_path, pairs)) == FOLDS


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("case group\na 0\n", "own.tsv needs the columns case and fold, set apart by a tab; add them"),
        ("", "needs the columns case and fold"),
        ("case fold\na 0\nb one\n", "row 3: a fold is a number from 0, got 'one'; correct it"),
        ("case fold\na 0\nb -1\n", "row 3: a fold is a number from 0, got '-1'"),
        ("case fold\na 1\nb 2\n", r"folds are numbered 0, 1, 2 \.\.\. without a gap, got \[1, 2\]"),
        ("case fold\na 0\nb 0\n", "cross-validation needs at least 2 folds, but .* has 1; add one"),
    ],
)
def test_what_is_wrong_with_a_table(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        read_splits(a_table(tmp_path, text))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ({"train": [], "val": []}, 'must be a JSON list of {"train": .*: it is none; correct it'),
        ([{"train": ["a"]}], "it is none"),
        ([{"train": ["a"], "val": [3]}], "it is none"),
        (
            [{"train": ["a", "b"], "val": ["b"]}, {"train": ["b"], "val": ["a"]}],
            "fold 0: a fold trains on all cases that it does not validate on, but b stand in both lists",
        ),
        (
            [{"train": [], "val": ["b"]}, {"train": ["b"], "val": ["a"]}],
            "fold 0: .* but a stand in neither list; correct it",
        ),
    ],
)
def test_what_is_wrong_with_a_list(tmp_path: Path, content: Any, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        read_splits(a_list(tmp_path, content))


def test_a_missing_or_damaged_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone\.tsv does not exist; correct the path"):
        read_splits(tmp_path / "gone.tsv")
    path = tmp_path / "cut.json"
    path.write_text('[{"train": [')
    with pytest.raises(InputError, match=r"cut\.json must be a JSON list"):
        read_splits(path)


def test_cases_get_the_fold_they_stand_in() -> None:
    assert own_folds(FILE, FOLDS, GROUPS) == {"a1": 0, "a2": 0, "b": 1, "c": 1}


def test_a_case_that_was_lost_on_the_way_may_stand_in_the_file() -> None:
    folds = [["a1", "a2", "lost"], ["b", "c"]]
    assert own_folds(FILE, folds, GROUPS, {"lost"}) == {"a1": 0, "a2": 0, "b": 1, "c": 1}


@pytest.mark.parametrize(
    ("folds", "sentence"),
    [
        ([["a1", "a2", "b"], ["b", "c"]], "a case must stand in one fold, but these stand in several: b;"),
        ([["a1", "b"], ["a2", "c"]], r"must lie in one fold: 'a' has a1 in fold 0 and a2 in fold 1; correct"),
        ([["a1", "a2"], ["b"]], "each labelled training case needs a fold, but these have none: c; correct"),
        ([["a1", "a2"], ["b", "c", "made_up"]], "these are no labelled training cases: made_up; correct"),
        ([["a1", "a2"], ["b", "c"], ["lost"]], r"folds \[2\] hold no case that was converted; correct"),
    ],
)
def test_what_contradicts_the_cases(folds: list[list[str]], sentence: str) -> None:
    with pytest.raises(InputError, match=rf"own\.tsv \(plan\.splits\): .*{sentence}"):
        own_folds(FILE, folds, GROUPS, {"lost"})


def test_all_contradictions_are_told_at_once() -> None:
    with pytest.raises(InputError) as caught:
        own_folds(FILE, [["a1", "b", "b"], ["a2", "d"]], GROUPS)
    for words in ("several: b;", "'a' has a1", "none: c;", "cases: d;"):
        assert words in str(caught.value)
