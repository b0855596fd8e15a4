from typing import Any

import pytest

from segmake.dataset.leakage import find_leaks, patients_on_both_sides, same_content, tell
from segmake.tables import Row


def a_row(case: str, **changes: Any) -> Row:
    base = {"case": case, "group": case, "split": "train", "label": "x", "ml_core": "1.5"}
    return base | {"voxels_sha256": f"v-{case}", "label_sha256": f"l-{case}"} | changes


def test_nothing_is_found_among_different_cases() -> None:
    assert find_leaks([a_row("a"), a_row("b"), a_row("c", split="test")]) == []


@pytest.mark.parametrize("split", ["train", "test", "new"])
def test_the_same_voxels_in_two_cases_of_any_split(split: str) -> None:
    rows = [a_row("a"), a_row("b", split=split, voxels_sha256="v-a")]
    assert find_leaks(rows) == [
        "two cases hold the same image voxels (a and b); remove one of each two",
    ]


def test_each_copy_is_named_with_the_first_of_its_kind() -> None:
    rows = [a_row(name, voxels_sha256="v") for name in "cab"] + [a_row(name) for name in "xy"]
    assert same_content(rows, "voxels_sha256") == [("a", "b"), ("a", "c")]


def test_the_same_label_map_with_another_image() -> None:
    rows = [a_row("010"), a_row("011"), a_row("012", label_sha256="l-010")]
    assert find_leaks(rows) == [
        "two cases hold the same label map (010 and 012); correct the label of one of each two"
    ]


def test_a_whole_copy_is_named_once() -> None:
    (sentence,) = find_leaks([a_row("a"), a_row("b", voxels_sha256="v-a", label_sha256="l-a")])
    assert "image voxels (a and b)" in sentence


def test_empty_label_maps_are_alike_for_a_reason() -> None:
    empty = {"label_sha256": "zeros", "ml_core": "0", "ml_edema": "0"}
    assert find_leaks([a_row("a", **empty), a_row("b", **empty)]) == []
    assert find_leaks([a_row("a", **empty), a_row("b", **(empty | {"ml_edema": "0.25"}))]) == []
    full = {"label_sha256": "same", "ml_core": "0", "ml_edema": "0.25"}
    assert len(find_leaks([a_row("a", **full), a_row("b", **full)])) == 1


def test_tables_without_checksums_are_no_copies_of_each_other() -> None:
    bare = {"voxels_sha256": "", "label_sha256": ""}
    assert find_leaks([a_row("a", **bare), a_row("b", **bare)]) == []
    rows = [{"case": name, "group": name, "split": "train", "label": "x"} for name in "ab"]
    assert find_leaks(rows) == []


def test_a_new_scan_may_come_twice_since_nothing_is_learned_from_it() -> None:
    again = {"voxels_sha256": "v", "label": "", "split": "new"}
    assert find_leaks([a_row("a", **again), a_row("b", **again), a_row("c", voxels_sha256="v")]) == []


def test_a_patient_on_both_sides() -> None:
    rows = [a_row("a1", group="p"), a_row("a2", group="p", split="test"), a_row("b", group="q")]
    assert find_leaks(rows) == [
        "a group (patient) must lie in train or in test as a whole, but 'p' has a1 in train and a2 in test; "
        "move or remove one of the sides"
    ]


def test_an_unlabelled_or_new_scan_of_a_test_patient_teaches_nothing() -> None:
    rows = [a_row("a1", group="p", split="test"), a_row("a2", group="p", label="")]
    assert patients_on_both_sides([*rows, a_row("a3", group="p", split="new")]) == []


def test_a_case_without_a_group_is_its_own() -> None:
    rows = [a_row("a", group=""), a_row("b", group="", split="test")]
    assert patients_on_both_sides(rows) == []


def test_all_kinds_are_found_at_once() -> None:
    rows = [
        a_row("a", group="p"),
        a_row("b", group="p", split="test", voxels_sha256="v-a"),
        a_row("c", label_sha256="l-a"),
    ]
    assert [sentence.split(" (")[0] for sentence in find_leaks(rows)] == [
        "two cases hold the same image voxels",
        "two cases hold the same label map",
        "a group",
    ]


def test_ten_are_named_and_the_others_counted() -> None:
    assert tell([str(i) for i in range(10)]) == "0, 1, 2, 3, 4, 5, 6, 7, 8, 9"
    assert tell([str(i) for i in range(13)]).endswith("8, 9, and 3 more")
    rows = [a_row(f"{i:02}", voxels_sha256=str(i % 20)) for i in range(40)]
    assert "00 and 20, 01 and 21" in find_leaks(rows)[0]
    assert "09 and 29, and 10 more)" in find_leaks(rows)[0]
