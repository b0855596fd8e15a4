"""postprocess: takes label maps and a recipe, makes clean label maps on the same grids."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from segmake.jobs import PostprocessJob
from segmake.ledger import COLUMNS, Item, Outcome, Shard
from segmake.plan import Plan
from segmake.postprocessing import Step, read_recipe
from segmake.tables import Row, read_cases
from segmake.volume.cleaning import cleaned
from segmake.volume.nifti import read_geometry, write_nifti
from segmake.volume.read import read_volume
from segmake.volume.volume import Volume

VERSION = 1


def run(job: PostprocessJob) -> None:
    """Clean the label maps of a shard."""
    plan, recipe = Plan.load(job.plan), read_recipe(job.recipe)
    shard = Shard("postprocess", VERSION, job.output, {}, job.threads, job.on_error)
    items = []
    for row in read_cases([job.predictions]):
        steps = recipe.of(row.get("fold", ""))
        text = json.dumps([step.model_dump() for step in steps])
        items.append(Item(row["case"], (row["key"], row["sha256"], text), (row, steps)))
    shard.run(items, functools.partial(_clean, values=plan.labels))


def _clean(item: Item, scratch: Path, values: Mapping[str, int]) -> Outcome:
    row: Row
    steps: list[Step]
    row, steps = item.payload
    source = Path(row["path"])
    volume = read_volume(source)
    voxel_ml = float(np.prod(volume.spacing_mm)) / 1000
    labels = volume.data[0]
    for step in steps:
        labels = cleaned(labels, values[step.label], step.kind, step.ml, voxel_ml)
    name = f"{item.case}.nii.gz"
    write_nifti(scratch / name, Volume(labels[np.newaxis], volume.affine), read_geometry(source))
    return Outcome(name, {name: value for name, value in row.items() if name not in COLUMNS})
