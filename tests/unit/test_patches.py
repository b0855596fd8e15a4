"""Patches and folds are read as slice and divide wrote them."""

from pathlib import Path

import numpy as np
import pytest
from slice_cases import grey, patch, write_slices

from segmake.errors import InputError
from segmake.patches import read_folds, read_patches
from segmake.tables import write_table
from segmake.volume.store import load_array


def test_patches_are_sorted_by_case_and_know_their_row(tmp_path: Path) -> None:
    lesion = patch("benign", 1, lesion="2", x_mm=1.5, y_mm=-2.0, z_mm=3.25, diameter_mm=8.0, dhash="0f")
    second = write_slices(
        tmp_path / "slice",
        [
            {
                "case": "b",
                "images": grey(9, 2),
                "patches": [patch("malignant"), lesion],
                "group": "p",
                "site": "x",
            }
        ],
        "01",
    )
    first = write_slices(tmp_path / "slice", [{"case": "a", "images": grey(7), "patches": [patch("c|d")]}])
    a, b, c = read_patches([second, first])
    assert (a.case, a.group, a.class_, a.classes, a.x_mm) == ("a", "a", "c|d", ["c", "d"], None)
    assert (b.case, b.group, b.site, b.index, b.class_) == ("b", "p", "x", 0, "malignant")
    assert (c.index, c.lesion, c.class_, c.dhash) == (1, "2", "benign", "0f")
    assert (c.x_mm, c.y_mm, c.z_mm, c.diameter_mm) == (1.5, -2.0, 3.25, 8.0)
    assert np.array_equal(load_array(c.path), grey(9, 2))


def test_a_case_may_have_no_patch_and_a_failed_one_is_left_out(tmp_path: Path) -> None:
    table = write_slices(tmp_path, [{"case": "a", "images": grey(1, 0), "patches": []}])
    assert read_patches([table]) == []
    write_table(table, [{"case": "a", "path": "", "status": "failed"}])
    assert read_patches([table]) == []


def test_a_table_of_another_stage_is_refused(tmp_path: Path) -> None:
    table = tmp_path / "shard-00.tsv"
    write_table(table, [{"case": "a", "path": "a.nii.gz", "status": "ok", "split": "train", "group": ""}])
    with pytest.raises(InputError, match="no column patches"):
        read_patches([table])


def test_folds_are_numbers_or_none(tmp_path: Path) -> None:
    path = tmp_path / "folds.tsv"
    write_table(path, [{"case": "a", "fold": "1"}, {"case": "b", "fold": ""}])
    assert read_folds(path) == {"a": 1, "b": None}
    write_table(path, [{"case": "a", "fold": "one"}])
    with pytest.raises(InputError, match="whole number"):
        read_folds(path)
    write_table(path, [{"case": "a"}])
    with pytest.raises(InputError, match="columns case and fold"):
        read_folds(path)
