"""Places in scans and what they are: `slice.lesions`, and how a found part gets the class of a place.

A table has a row per place: the scan (`case` or, as in LUNA16, `seriesuid`), coordX, coordY, coordZ (world mm
with LPS axes, as ITK has them), and where they are known diameter_mm and class; mal_details, the scores of
LIDC-IDRI's radiologists, stands for a class too.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from segmake.dataset.annotations import MALIGNANCY, UNMEASURED_MM, Point
from segmake.dataset.delimited import NumberedRow, iter_rows
from segmake.dataset.layouts.lidc import class_of
from segmake.errors import InputError

NAMES = ("case", "seriesuid")
COORDINATES = ("coordX", "coordY", "coordZ")


@dataclass(frozen=True)
class Place:
    """A place in a scan. centre_mm: world position, RAS+ axes (those of a `Volume`)."""

    centre_mm: Point
    diameter_mm: float | None = None
    class_: str = ""


def read_places(path: Path) -> dict[str, list[Place]]:
    """Places of each scan, in the order of the file.

    Raises:
        InputError: a column is missing or a cell is no number; the message names row and column.
    """
    rows = iter_rows(path, ",;\t")
    found: dict[str, list[Place]] = {}
    name = ""
    for row in rows:
        name = name or _name_column(row, path)
        if not row.cells[name]:
            raise InputError(f"{path}, row {row.number}, column {name}: a scan is missing; fill the cell")
        found.setdefault(row.cells[name], []).append(_place(row, path))
    if not found:
        raise InputError(f"{path} has no rows; it needs the columns case, {', '.join(COORDINATES)}")
    return found


def truth_places(lesions: Iterable[Mapping[str, object]]) -> list[Place]:
    """Places of the lesions that a phantom's record tells (centre_mm in RAS+, volume_ml, class)."""
    return list(_truths(lesions))


def nearest_place(centre_mm: Sequence[float], places: Sequence[Place]) -> Place | None:
    """The nearest place within whose radius a point lies (the rule of LUNA16), or None.

    A place without a diameter counts as 10 mm wide, as the challenge has it.
    """
    hits = []
    for place in places:
        distance = math.dist(centre_mm, place.centre_mm)
        if distance <= (place.diameter_mm or UNMEASURED_MM) / 2:
            hits.append((distance, place))
    return min(hits, key=lambda hit: hit[0])[1] if hits else None


def _name_column(row: NumberedRow, path: Path) -> str:
    name = next((name for name in NAMES if name in row.cells), "")
    for wanted in (name or "case", *COORDINATES):
        if wanted not in row.cells:
            raise InputError(f"{path} needs a column '{wanted}', has {', '.join(row.cells)}; add it")
    return name


def _place(row: NumberedRow, path: Path) -> Place:
    left, back, up = (_number(row, name, path) for name in COORDINATES)
    diameter = _number(row, "diameter_mm", path) if row.cells.get("diameter_mm") else None
    if diameter is not None and diameter <= 0:
        diameter = None  # LUNA16 writes -1 for what nobody measured
    return Place((-left, -back, up), diameter, _class(row, path))


def _class(row: NumberedRow, path: Path) -> str:
    if "class" in row.cells:
        return row.cells["class"]
    text = row.cells.get(MALIGNANCY, "")
    scores = [int(word) for word in re.findall(r"\d+", text)]
    if not re.fullmatch(r"\[?[\d\s,;]*\]?", text) or not all(1 <= score <= 5 for score in scores):
        raise InputError(
            f"{path}, row {row.number}, column {MALIGNANCY}: must list scores from 1 to 5, got '{text}'; "
            "correct the cell"
        )
    return class_of(sum(scores) / len(scores)) if scores else ""


def _number(row: NumberedRow, column: str, path: Path) -> float:
    try:
        value = float(row.cells[column])
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(
            f"{path}, row {row.number}, column {column}: must be a finite number, got "
            f"'{row.cells[column]}'; correct the cell"
        )
    return value


def _truths(lesions: Iterable[Mapping[str, object]]) -> Iterator[Place]:
    for lesion in lesions:
        x, y, z = (float(value) for value in lesion["centre_mm"])  # type: ignore[attr-defined]
        volume_mm3 = float(str(lesion["volume_ml"])) * 1000
        yield Place((x, y, z), (6 * volume_mm3 / math.pi) ** (1 / 3), str(lesion["class"]))
