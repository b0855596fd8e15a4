"""The catalogue: names and sheet rows, without making anything."""

import subprocess
import sys
from pathlib import Path

import pytest

from segmake.dataset.phantom import CHANNELS, LABELS, case_class, case_names, image_file, sheet_rows
from segmake.dataset.sheet import cases_from_rows
from segmake.settings import PhantomSettings


def test_names_are_numbered_by_kind():
    assert case_names(PhantomSettings(kind="brats", count=2)) == ["brats-000", "brats-001"]
    assert case_names(PhantomSettings(kind="luna", count=1)) == ["luna-000"]


def test_more_cases_keep_the_names_of_the_first():
    few, many = (case_names(PhantomSettings(count=n)) for n in (3, 1200))
    assert many[:3] == few
    assert len(set(many)) == 1200


def test_brats_row_has_a_column_per_channel():
    row = sheet_rows(PhantomSettings(count=3, test=1), Path("phantom"))[0]
    assert list(row) == ["case", "group", "site", "split", "t1", "t1ce", "t2", "flair", "label", "class"]
    assert row["t1ce"] == "phantom/brats-000_t1ce.nii.gz"
    assert row["label"] == "phantom/brats-000_seg.nii.gz"
    assert row["class"] == ""


def test_the_first_cases_are_held_out_so_that_more_cases_change_no_split():
    few, many = (sheet_rows(PhantomSettings(count=n, test=2), Path()) for n in (5, 9))
    assert [row["split"] for row in few] == ["test", "test", "train", "train", "train"]
    assert many[:5] == few


@pytest.mark.parametrize(("count", "test", "held_out"), [(3, 0, 0), (2, 5, 2)])
def test_number_of_held_out_cases_is_within_reason(count, test, held_out):
    rows = sheet_rows(PhantomSettings(count=count, test=test), Path())
    assert sum(row["split"] == "test" for row in rows) == held_out


def test_luna_rows_name_both_classes():
    rows = sheet_rows(PhantomSettings(kind="luna", count=4), Path("out"))
    assert [row["class"] for row in rows] == ["benign", "malignant", "benign", "malignant"]
    assert rows[1]["ct"] == "out/luna-001.mhd"
    assert case_class("brats", 1) == ""


@pytest.mark.parametrize("kind", ["brats", "luna"])
def test_rows_are_a_valid_case_sheet(kind):
    rows = sheet_rows(PhantomSettings(kind=kind, count=3), Path("phantom"))
    cases = cases_from_rows(rows, CHANNELS[kind], Path("/data"), "phantom")
    assert [case.name for case in cases] == [f"{kind}-{index:03d}" for index in range(3)]
    for channel, path in cases[0].channels.items():
        assert path == Path("/data/phantom") / image_file(kind, f"{kind}-000", channel)


def test_channels_and_labels_are_those_of_the_challenges():
    assert CHANNELS == {
        "brats": {"t1": "mr", "t1ce": "mr", "t2": "mr", "flair": "mr"},
        "luna": {"ct": "ct"},
    }
    assert LABELS["brats"] == {"necrosis": 1, "edema": 2, "enhancing": 4}
    assert LABELS["luna"] == {"nodule": 1}


def test_reading_the_catalogue_loads_no_array_library():
    code = (
        "import sys, segmake.dataset.phantom; heavy = ('numpy', 'scipy', 'SimpleITK', 'nibabel', 'torch'); "
        "sys.exit(','.join(module for module in heavy if module in sys.modules) or 0)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr.strip()) == (0, "")
