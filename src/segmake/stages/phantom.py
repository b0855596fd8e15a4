"""phantom: make synthetic scans with exact truth.

Takes nothing. Makes, per case, the image (brats: a NIfTI file per channel; luna: MetaImage, DICOM series and
annotations) and the label map beside the table.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from segmake.dataset.phantom import (
    CHANNELS,
    annotations_file,
    brats,
    dicom_folder,
    image_file,
    label_file,
    luna,
    sheet_rows,
)
from segmake.dataset.phantom.grid import Phantom
from segmake.dataset.phantom.write import (
    annotation_rows,
    annotations_text,
    gather_annotations,
    write_dicom_series,
    write_metaimage,
)
from segmake.dataset.sheet import shard_of
from segmake.jobs import PhantomJob
from segmake.ledger import Item, Outcome, Shard
from segmake.tables import write_text
from segmake.volume.geometry import axis_codes
from segmake.volume.nifti import write_nifti
from segmake.volume.volume import Volume

VERSION = 1
MAKERS = {"brats": brats.make, "luna": luna.make}


def run(job: PhantomJob) -> None:
    """Make the cases of one shard; the last luna shard to end leaves a complete annotations.csv."""
    rows = sheet_rows(job, Path())
    items = [
        Item(row["case"], (job.kind, str(index), str(job.size), str(job.seed), *row.values()), (index, row))
        for index, row in enumerate(rows)
        if shard_of(row["case"], job.shards) == job.shard
    ]
    work = partial(make_case, kind=job.kind, size=job.size, seed=job.seed)
    shard = Shard("phantom", VERSION, job.output, {}, job.threads, job.on_error)
    try:
        shard.run(items, work)
    finally:
        if job.kind == "luna":
            gather_annotations(job.output.parent, [row["case"] for row in rows])


def make_case(item: Item, scratch: Path, *, kind: str, size: int, seed: int) -> Outcome:
    """Make one case and write its files; its table row is a row of a case sheet too."""
    index, row = item.payload
    phantom = MAKERS[kind](seed, index, size)
    write_nifti(scratch / label_file(item.case), phantom.label)
    if kind == "luna":
        _write_luna(scratch, item.case, phantom, seed)
    else:
        for number, channel in enumerate(CHANNELS[kind]):
            image = Volume(phantom.image.data[number : number + 1], phantom.image.affine)
            write_nifti(scratch / image_file(kind, item.case, channel), image)
    voxel_ml = float(np.prod(phantom.label.spacing_mm)) / 1000
    columns = {
        **{name: value for name, value in row.items() if name != "case"},
        "shape": "x".join(str(n) for n in phantom.image.shape),
        "spacing_mm": "x".join(f"{value:g}" for value in phantom.image.spacing_mm),
        "orientation": axis_codes(phantom.image.affine),
        "lesions": len(phantom.lesions),
        "lesion_ml": f"{np.count_nonzero(phantom.label.data) * voxel_ml:.3f}",
    }
    lesions = [
        {"centre_mm": lesion.centre_mm, "volume_ml": lesion.volume_ml, "class": lesion.kind}
        for lesion in phantom.lesions
    ]
    first = next(iter(CHANNELS[kind]))
    return Outcome(image_file(kind, item.case, first), columns, {"lesions": lesions})


def _write_luna(scratch: Path, case: str, phantom: Phantom, seed: int) -> None:
    write_metaimage(scratch / image_file("luna", case, "ct"), phantom.image)
    write_dicom_series(scratch / dicom_folder(case), case, phantom.image, seed)
    write_text(scratch / annotations_file(case), annotations_text(annotation_rows(case, phantom.lesions)))
