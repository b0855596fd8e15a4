"""What a label map is written as, told from the ending of its file: NIfTI, DICOM-SEG or RTSTRUCT."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from segmake.errors import InputError
from segmake.plan import Plan
from segmake.prediction import LabelCode
from segmake.settings import PredictSettings
from segmake.volume.nifti import read_geometry, write_nifti
from segmake.volume.read import NIFTI, is_dicom
from segmake.volume.volume import Volume

SEG, STRUCTURES = ".dcm", ".rtstruct.dcm"
Writer = Callable[[Path, Volume], None]
"""Writes a label map [1, X, Y, Z] on the grid of its source to a path."""


def find_writer(path: Path, source: Path, plan: Plan, settings: PredictSettings, digest: str) -> Writer:
    """The writer for a file by its ending: .nii, .nii.gz, .rtstruct.dcm, or .dcm for a DICOM-SEG.

    source: the scan that is predicted (of several, the one whose grid is the native one); digest: of the
    models. Nothing is written yet, but whatever can fail before the prediction fails here.

    Raises:
        InputError: the ending is unknown, or the source is no DICOM series whose slices can be referred to.
    """
    name = path.name.lower()
    if name.endswith(NIFTI):
        like = read_geometry(source)
        return lambda target, labels: write_nifti(target, labels, like)
    if not name.endswith(SEG):
        known = ", ".join(NIFTI)
        raise InputError(
            f"a label map is written as {known}, {SEG} (DICOM-SEG) or {STRUCTURES}, got {path}; rename it"
        )
    if not is_dicom(source):
        raise InputError(
            f"{path.name} refers to the slices of a DICOM series, and {source} is none; give the DICOM "
            "folder, or let --output end in .nii.gz"
        )
    return _dicom_writer(source, plan, settings, digest, structures=name.endswith(STRUCTURES))


def write_whole(path: Path, labels: Volume, writer: Writer) -> None:
    """Write a file beside its place, then rename it into place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        writer(scratch, labels)
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)


def _dicom_writer(
    source: Path, plan: Plan, settings: PredictSettings, digest: str, *, structures: bool
) -> Writer:
    from segmake.volume.dicom import source as sources  # pydicom and highdicom cost start-up time
    from segmake.volume.dicom import write_segmentation, write_structures
    from segmake.volume.dicom.codes import describe

    series = sources.read_source(source)
    if unknown := sorted(settings.codes.keys() - plan.labels.keys()):
        raise InputError(
            f"predict.codes names '{unknown[0]}', but the model has the labels {', '.join(plan.labels)}; "
            "correct the name"
        )
    segments = []
    for name, value in plan.labels.items():
        code = settings.codes.get(name, LabelCode())
        segments.append(describe(name, value, code.category, code.type, code.color))
    algorithm = write_segmentation.Algorithm("segmake", version("segmake"), digest)

    def write(target: Path, labels: Volume) -> None:
        if structures:
            made = write_structures.structures(labels, series, segments, algorithm)
        else:
            kind = settings.dicom_seg
            made = write_segmentation.segmentation(labels, series, segments, algorithm, kind)
        write_segmentation.write_dicom(target, made)

    return write
