"""resample: takes canonical NIfTI and the plan, makes training-ready arrays.

Steps: crop to the non-zero box, normalise, resample to the plan's spacing; vote the labels onto the same
grid; remember foreground voxels per class; store all three compressed.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np

from segmake.errors import ConfigError, GeometryError, InputError
from segmake.jobs import ResampleJob
from segmake.ledger import Item, Outcome, Shard
from segmake.plan import Plan
from segmake.prepare.case import foreground_locations, prepare, prepare_label
from segmake.tables import Row, is_training, read_cases
from segmake.volume.read import read_volume
from segmake.volume.store import save_array
from segmake.volume.volume import Array

VERSION = 1
HALF_MAX = 65504
"""Largest float16."""
SLICE = ("channels", "labels", "spacing_mm", "normalisation", "crop", "order")
"""Fields of the plan that decide the arrays; new folds or another patch do not."""


def run(job: ResampleJob) -> None:
    """Prepare the labelled training cases of one convert table."""
    plan = Plan.load(job.plan)
    if "order" in job.model_fields_set and job.order != plan.order:
        raise ConfigError(
            f"the plan was made with resample.order {plan.order}, got {job.order}; run `segmake plan` again"
        )
    rows = [row for row in read_cases([job.table]) if is_training(row)]
    items = [Item(row["case"], (row["key"],), row) for row in rows]
    shard = Shard("resample", VERSION, job.output, _settings(job, plan), job.threads, job.on_error)
    shard.run(items, functools.partial(_resample, job=job, plan=plan))


def _settings(job: ResampleJob, plan: Plan) -> dict[str, Any]:
    """What decides the arrays, for the key of a case."""
    settings = plan.model_dump(mode="json", include=set(SLICE))
    settings["channels"] = list(plan.channels)
    settings["labels"] = plan.label_values
    if plan.ignore is not None:
        settings["ignore"] = plan.ignore
    return settings | {"locations": job.locations, "seed": job.seed}


def _resample(item: Item, scratch: Path, job: ResampleJob, plan: Plan) -> Outcome:
    """Prepare one case in the scratch folder."""
    row: Row = item.payload
    image = read_volume(Path(row["path"]))
    label = read_volume(Path(row["label"]))
    if image.shape != label.shape:
        raise GeometryError(f"image and label of a case share a grid, got {image.shape} and {label.shape}")
    prepared = prepare(image, plan)
    index = prepare_label(label, prepared, plan)
    places = foreground_locations(
        index, len(plan.label_values), job.locations, f"{job.seed}/resample/{item.case}"
    )
    names = [f"{item.case}{end}.b2nd" for end in ("", "_label", "_foreground")]
    for name, data in zip(names, (_half(prepared.data), index, places), strict=True):
        save_array(scratch / name, data)
    columns = {
        "label": names[1],
        "foreground": names[2],
        "group": row["group"],
        "split": row["split"],
        "shape": "x".join(map(str, prepared.shape)),
    }
    details = {
        "crop_start": list(prepared.crop_start),
        "crop_shape": list(prepared.crop_shape),
        "affine": prepared.affine.tolist(),
        "foreground_voxels": _count(index, len(plan.label_values)),
    }
    return Outcome(names[0], columns, details)


def _count(index: Array, classes: int) -> list[int]:
    """Voxels of each class; ignored ones are none."""
    counts: list[int] = np.bincount(index.ravel(), minlength=classes)[:classes].tolist()
    return counts


def _half(data: Array) -> Array:
    """Float16, or an error when the intensities do not fit."""
    largest = float(np.abs(data).max(initial=0))
    if largest > HALF_MAX:
        raise InputError(
            f"prepared intensities must stay below {HALF_MAX}, got {largest:.4g}; choose another "
            "plan.normalisation"
        )
    return data.astype(np.float16)
