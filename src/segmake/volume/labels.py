"""One door for label maps, whatever they come as: an image, a folder of masks, DICOM-SEG or RTSTRUCT."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from segmake.errors import InputError
from segmake.volume.masks import find_masks, read_masks
from segmake.volume.read import ITK, NIFTI, PAIR, RASTER, read_scan
from segmake.volume.scan import Note, Scan
from segmake.volume.volume import Array, Volume

WHOLE = 1e-3
"""Largest distance of a stored value to a whole number: masks of 0.9999999 exist."""


def read_label(path: Path, labels: Mapping[str, int], grid: Volume) -> Scan:
    """Read a label map: int16 [1, X, Y, Z] of label values.

    Images and folders of masks stay on their own grid; DICOM-SEG and RTSTRUCT are drawn on `grid`, the
    case's image. All but images name their structures and are matched with `labels` (name -> value) by
    name; where two overlap, the later one in `labels` stays.

    Raises:
        InputError: the file is missing, damaged, or its structures cannot be told apart.
        GeometryError: masks on several grids, or DICOM objects that do not lie on `grid`.
    """
    kind, source = find_label(path)
    if kind == "masks":
        return read_masks(source, labels)
    if kind == "segmentation":
        from segmake.volume.dicom.segmentation import read_segmentation

        return read_segmentation(source, labels, grid)
    if kind == "structures":
        from segmake.volume.dicom.structures import read_structures

        return read_structures(source, labels, grid)
    scan = read_scan(source, tilt="stop")  # a label map cannot be sheared without new values
    return Scan(as_labels(scan.volume, str(path)), (*scan.notes, *_casts(scan.volume.data, path)), scan.tags)


def find_label(path: Path) -> tuple[str, Path]:
    """What a label's path leads to, and the file or folder that is read.

    One of "image", "masks", "segmentation" and "structures". Only the values of an image are the source's
    own; the structures of all others are given the values of `labels`.
    """
    folder, _, series = str(path).rpartition("#")
    if path.is_dir():
        return _in_folder(path, path, "")
    if not path.exists() and folder and Path(folder).is_dir():
        return _in_folder(Path(folder), path, series)
    if path.is_file() and not path.name.lower().endswith(NIFTI + PAIR + ITK + RASTER):
        return _sop(path)[0], path
    return "image", path


def as_labels(volume: Volume, origin: str) -> Volume:
    """Label map as int16: values that are whole up to float rounding (masks of 0.9999999 exist).

    Raises:
        InputError: values are not whole numbers, do not fit, or there is more than one channel.
    """
    if volume.data.shape[0] != 1:
        raise InputError(
            f"a label map has one channel, but {origin} has {volume.data.shape[0]}; give the one "
            "with the labels"
        )
    whole = volume.data if volume.data.dtype.kind in "iub" else np.rint(volume.data)
    if not _rounding(volume.data, whole) <= WHOLE:
        raise InputError(
            f"a label map holds whole numbers, but {origin} has others; give the label map, or cut "
            "probabilities at a threshold"
        )
    low, high = int(whole.min()), int(whole.max())
    if low < 0 or high > np.iinfo(np.int16).max:
        raise InputError(
            f"label values lie in 0 to 32767, but {origin} holds {low} to {high}; give the label map, "
            "not the image"
        )
    return Volume(whole.astype(np.int16), volume.affine)


def _rounding(data: Array, whole: Array) -> float:
    """Largest distance between values and whole numbers; NaN when a value is not finite."""
    if whole is data:
        return 0.0
    with np.errstate(invalid="ignore"):
        return float(np.abs(data - whole).max())


def _casts(data: Array, path: Path) -> tuple[Note, ...]:
    if data.dtype.kind != "f":
        return ()
    off = _rounding(data, np.rint(data))
    return (Note("repair", f"{path.name}: {data.dtype} labels cast to int16, rounded by at most {off:.3g}"),)


def _in_folder(folder: Path, path: Path, series: str) -> tuple[str, Path]:
    """Masks, the one DICOM-SEG or RTSTRUCT among other DICOM files, or what `read_scan` makes of it."""
    files = sorted(entry for entry in folder.iterdir() if entry.is_file())
    masks = [] if series else find_masks(folder)
    found = {file: _sop(file) for file in files if file not in masks}
    if not masks and not any(uid for _, uid in found.values()):
        raise InputError(
            f"{path} holds neither mask files nor DICOM files; give a label map, or a folder with a file per "
            "label"
        )
    objects = [(kind, file) for file, (kind, uid) in found.items() if kind != "image" and series in ("", uid)]
    if len(objects) + bool(masks) > 1:
        names = ", ".join(file.name for _, file in objects)
        also = f" and {len(masks)} mask files" if masks else ""
        raise InputError(f"{path} holds {len(objects)} DICOM-SEG or RTSTRUCT ({names}){also}; name one file")
    if objects:
        return objects[0]
    return ("masks", folder) if masks else ("image", path)


def _sop(path: Path) -> tuple[str, str]:
    """Kind and SeriesInstanceUID of a DICOM file; ("image", "") for any other."""
    from segmake.volume.dicom.headers import Header, quiet, read_header  # pydicom costs start-up time
    from segmake.volume.dicom.kinds import label_kind

    with quiet():
        header = read_header(path)
        if not isinstance(header, Header):
            return "image", ""
        return label_kind(header) or "image", header.series
