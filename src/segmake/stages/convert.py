"""convert: takes any scan, makes canonical NIfTI (RAS+, one grid per case, checked) and a passport row.

Steps: take the case in (`prepare.intake`: read, repair, put on one grid, check), measure the fingerprint
that planning needs, write image, label map, thumbnail and what the DICOM header said of the technique.
"""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

from segmake.dataset.load import load_dataset
from segmake.dataset.privacy import check_place, clean_tags, read_key, shift_days
from segmake.dataset.sheet import Case
from segmake.dataset.veil import veil_of
from segmake.errors import CaseExcluded
from segmake.figures.thumbnail import thumbnail
from segmake.jobs import ConvertJob
from segmake.ledger import Item, Outcome, Shard
from segmake.prepare.fingerprint import measure
from segmake.prepare.intake import Intake, take_in
from segmake.settings import IntakeSettings, PhantomSettings
from segmake.volume.nifti import read_geometry, write_nifti

VERSION = 2


def run(job: ConvertJob) -> None:
    """Convert the cases of one shard."""
    if job.pseudonymise:
        check_place(job.pseudonymise, job.output.parent)
    dataset = load_dataset(job, PhantomSettings(), job.pseudonymise, told=job.shard == 0)
    job = job.model_copy(update={"channels": dataset.channels, "labels": dataset.labels})
    cases = [case for case in dataset.cases if case.shard(job.shards) == job.shard]
    shard = Shard("convert", VERSION, job.output, _settings(job), job.threads, job.on_error)
    shard.run([_item(case, job) for case in cases], functools.partial(_convert, job=job))


def _settings(job: ConvertJob) -> dict[str, Any]:
    """What decides the result of a case, for its key."""
    names = {"label_map", "labels", *IntakeSettings.model_fields}
    if job.ignore is not None:
        names.add("ignore")
    return {"channels": list(job.channels.items()), **job.model_dump(mode="json", include=names)}


def _item(case: Case, job: ConvertJob) -> Item:
    """A case with all that it is made from; one that cannot take part has files that may not be there."""
    days = _shift_days(case, job)
    words = (*map(str, _columns(case).items()), case.problem, str(days))
    files = () if case.problem else tuple(case.sources())
    return Item(case.name, (*words, *map(str, case.channels), *files), case, veil_of(case))


def _convert(item: Item, scratch: Path, job: ConvertJob) -> Outcome:
    """Convert one case into the scratch folder."""
    case: Case = item.payload
    if case.problem:
        raise CaseExcluded(case.problem)
    taken = take_in(case.channels, case.label, job, job)
    name = f"{case.name}.nii.gz"
    _write(taken, scratch, case.name)
    if tags := clean_tags(taken.tags, _shift_days(case, job)) if taken.tags else {}:
        text = json.dumps(tags, indent=1, sort_keys=True, ensure_ascii=False)
        (scratch / f"{case.name}_dicom.json").write_text(text + "\n", encoding="utf-8")
    columns: dict[str, object] = dict(_columns(case))
    columns |= {"label": "" if taken.label is None else f"{case.name}_label.nii.gz"}
    columns |= _passport_columns(taken, job)
    remarks = (taken.told("warning"), case.extra.get("remark", ""))  # the latter: of the layout
    columns |= {"repairs": item.veil(taken.told("repair"))}
    columns |= {"warnings": item.veil("; ".join(filter(None, remarks)))}
    details = {
        "source_shape": list(taken.shape),
        "source_affine": taken.affine.tolist(),
        "source_header": read_geometry(next(iter(case.channels.values()))),
        "fingerprint": measure(taken.image, taken.label, list(case.channels), case.name, job.ignore),
        "passport": taken.passport,
    }
    return Outcome(name, columns, details)


def _write(taken: Intake, scratch: Path, name: str) -> None:
    """Write image, label map and thumbnail."""
    write_nifti(scratch / f"{name}.nii.gz", taken.image)
    label = None
    if taken.label is not None:
        write_nifti(scratch / f"{name}_label.nii.gz", taken.label)
        label = taken.label.data[0]
    picture = thumbnail(taken.image.data, label, taken.image.spacing_mm)
    (scratch / f"{name}_thumbnail.jpg").write_bytes(picture)


def _passport_columns(taken: Intake, job: ConvertJob) -> dict[str, str]:
    passport = taken.passport
    columns = {
        "shape": "x".join(map(str, taken.image.shape)),
        "spacing_mm": "x".join(f"{size:.6g}" for size in taken.image.spacing_mm),
        "orientation": passport["orientation"],
        "voxels_sha256": passport["voxels_sha256"],
        "label_sha256": passport["label_sha256"],
    }
    if taken.label is not None:
        found = passport["labels"]
        columns |= {
            f"ml_{name}": f"{found[str(value)]['ml'] if str(value) in found else 0:.6g}"
            for name, value in job.labels.items()
        }
    return columns


def _shift_days(case: Case, job: ConvertJob) -> int | None:
    """By how many days the dates of this patient are moved; None: dates are dropped."""
    if job.dates == "drop" or job.pseudonymise is None:
        return None
    return shift_days(read_key(job.pseudonymise), case.group)


def _columns(case: Case) -> dict[str, str]:
    return {"group": case.group, "site": case.site, "split": case.split, "class": case.class_}
