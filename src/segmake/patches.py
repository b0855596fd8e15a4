"""What slice and divide wrote, read again: the patches of all cases, and the folds of the cases."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segmake.errors import InputError
from segmake.ledger import read_record
from segmake.tables import Row, read_cases, read_table

JOINT = "|"
"""What joins the classes of a case that has several."""


@dataclass(frozen=True)
class Patch:
    """One 2D patch: whose it is, what it shows, and its row in the array [N, C, size, size] of its case.

    A place is the patch's middle in world mm (RAS+); None where an image has no place, no lesion no size.
    """

    case: str
    group: str
    site: str
    split: str
    index: int
    lesion: str
    class_: str
    x_mm: float | None
    y_mm: float | None
    z_mm: float | None
    diameter_mm: float | None
    dhash: str
    path: Path
    pixels: str = ""
    """Beginning of the SHA-256 of its pixels; empty where it shows nothing."""

    @property
    def classes(self) -> list[str]:
        """Its classes: one, several in a multi-label task, or none."""
        return [name for name in self.class_.split(JOINT) if name]


def read_patches(tables: Iterable[Path]) -> list[Patch]:
    """The patches of slice's tables, by case and then in the order of its array.

    Raises:
        InputError: a table is not one of slice, or a record beside it is missing or damaged.
    """
    found = []
    for row in read_cases(tables):
        if "patches" not in row:
            raise InputError(f"the table of case {row['case']} has no column patches; give tables of slice")
        path = Path(row["path"])
        patches = read_record(path.parent, row["case"])["details"].get("patches", [])
        found += [_patch(row, path, index, patch) for index, patch in enumerate(patches)]
    return found


def read_folds(path: Path) -> dict[str, int | None]:
    """Case -> the fold in which it is a validation case; None for test and new cases.

    Raises:
        InputError: the table is not one of divide.
    """
    rows = read_table(path)
    if rows and not {"case", "fold"} <= rows[0].keys():
        raise InputError(f"{path} has no columns case and fold; give the table that divide writes")
    try:
        return {row["case"]: int(row["fold"]) if row["fold"] else None for row in rows}
    except ValueError as error:
        raise InputError(f"{path}: a fold is a whole number or empty ({error}); run divide again") from error


def _patch(row: Row, path: Path, index: int, patch: dict[str, Any]) -> Patch:
    x, y, z, diameter = (patch.get(name) for name in ("x_mm", "y_mm", "z_mm", "diameter_mm"))
    return Patch(
        case=row["case"],
        group=row["group"] or row["case"],
        site=row.get("site", ""),
        split=row["split"],
        index=index,
        lesion=patch.get("lesion", ""),
        class_=patch.get("class", ""),
        x_mm=x,
        y_mm=y,
        z_mm=z,
        diameter_mm=diameter,
        dhash=patch.get("dhash", ""),
        path=path,
        pixels=patch.get("pixels", ""),
    )
