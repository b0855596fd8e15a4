"""Tables of LUNA16 and LIDC-IDRI: nodules and candidates, with their places in the scan.

Columns `seriesuid, coordX, coordY, coordZ` and then `diameter_mm` (annotations.csv, annotations_excluded.csv;
optionally `mal_details`, the radiologists' scores as a list), `class` (candidates.csv, candidates_V2.csv) or
`probability` (a detector's results).
Coordinates are world mm with LPS axes, as ITK has them: x grows to the left, y to the back, z upwards; a
`Volume` has RAS axes, so negate x and y before using its affine.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple

from segmake.dataset.delimited import NumberedRow, iter_rows
from segmake.errors import InputError

PLACE = ("seriesuid", "coordX", "coordY", "coordZ")
MALIGNANCY = "mal_details"
UNMEASURED_MM = 10.0

Point = tuple[float, float, float]


class Nodule(NamedTuple):
    """A finding in a scan."""

    case: str
    """Series UID of the scan."""
    centre_mm: Point
    """Centre in world mm, LPS axes, as in the file."""
    diameter_mm: float
    malignancy: tuple[int, ...] = ()
    """Scores 1 to 5, one per radiologist; empty where the table has none."""


class Candidate(NamedTuple):
    """A place in a scan that a detector looked at."""

    case: str
    """Series UID of the scan."""
    centre_mm: Point
    """Centre in world mm, LPS axes, as in the file."""
    is_nodule: bool


class Detection(NamedTuple):
    """A place that a detector marked, and how certain it was."""

    case: str
    """Series UID of the scan."""
    centre_mm: Point
    """World mm, LPS axes, as in the file."""
    probability: float


def read_annotations(path: Path, scans: Collection[str] | None = None) -> list[Nodule]:
    """Read nodules in the order of the file.

    Args:
        path: A table such as annotations.csv.
        scans: The scans there are; None takes any.

    Raises:
        InputError: a column is missing, a cell is no number, a diameter is not positive, a score is not 1 to
            5, or a scan is unknown; the message names row and column.
    """
    return [
        Nodule(_case(row, path, scans), _centre(row, path), _diameter(row, path), _scores(row, path))
        for row in _rows(path, (*PLACE, "diameter_mm"))
    ]


def read_excluded(path: Path, scans: Collection[str] | None = None) -> list[Nodule]:
    """Read irrelevant findings (annotations_excluded.csv), which count neither as hit nor as false positive.

    A negative diameter there means that none was measured; the challenge's evaluation script takes 10 mm.

    Raises:
        InputError: as `read_annotations`, but for negative diameters.
    """
    found = []
    for row in _rows(path, (*PLACE, "diameter_mm")):
        diameter = _number(row, "diameter_mm", path)
        size = diameter if diameter >= 0 else UNMEASURED_MM
        found.append(Nodule(_case(row, path, scans), _centre(row, path), size))
    return found


def read_candidates(path: Path, scans: Collection[str] | None = None) -> list[Candidate]:
    """Read candidates in the order of the file.

    Raises:
        InputError: as `read_annotations`; a class must be 0 or 1.
    """
    found = []
    for row in _rows(path, (*PLACE, "class")):
        if row.cells["class"] not in ("0", "1"):
            raise _fault(row, "class", path, "must be 0 or 1")
        found.append(Candidate(_case(row, path, scans), _centre(row, path), row.cells["class"] == "1"))
    return found


def read_detections(path: Path) -> list[Detection]:
    """Read a detector's results (a submission to LUNA16) in the order of the file.

    Raises:
        InputError: as `read_annotations`; a probability must be a finite number.
    """
    return [
        Detection(_case(row, path, None), _centre(row, path), _number(row, "probability", path))
        for row in _rows(path, (*PLACE, "probability"))
    ]


def read_scans(path: Path) -> list[str]:
    """Read a list of scans (seriesuids.csv): a series UID in the first column, a header or none.

    Raises:
        InputError: the list is empty, or names a scan twice.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read: {error}; correct the path") from error
    scans = [name for line in lines if (name := re.split(r"[,;\t]", line)[0].strip()) not in ("", PLACE[0])]
    if not scans:
        raise InputError(f"{path} lists no scan; give a file with a series UID in each row")
    if len(set(scans)) < len(scans):
        twice = next(name for name in scans if scans.count(name) > 1)
        raise InputError(f"{path} lists {twice} twice; name each scan once")
    return scans


def malignancy_columns(path: Path) -> bool:
    """Whether this table has the columns of nodules with malignancy scores."""
    first = next(iter_rows(path, ",;\t"), None)
    return first is not None and {*PLACE, "diameter_mm", MALIGNANCY} <= first.cells.keys()


def _rows(path: Path, columns: Collection[str]) -> Iterator[NumberedRow]:
    rows = iter_rows(path, ",")
    first = next(rows, None)
    if first is None:
        raise InputError(f"{path} has no rows; it needs the columns {', '.join(columns)}")
    for name in columns:
        if name not in first.cells:
            raise InputError(f"{path} needs a column '{name}', has {', '.join(first.cells)}; add it")
    yield first
    yield from rows


def _case(row: NumberedRow, path: Path, scans: Collection[str] | None) -> str:
    case = row.cells["seriesuid"]
    if not case or (scans is not None and case not in scans):
        raise _fault(row, "seriesuid", path, "must be a scan that is there")
    return case


def _centre(row: NumberedRow, path: Path) -> Point:
    x, y, z = (_number(row, name, path) for name in PLACE[1:])
    return x, y, z


def _diameter(row: NumberedRow, path: Path) -> float:
    diameter = _number(row, "diameter_mm", path)
    if diameter <= 0:
        raise _fault(row, "diameter_mm", path, "must be above 0 mm")
    return diameter


def _scores(row: NumberedRow, path: Path) -> tuple[int, ...]:
    text = row.cells.get(MALIGNANCY, "")
    scores = tuple(int(word) for word in re.findall(r"\d+", text))
    if not re.fullmatch(r"\[?[\d\s,;]*\]?", text) or not all(1 <= score <= 5 for score in scores):
        raise _fault(row, MALIGNANCY, path, "must list scores from 1 to 5")
    return scores


def _number(row: NumberedRow, column: str, path: Path) -> float:
    try:
        value = float(row.cells[column])
    except ValueError:
        raise _fault(row, column, path, "must be a number") from None
    if not math.isfinite(value):
        raise _fault(row, column, path, "must be a finite number")
    return value


def _fault(row: NumberedRow, column: str, path: Path, rule: str) -> InputError:
    return InputError(
        f"{path}, row {row.number}, column {column}: {rule}, got '{row.cells[column]}'; correct the cell"
    )
