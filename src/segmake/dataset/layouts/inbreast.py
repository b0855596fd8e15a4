"""INbreast: mammograms as DICOM, one file each, with the INbreast table of BI-RADS categories."""

from __future__ import annotations

import logging
import re
from dataclasses import replace
from pathlib import Path

from segmake.dataset.delimited import read_rows
from segmake.dataset.layouts.found import Dataset, make_case, some
from segmake.dataset.sheet import Case
from segmake.errors import InputError

log = logging.getLogger("segmake")

# 20586908_6c613a14b80a8591_MG_R_CC_ANON.dcm: image, patient, modality, laterality, view.
FILE = re.compile(r"(\d+)_([0-9a-f]+)_MG_([LR])_([A-Z]+)_ANON\.dcm", re.IGNORECASE)
NEEDED = ("File Name", "Bi-Rads")
# BI-RADS: 1 negative, 2 benign, 3 probably benign, 4a to 4c suspicious, 5 highly suggestive, 6 proven.
CLASSES = {"1": "normal", "2": "benign", "3": "benign"}
CLASSES |= dict.fromkeys(("4", "4a", "4b", "4c", "5", "6"), "malignant")


def index_inbreast(root: Path) -> Dataset:
    """Index the mammograms (at any depth) and their table, the spreadsheet saved as INbreast.csv.

    A case is an image, its group the patient's hash in the file name. Class by BI-RADS: 1 normal, 2 and 3
    benign, 4a and above malignant, else none. Extra columns: birads, acr, laterality, view; age and dates
    are left where they are. An image without a row has no class and is warned about, a row without an
    image is warned about.

    Raises:
        InputError: there is no table, or it has not the columns `File Name` and `Bi-Rads`.
    """
    files = {match[1]: path for path in sorted(root.rglob("*.dcm")) if (match := FILE.fullmatch(path.name))}
    table = _table(root)
    if without := sorted(set(files) - set(table)):
        log.warning("%d images have no row in the INbreast table: %s", len(without), some(without))
    if gone := sorted(set(table) - set(files)):
        log.warning("%d rows of the INbreast table have no image: %s", len(gone), some(gone))
    return Dataset(
        [_case(name, path, table.get(name, {})) for name, path in files.items()], {"image": "xray"}
    )


def _case(name: str, path: Path, row: dict[str, str]) -> Case:
    match = FILE.fullmatch(path.name)
    patient, side, view = (match[2], match[3], match[4]) if match else ("", "", "")
    if (stated := row.get("Laterality", "").upper()) and stated != side.upper():
        log.warning("%s: the file name says laterality %s, the table %s", path.name, side, stated)
    birads = row.get("Bi-Rads", "").lower().removesuffix(".0")
    acr = row.get("ACR", "").removesuffix(".0")
    extra = {"birads": birads, "acr": acr, "laterality": side.upper(), "view": view.upper()}
    case = make_case(name, {"image": path}, None)
    return replace(case, group=patient.lower(), class_=CLASSES.get(birads, ""), extra=extra)


def _table(root: Path) -> dict[str, dict[str, str]]:
    """Rows of the table by image number; spreadsheets write semicolons or commas, as the country has it."""
    places = [path for path in sorted(root.rglob("*.csv")) if path.name.lower().startswith("inbreast")]
    if not places:
        raise InputError(f"{root} needs the INbreast table; save the spreadsheet as INbreast.csv there")
    rows = read_rows(places[0], ";,")
    for name in NEEDED:
        if not rows or name not in rows[0].cells:
            has = ", ".join(rows[0].cells) if rows else "no rows"
            raise InputError(f"{places[0]} needs a column '{name}', has {has}; add it")
    return {row.cells["File Name"].removesuffix(".0"): row.cells for row in rows if row.cells["File Name"]}
