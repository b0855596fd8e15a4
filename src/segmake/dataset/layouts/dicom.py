"""A tree of DICOM files, however it is ordered: patients, studies and series are told apart by their UIDs."""

from __future__ import annotations

import hashlib
import logging
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from segmake.dataset.layouts.found import Dataset, make_case, some
from segmake.dataset.sheet import Case
from segmake.settings import Modality

if TYPE_CHECKING:
    from pydicom.dataset import Dataset as Attributes

    from segmake.volume.dicom import Series

log = logging.getLogger("segmake")

MODALITIES: dict[str, Modality] = {"CT": "ct", "MR": "mr", "PT": "pet"}
MODALITIES |= dict.fromkeys(("CR", "DX", "MG", "XA", "RF", "RG"), "xray")
REFERENCES = ("ReferencedSeriesSequence", "ReferencedFrameOfReferenceSequence")


def index_dicom(root: Path) -> Dataset:
    """Index every series of images below a folder; RTSTRUCT and SEG objects are labels of what they refer to.

    No patient stands in a name: a case is p<patient>_s<study>_<series>, each the beginning of the SHA-256
    of its ID, so that a name stays the same when patients are added; the group is a longer beginning of
    the patient's. (Who can guess an ID can test the guess: `convert.pseudonymise` hashes with a key.) A
    series without a patient ID is a group with its study. Extra columns: modality, description, slices;
    the description is what the scanner says, so keep the sheet in the house. A series of images that
    cannot be read as a scan has a problem; localisers, reports and the like are counted in a warning.

    Raises:
        InputError: a label object cannot be read.
    """
    from segmake.volume.dicom import find_series  # pydicom costs start-up time

    found = find_series(root)
    images = [series for series in found if series.kind == "image"]
    labels = [
        file for series in found if series.kind in ("segmentation", "structures") for file in series.files
    ]
    truth = _by_reference(labels, {series.uid for series in images})
    _tell_rest([series.problem for series in found if series.kind == "other"])
    cases = _numbered(_case(series, truth.get(series.uid)) for series in images)
    return Dataset(cases, {"image": _common_modality(images)})


def _case(series: Series, label: Path | None) -> Case:
    group = _digest(series.patient or series.study_uid)
    name = f"p{group[:8]}_s{_digest(series.study_uid)[:6]}_{_digest(series.uid)[:8]}"
    case = make_case(name, {"image": Path(series.path)}, label)
    extra = {
        "modality": series.modality,
        "description": re.sub(r"[\s\x00\ud800-\udfff]+", " ", series.description),
        "slices": str(series.slices),
    }
    if series.problem:
        log.warning("case %s: %s", case.name, series.problem)
    return replace(case, group=group, extra=extra, problem=series.problem)


def _numbered(cases: Iterable[Case]) -> list[Case]:
    """Number the parts of a series that lies in several folders."""
    seen: Counter[str] = Counter()
    result = []
    for case in cases:
        seen[case.name] += 1
        if (number := seen[case.name]) > 1:
            log.warning("%s: its series lies in another folder, too", case.channels["image"])
            case = replace(case, name=f"{case.name}_{number}")
        result.append(case)
    return result


def _digest(identifier: str) -> str:
    return hashlib.sha256(identifier.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def _common_modality(images: Sequence[Series]) -> Modality:
    count = Counter(MODALITIES.get(series.modality, "other") for series in images if not series.problem)
    if len(count) > 1:
        counted = ", ".join(f"{number} {kind}" for kind, number in sorted(count.items()))
        log.warning("modalities are mixed (%s): keep the rows of one in the sheet", counted)
    return next(iter(count)) if len(count) == 1 else "other"


def _tell_rest(reasons: Sequence[str]) -> None:
    counted = [f"{number} x {reason}" for reason, number in sorted(Counter(reasons).items())]
    if counted:
        log.warning("%d series are no images and are left out: %s", len(reasons), some(counted, 8))


def _by_reference(files: Iterable[Path], series: Iterable[str]) -> Mapping[str, Path]:
    """Series UID -> the label object that refers to it; the first where there are several."""
    from pydicom import dcmread  # costs start-up time

    known = set(series)
    truth: dict[str, Path] = {}
    for file in sorted(files):
        content = dcmread(file, stop_before_pixels=True, specific_tags=list(REFERENCES))
        referred = sorted(_referred(content) & known)
        if not referred:
            log.warning("label %s refers to no series that is here; it is left out", file)
        for uid in referred:
            if (first := truth.setdefault(uid, file)) != file:
                log.warning("label %s is left out: %s is the label of its series", file, first)
    return truth


def _referred(content: Attributes) -> set[str]:
    """UIDs of the series that a SEG (PS3.3 C.7.6.16) or an RTSTRUCT (C.8.8.5) refers to."""
    listed = list(content.get("ReferencedSeriesSequence", []))
    for frame in content.get("ReferencedFrameOfReferenceSequence", []):
        for study in frame.get("RTReferencedStudySequence", []):
            listed += study.get("RTReferencedSeriesSequence", [])
    return {str(item.SeriesInstanceUID) for item in listed if "SeriesInstanceUID" in item}
