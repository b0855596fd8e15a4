"""external: takes label maps of another program, makes checked ones on the native grid of each source.

A folder holds a label map per case. An nnU-Net is run on test and new cases, all of a shard in one call; for
its training cases it keeps the label maps of the fold that did not see them.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from segmake.errors import CaseExcluded, GeometryError, InputError
from segmake.inference import nnunet
from segmake.jobs import ExternalJob
from segmake.ledger import Item, Outcome, Shard, read_record
from segmake.plan import Plan
from segmake.tables import Row, is_training, read_cases
from segmake.volume.geometry import from_canonical, grid_distance_mm, to_canonical
from segmake.volume.labels import read_label
from segmake.volume.nifti import write_nifti
from segmake.volume.read import ITK, NIFTI, read_volume
from segmake.volume.volume import Volume

VERSION = 1
TOLERANCE_MM = 0.05


@dataclass(frozen=True)
class _Made:
    """A case and the label map that the other program made of it; fold: which model did not see it."""

    row: Row
    path: Path
    fold: str = ""


def run(job: ExternalJob) -> None:
    """Take in the label maps of a shard."""
    plan = Plan.load(job.plan)
    rows = read_cases([job.table])
    shard = Shard("external", VERSION, job.output, {}, on_error=job.on_error, processes=False)
    take = functools.partial(_take, plan=plan, table=job.table)
    if job.external is not None:
        shard.run([_item(_Made(row, find_map(job.external, row["case"]))) for row in rows], take)
        return
    shard.folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=shard.folder, prefix=".nnunet.") as scratch:
        shard.run(list(_from_nnunet(job, plan, rows, shard, Path(scratch) / "maps")), take)


def find_map(folder: Path, case: str) -> Path:
    """File of a case's label map by its name; the one that ought to be there when there is none.

    Raises:
        InputError: there is no such folder.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder of label maps; correct the path of the model in models")
    paths = [folder / f"{case}{end}" for end in (*NIFTI[::-1], *ITK, ".dcm")]
    return next((path for path in paths if path.exists()), paths[0])


def check_map(labels: Volume, image: Volume, plan: Plan, name: str) -> None:
    """Make sure that a canonical label map lies on its image and holds known labels alone.

    Raises:
        GeometryError: it lies on another grid.
        InputError: it holds a value that the plan does not name.
    """
    apart = grid_distance_mm(labels, image)
    if apart > TOLERANCE_MM:
        raise GeometryError(
            f"{name} must lie on the grid of its image, got {labels.shape} voxels for {image.shape}, corners "
            f"up to {apart:.3g} mm apart; let the other program write it there"
        )
    unknown = sorted({int(value) for value in np.unique(labels.data)} - set(plan.label_values))
    if unknown:
        raise InputError(
            f"{name} holds the value {unknown[0]}, but the labels have {plan.label_values[1:]}; give the "
            "other program's labels the values of data.labels"
        )


def _item(made: _Made) -> Item:
    content = made.path if made.path.exists() else "missing"
    return Item(made.row["case"], (made.row["key"], content, made.fold), made)


def _from_nnunet(
    job: ExternalJob, plan: Plan, rows: Sequence[Row], shard: Shard, output: Path
) -> Iterator[Item]:
    """The cases of a shard, those that nnU-Net did not train on predicted where that is still to be done."""
    folder = job.nnunet or Path()
    folds = nnunet.check_model(folder, plan)
    digest = nnunet.model_digest(folder)
    kept = nnunet.validation_maps(folder)
    new = []
    for row in rows:
        case = row["case"]
        if is_training(row):
            fold, path = kept.get(case, ("", folder / f"fold_k/validation/{case}{nnunet.ENDING}"))
            yield _item(_Made(row, path, fold))
        else:
            new.append(Item(case, (row["key"], digest), _Made(row, output / f"{case}{nnunet.ENDING}")))
    left = {item.case: Path(item.payload.row["path"]) for item in shard.left(new)}
    if left:
        nnunet.predict(job.command, folder, folds, left, output)
    yield from new


def _take(item: Item, scratch: Path, plan: Plan, table: Path) -> Outcome:
    made: _Made = item.payload
    if not made.path.exists():
        raise CaseExcluded(f"the other program left no label map {made.path.parent.name}/{made.path.name}")
    image = read_volume(Path(made.row["path"]))
    labels = to_canonical(read_label(made.path, plan.labels, image).volume)
    check_map(labels, image, plan, made.path.name)
    details = read_record(table.parent, item.case)["details"]
    smallest = labels.data.astype(np.uint8) if labels.data.max() < 256 else labels.data
    native = from_canonical(Volume(smallest, image.affine), np.array(details["source_affine"]))
    name = f"{item.case}.nii.gz"
    write_nifti(scratch / name, native, details["source_header"])
    return Outcome(name, {"split": made.row["split"], "fold": made.fold, "models": ""})
