"""LUNA16: chest CT as MetaImage in subset0 to subset9, nodules in annotations.csv."""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from segmake.dataset.annotations import Nodule, read_annotations, read_excluded
from segmake.dataset.layouts.found import Dataset, make_case, some
from segmake.dataset.sheet import Case

log = logging.getLogger("segmake")

SUBSET = re.compile(r"subset_?(\d+)", re.IGNORECASE)
TABLE_FOLDERS = ("", "CSVFILES", "csvfiles", "evaluationScript/annotations")
CANDIDATES = ("candidates_V2.csv", "candidates.csv")


def index_luna16(root: Path) -> Dataset:
    """Index the challenge's folder, or any part of it.

    A case is a scan, named by its series UID, which is its group, too (the challenge tells no patients).
    Extra columns: `subset` (the challenge's fold), `nodules` (their number in annotations.csv). There is
    no label map: the tables are read by what detects. A scan whose voxel file is missing has a problem;
    a table that is missing, or names scans that are not here, is warned about.

    Raises:
        InputError: a table is not as the challenge defines it.
    """
    cases = index_scans(root)
    nodules: list[Nodule] | None = None
    if table := find_table(root, "annotations.csv"):
        nodules = read_annotations(table)
        warn_unknown(table, nodules, cases)
    if table := find_table(root, "annotations_excluded.csv"):
        warn_unknown(table, read_excluded(table), cases)
    if not any(find_table(root, name) for name in CANDIDATES):
        log.warning("%s has no %s: there are no candidates to tell apart", root, " or ".join(CANDIDATES))
    count = Counter(nodule.case for nodule in nodules or [])
    cases = [
        replace(case, extra={**case.extra, "nodules": str(count[case.name]) if nodules is not None else ""})
        for case in cases
    ]
    return Dataset(cases, {"ct": "ct"})


def index_scans(root: Path) -> list[Case]:
    """Scans in the subset folders (below root, or root itself); lung masks and other folders are left out."""
    folders = [
        folder for folder in sorted(root.rglob("*")) if SUBSET.fullmatch(folder.name) and folder.is_dir()
    ]
    cases = []
    for folder in folders or [root]:
        subset = SUBSET.fullmatch(folder.name)
        names = {path.name for path in folder.iterdir()}
        for name in sorted(name for name in names if name.endswith(".mhd") and not name.startswith(".")):
            case = make_case(name.removesuffix(".mhd"), {"ct": folder / name}, None)
            problem = _without_voxels(folder / name, names)
            cases.append(replace(case, problem=problem, extra={"subset": subset[1] if subset else ""}))
    return cases


def find_table(root: Path, name: str) -> Path | None:
    """A table of the challenge at the root or where its archives put it."""
    places = [root / folder / name for folder in TABLE_FOLDERS]
    return next((path for path in places if path.is_file()), None)


def warn_unknown(table: Path, nodules: Collection[Nodule], cases: Collection[Case]) -> None:
    """Warn about scans that a table names and the folder lacks; in one sentence, for many have a part."""
    unknown = sorted({nodule.case for nodule in nodules} - {case.name for case in cases})
    if unknown:
        log.warning("%s names %d scans that are not here: %s", table, len(unknown), some(unknown))


def _without_voxels(header: Path, names: Collection[str]) -> str:
    """Say that the file a MetaImage header points to is missing; the header is read only when in doubt."""
    uid = header.name.removesuffix(".mhd")
    if {f"{uid}.raw", f"{uid}.zraw"} & set(names):
        return ""
    text = header.read_bytes()[:10_000].decode("latin-1")
    match = re.search(r"^ElementDataFile\s*=\s*(.*?)\s*$", text, re.MULTILINE)
    if match and (match[1].upper() in ("LOCAL", "LIST") or match[1] in names):
        return ""
    problem = (
        f"{header.name} has no voxels: {match[1] if match else uid + '.raw'} is not beside it; add the file"
    )
    log.warning("case %s: %s", uid, problem)
    return problem
