"""convert: takes any scan, makes canonical NIfTI (RAS+, one grid per case, checked) and a passport row.

Steps: read each channel, turn it to RAS+, check that all files of the case lie on one grid, read the label
map, map its values, check them, measure the fingerprint that planning needs.
"""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np

from segmake.dataset.load import load_dataset
from segmake.dataset.sheet import Case, shard_of
from segmake.errors import InputError
from segmake.jobs import ConvertJob
from segmake.ledger import Item, Outcome, Shard
from segmake.prepare.fingerprint import measure
from segmake.settings import PhantomSettings
from segmake.volume.channels import check_grid, read_channels
from segmake.volume.geometry import axis_codes, to_canonical
from segmake.volume.nifti import read_geometry, write_nifti
from segmake.volume.read import as_labels, read_volume
from segmake.volume.volume import Volume

VERSION = 1


def run(job: ConvertJob) -> None:
    """Convert the cases of one shard."""
    dataset = load_dataset(job, PhantomSettings())
    cases = [case for case in dataset.cases if shard_of(case.name, job.shards) == job.shard]
    settings = {
        "channels": dict(dataset.channels),
        "labels": dataset.labels,
        "label_map": job.label_map,
        "tolerance_mm": job.tolerance_mm,
    }
    shard = Shard("convert", VERSION, job.output, settings, job.threads, job.on_error)
    items = [Item(case.name, (*map(str, _columns(case).items()), *case.sources()), case) for case in cases]
    shard.run(items, functools.partial(_convert, job=job, labels=dataset.labels))


def _convert(item: Item, scratch: Path, job: ConvertJob, labels: dict[str, int]) -> Outcome:
    """Convert one case into the scratch folder."""
    case: Case = item.payload
    image, source = read_channels(list(case.channels.values()), job.tolerance_mm)
    name = f"{case.name}.nii.gz"
    write_nifti(scratch / name, image)
    columns: dict[str, object] = dict(_columns(case))
    columns |= {
        "label": "",
        "shape": "x".join(map(str, image.shape)),
        "spacing_mm": "x".join(f"{size:.6g}" for size in image.spacing_mm),
        "orientation": axis_codes(source.affine),
    }
    label = _read_label(case, image, job, labels) if case.label else None
    if label is not None:
        columns["label"] = f"{case.name}_label.nii.gz"
        write_nifti(scratch / f"{case.name}_label.nii.gz", label)
        millilitres = float(np.prod(image.spacing_mm)) / 1000
        for label_name, value in labels.items():
            columns[f"ml_{label_name}"] = f"{np.count_nonzero(label.data == value) * millilitres:.6g}"
    details = {
        "source_shape": list(source.shape),
        "source_affine": source.affine.tolist(),
        "source_header": read_geometry(next(iter(case.channels.values()))),
        "fingerprint": measure(image, label, list(job.channels) or list(case.channels), case.name),
    }
    return Outcome(name, columns, details)


def _read_label(case: Case, image: Volume, job: ConvertJob, labels: dict[str, int]) -> Volume:
    path = case.label or Path()
    label = to_canonical(as_labels(read_volume(path), str(path)))
    check_grid(path, label, image, job.tolerance_mm)
    data = label.data
    for old, new in job.label_map.items():
        data = np.where(label.data == old, np.int16(new), data)
    unknown = sorted(set(np.unique(data).tolist()) - {0, *labels.values()})
    if unknown:
        raise InputError(
            f"{path} holds label values {unknown} that data.labels {labels} does not list; "
            "add them there or map them with data.label_map"
        )
    return Volume(data, image.affine)


def _columns(case: Case) -> dict[str, str]:
    return {"group": case.group, "site": case.site, "split": case.split, "class": case.class_}
