"""Files of one case that do not fit each other: labels, channels, grids; and those that are mended."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from robustness.cases import (
    GRID,
    NOISE,
    SHAPE,
    TRUTH,
    Cells,
    Wrong,
    assert_refused,
    convert,
    convert_beside,
    shifted,
    write,
    write_good,
    write_sheet,
)


def label(data: Any = TRUTH, affine: Any = GRID, name: str = "bad_seg.nii.gz") -> Callable[[Path], Cells]:
    """A sound image with this label map."""

    def cells(folder: Path) -> Cells:
        write(folder / "bad.nii.gz")
        write(folder / name, data, affine)
        return {"ct": "bad.nii.gz", "label": name}

    return cells


def named(path: str, make: Callable[[Path], Any] = lambda _: None) -> Callable[[Path], Cells]:
    """A sound image whose label is what `make` writes."""

    def cells(folder: Path) -> Cells:
        write(folder / "bad.nii.gz")
        make(folder / path)
        return {"ct": "bad.nii.gz", "label": path}

    return cells


def masks(**files: Any) -> Callable[[Path], None]:
    """A folder with these masks."""

    def make(folder: Path) -> None:
        folder.mkdir()
        for name, (data, affine) in files.items():
            write(folder / f"{name}.nii.gz", data, affine)

    return make


def put(value: float, kind: Any = np.int16) -> Any:
    """The truth with this value in one voxel."""
    data = TRUTH.astype(kind)
    data[7, 7, 7] = value
    return data


TURNED = np.array([[0.0, -1, 0, 7], [1, 0, 0, 0], [0, 0, 2, 0], [0, 0, 0, 1]])
RULE = "all files of a case must lie on one grid within 0.05 mm, but"
BELONGS = "give the label map that belongs to the first channel"
TABLE = {
    "unknown value": Wrong(
        label(put(4)), ("bad_seg.nii.gz holds label values 4 (1 voxels)", "; add them there")
    ),
    "negative value": Wrong(
        label(put(-1)), ("values lie in 0 to 32767", "bad_seg.nii.gz holds -1 to 1; give")
    ),
    "value too large": Wrong(
        label(put(40000, np.int32)), ("values lie in", "holds 0 to 40000; give the label map")
    ),
    "fractions": Wrong(
        label(TRUTH * np.float32(0.5)), ("whole numbers, but", "bad_seg.nii.gz has others; give")
    ),
    "NaN in the label": Wrong(
        label(put(np.nan, np.float32)), ("holds whole numbers", "; give the label map")
    ),
    "infinite label": Wrong(label(put(np.inf, np.float32)), ("holds whole numbers", "; give the label map")),
    "image as label": Wrong(label(NOISE), ("bad_seg.nii.gz holds -9", "; give the label map, not the image")),
    "several channels": Wrong(
        label(np.stack([TRUTH] * 2, -1)), ("has one channel", "has 2; give the one with")
    ),
    "other shape": Wrong(label(TRUTH[:5]), (RULE, f"does not ((5, 8, 8) against (8, 8, 8)); {BELONGS}")),
    "other spacing": Wrong(
        label(affine=np.diag([1, 1, 3, 1])), (RULE, f"(1x1x3 against 1x1x2 mm); {BELONGS}")
    ),
    "shifted by 5 mm": Wrong(label(affine=shifted(5)), (RULE, "bad_seg.nii.gz", f"5 mm apart); {BELONGS}")),
    "shifted by 0.1 mm": Wrong(label(affine=shifted(0.1)), (RULE, f"0.1 mm apart); {BELONGS}")),
    "mirrored": Wrong(label(affine=GRID * [[-1], [1], [1], [1]]), (RULE, f"7 mm apart); {BELONGS}")),
    "no label file": Wrong(named("gone.nii.gz"), ("gone.nii.gz does not exist; correct the path",)),
    "label of no bytes": Wrong(
        named("l.nii.gz", Path.touch), ("l.nii.gz is empty (0 bytes); copy or export",)
    ),
    "label of text": Wrong(
        named("l.nii", lambda path: path.write_text("no" * 99)), ("l.nii is not a readable",)
    ),
    "label of no format": Wrong(
        named("l.npz", lambda path: path.write_text("PK")), ("no known format", "; convert")
    ),
    "empty folder of masks": Wrong(
        named("m", Path.mkdir), ("m holds neither mask files nor DICOM files; give a",)
    ),
    "masks of other names": Wrong(
        named("m", masks(liver=(TRUTH, GRID))),
        ("m has mask files liver", "none for core", "; give them the names"),
    ),
    "mask of probabilities": Wrong(
        named("m", masks(core=(TRUTH * np.float32(0.3), GRID))),
        ("core.nii.gz holds values from 0 to 0.3", "; a mask"),
    ),
    "masks on two grids": Wrong(
        named("m", masks(core=(TRUTH, GRID), rim=(TRUTH, shifted(3)))),
        ("the masks of a folder must lie on one grid", "3 mm apart); export them again"),
        ("--labels", '{"core": 1, "rim": 2}'),
    ),
    "mask on another grid": Wrong(
        named("m", masks(core=(TRUTH, shifted(5)))), (RULE, f"5 mm apart); {BELONGS}")
    ),
}


@pytest.mark.parametrize("name", TABLE)
def test_a_bad_label(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    wrong = TABLE[name]
    ended = convert_beside(capsys, tmp_path, wrong.make(tmp_path), wrong.flags)
    assert_refused(ended, wrong, tmp_path)
    assert "bad_label.nii.gz" not in {path.name for path in (tmp_path / "out").iterdir()}


def both(data: Any, affine: Any = GRID, **first: object) -> Callable[[Path], Cells]:
    """Two channels: a sound one, and this one."""

    def cells(folder: Path) -> Cells:
        write(folder / "bad.nii.gz", **first)
        write(folder / "bad_t2.nii.gz", data, affine)
        return {"ct": "bad.nii.gz", "t2": "bad_t2.nii.gz"}

    return cells


SHIFT = NOISE + np.int16(1)
CHANNELS = {
    "lies elsewhere": Wrong(
        both(SHIFT, shifted(5)),
        (
            RULE,
            "bad_t2.nii.gz has the first channel's shape and spacing",
            "5 mm apart",
            "; its header is probably",
        ),
    ),
    "of another shape": Wrong(
        both(SHIFT[:5]), (RULE, "((5, 8, 8) against (8, 8, 8)); resample it"), ("--regrid", "never")
    ),
    "swapped axes of another shape": Wrong(
        both(SHIFT[:, :4].swapaxes(0, 1)), (RULE, "(4, 8, 8) against (8, 8, 8)"), ("--regrid", "never")
    ),
    "holds two channels": Wrong(
        both(np.stack([NOISE] * 2, -1)), ("hold 3 channels, expected 2 (ct, t2); correct data.channels",)
    ),
    "constant": Wrong(
        both(np.full(SHAPE, 3, np.int16)), ("bad_t2.nii.gz is blank: every voxel of channel t2 is 3;",)
    ),
    "missing": Wrong(
        lambda folder: {"ct": write(folder / "bad.nii.gz"), "t2": "x"}, ("x does not exist; correct",)
    ),
}


@pytest.mark.parametrize("name", CHANNELS)
def test_a_bad_channel(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    wrong = CHANNELS[name]
    write(tmp_path / "good_t2.nii.gz", SHIFT)
    rows = [{"case": "bad", **wrong.make(tmp_path)}, write_good(tmp_path) | {"t2": "good_t2.nii.gz"}]
    source = ("--cases", write_sheet(tmp_path, rows))
    meaning = ("--channels", '{"ct": "ct", "t2": "mr"}')
    ended = convert(capsys, tmp_path, *source, flags=(*wrong.flags, *meaning))
    assert_refused(ended, wrong, tmp_path)


def with_nan(folder: Path) -> Cells:
    data = NOISE.astype(np.float32)
    data[0, 0, :3] = np.nan, np.inf, -np.inf
    return {"ct": write(folder / "bad.nii.gz", data)}


MENDED = {
    "some NaN": (
        with_nan,
        "repairs",
        "3 voxels that were NaN or infinite filled with the least finite value",
    ),
    "0.01 mm": (
        label(affine=shifted(0.01)),
        "repairs",
        "label: grid snapped to the first channel's, 0.01 mm away",
    ),
    "1e-8 mm": (label(affine=shifted(1e-8)), "repairs", ""),
    "turned by whole axes": (label(np.rot90(TRUTH), TURNED), "repairs", ""),
    "labels as reals": (
        label(TRUTH * np.float32(0.9999999)),
        "repairs",
        "label: bad_seg.nii.gz: float32 labels cast to int16, rounded",
    ),
    "empty label": (label(TRUTH * 0), "warnings", "label"),
    "singleton axis": (
        lambda folder: {"ct": write(folder / "bad.nii.gz", NOISE[..., None, None])},
        "repairs",
        "1 axes of one voxel were dropped",
    ),
    "plain named gz": (
        lambda folder: {"ct": write(folder / "bad.nii").rename(folder / "bad.nii.gz")},
        "repairs",
        "bad.nii.gz is plain although its name ends in .gz",
    ),
    "metres": (
        lambda folder: {
            "ct": write(folder / "bad.nii", affine=np.diag([0.001, 0.001, 0.002, 1]), xyzt_units=1)
        },
        "repairs",
        "the header counts in metres, which were turned to mm",
    ),
    "no orientation": (
        lambda folder: {"ct": write(folder / "bad.nii", sform_code=0, qform_code=0)},
        "warnings",
        "the header gives no orientation",
    ),
    "two orientations": (
        lambda folder: {"ct": write(folder / "bad.nii", qoffset_x=20)},
        "warnings",
        "sform and qform (codes 2 and 1) differ by up to 20 mm at the corners, the sform is used",
    ),
}


@pytest.mark.parametrize("name", MENDED)
def test_what_is_safe_is_mended_and_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    make, column, said = MENDED[name]
    ended = convert_beside(capsys, tmp_path, make(tmp_path))
    row = ended.rows["bad"]
    assert (ended.code, row["status"], row["reason"]) == (0, "ok", "")
    assert said in row[column]
    assert bool(row[column]) == bool(said)
    assert row["shape"] == "8x8x8"
    assert np.isfinite(nib.load(tmp_path / "out" / "bad.nii.gz").get_fdata()).all()
    if row["label"] and "empty" not in name:
        assert row["ml_core"] == "0.054"
