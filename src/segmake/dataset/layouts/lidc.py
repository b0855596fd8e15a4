"""LUNA16's scans with the radiologists' malignancy scores of LIDC-IDRI: a class per scan."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from segmake.dataset.annotations import Nodule, malignancy_columns, read_annotations
from segmake.dataset.layouts.found import Dataset
from segmake.dataset.layouts.luna16 import index_scans, warn_unknown
from segmake.errors import InputError

UNDECIDED = 3.0


def index_lidc(root: Path) -> Dataset:
    """Index scans as `luna16` does, with a CSV at the root that has malignancy scores.

    Radiologists score each nodule from 1 (highly unlikely malignant) to 5 (highly suspicious). A nodule's
    score is their mean, a scan's that of its most suspicious nodule: below 3 the class is benign, above 3
    malignant; at 3, and without scores, there is none. Extra columns: `subset`, `nodules`, `malignancy`.

    Raises:
        InputError: there is no such table, or more than one, or it breaks a rule.
    """
    tables = [path for path in sorted(root.glob("[!.]*.csv")) if malignancy_columns(path)]
    if len(tables) != 1:
        raise InputError(
            f"{root} needs one CSV with malignancy scores (seriesuid, coordX, coordY, coordZ, diameter_mm, "
            f"mal_details), has {', '.join(path.name for path in tables) or 'none'}; put it there"
        )
    cases = index_scans(root)
    nodules = read_annotations(tables[0])
    warn_unknown(tables[0], nodules, cases)
    by_scan: dict[str, list[Nodule]] = {}
    for nodule in nodules:
        by_scan.setdefault(nodule.case, []).append(nodule)
    graded = []
    for case in cases:
        found = by_scan.get(case.name, [])
        score = scan_malignancy(found)
        extra = {"nodules": str(len(found)), "malignancy": "" if score is None else f"{score:.6g}"}
        graded.append(replace(case, class_=class_of(score), extra={**case.extra, **extra}))
    return Dataset(graded, {"ct": "ct"})


def scan_malignancy(nodules: list[Nodule]) -> float | None:
    """Highest mean score of a scan's nodules."""
    means = [sum(nodule.malignancy) / len(nodule.malignancy) for nodule in nodules if nodule.malignancy]
    return max(means, default=None)


def class_of(score: float | None) -> str:
    """Class of a mean malignancy score; empty in the middle of the scale."""
    if score is None or score == UNDECIDED:
        return ""
    return "malignant" if score > UNDECIDED else "benign"
