"""Phantoms: synthetic scans whose truth is known exactly, for the demo and the tests.

    catalogue (this file)   which cases there are; standard library only, for Snakefiles read it
    grid, shapes            where voxels are; analytic shapes and smooth random fields to fill them with
    brats, tumour           MR heads with a tumour
    luna, vessels, nodule   chest CT with nodules
    write                   NIfTI, MetaImage, DICOM series, annotations.csv

A label voxel is set when its centre lies inside the analytic shape. A case depends on (seed, kind, its
number, size) alone, so adding cases changes none.
"""

from __future__ import annotations

from pathlib import Path

from segmake.settings import Modality, PhantomSettings

CHANNELS: dict[str, dict[str, Modality]] = {
    "brats": {"t1": "mr", "t1ce": "mr", "t2": "mr", "flair": "mr"},
    "luna": {"ct": "ct"},
}
LABELS: dict[str, dict[str, int]] = {
    "brats": {"necrosis": 1, "edema": 2, "enhancing": 4},
    "luna": {"nodule": 1},
}
NODULE_CLASSES = ("benign", "malignant")
SITES = ("site-a", "site-b", "site-c")


def case_names(settings: PhantomSettings) -> list[str]:
    """Names of all cases, in order of their number, such as "brats-000"."""
    return [f"{settings.kind}-{index:03d}" for index in range(settings.count)]


def case_class(kind: str, index: int) -> str:
    """Class of a case for the 2D branch: a luna case is malignant when one of its nodules is."""
    return NODULE_CLASSES[index % 2] if kind == "luna" else ""


def image_file(kind: str, case: str, channel: str) -> str:
    """Name of the file that holds one channel of a case."""
    return f"{case}.mhd" if kind == "luna" else f"{case}_{channel}.nii.gz"


def label_file(case: str) -> str:
    """Name of a case's label map."""
    return f"{case}_seg.nii.gz"


def dicom_folder(case: str) -> str:
    """Name of the folder that holds a luna case as a DICOM series."""
    return f"{case}_dicom"


def annotations_file(case: str) -> str:
    """Name of the list of one luna case's nodules."""
    return f"{case}_annotations.csv"


def sheet_rows(settings: PhantomSettings, folder: Path) -> list[dict[str, str]]:
    """Rows of the case sheet for phantoms made in `folder`; the first `settings.test` cases are held out."""
    kind = settings.kind
    rows = []
    for index, case in enumerate(case_names(settings)):
        row = {
            "case": case,
            "group": case,
            "site": SITES[index % len(SITES)],
            "split": "test" if index < settings.test else "train",
        }
        row |= {name: str(folder / image_file(kind, case, name)) for name in CHANNELS[kind]}
        rows.append(row | {"label": str(folder / label_file(case)), "class": case_class(kind, index)})
    return rows
