"""One door for every format: a path in, a volume out."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from segmake.errors import GeometryError, InputError
from segmake.source import check_source, open_source, shown
from segmake.volume.geometry import check_spacing
from segmake.volume.scan import Scan
from segmake.volume.volume import Volume

NIFTI = (".nii", ".nii.gz")
PAIR = (".hdr", ".hdr.gz", ".img", ".img.gz")
ITK = (".mhd", ".mha", ".nrrd", ".nhdr")
RASTER = (".png", ".jpg", ".jpeg", ".tif", ".tiff")
DICOM = (".dcm", ".dicom", ".ima")


def read_volume(path: Path) -> Volume:
    """Read a NIfTI, MetaImage, NRRD or DICOM file, a folder with one DICOM series, or FOLDER#UID.

    Images of one slice: PNG, JPEG, TIFF, or one of a NumPy archive as FILE.npz#ARRAY[INDEX].

    The volume comes in its own orientation.

    Raises:
        InputError: the file is missing, damaged or of a format that is not known.
        GeometryError: it is no grid of three axes.
    """
    return read_scan(path).volume


def read_scan(path: Path, tilt: Literal["correct", "stop"] = "correct") -> Scan:
    """Read a volume with what its reader repaired or wondered about; see `read_volume`.

    tilt: what to do with a DICOM series of a tilted gantry.
    """
    try:
        scan = _read(path, tilt)
        check_spacing(scan.volume.spacing_mm, "the header")
    except GeometryError as error:
        raise GeometryError(f"{shown(path)} cannot be used: {error}; repair its header") from error
    return scan


def _read(path: Path, tilt: Literal["correct", "stop"]) -> Scan:
    name = path.name.lower()
    if ".npz#" in name:
        from segmake.volume.npz import read_npz

        return read_npz(path)
    if is_dicom(path):
        from segmake.volume.dicom import read_dicom  # pydicom costs start-up time, few jobs need it

        return read_dicom(path, tilt)
    if name.endswith(NIFTI + PAIR):
        from segmake.volume.nifti import read_nifti

        return read_nifti(path)
    if name.endswith(ITK):
        from segmake.volume.itk import read_itk

        return read_itk(path)
    if name.endswith(RASTER):
        from segmake.volume.raster import read_raster

        return read_raster(path)
    check_source(path)
    known = ", ".join((*NIFTI, *ITK, *RASTER))
    raise InputError(f"{shown(path)} has no known format ({known}, or DICOM); convert it first")


def is_dicom(path: Path) -> bool:
    """A folder, one series of a folder (FOLDER#UID), or a file that says DICM behind its preamble."""
    folder, mark, _ = str(path).rpartition("#")
    if path.is_dir() or (mark and not path.exists() and Path(folder).is_dir()):
        return True
    name = path.name.lower()
    if name.endswith(DICOM):
        return True
    if name.endswith(NIFTI + PAIR + ITK + RASTER) or not path.is_file():
        return False
    with open_source(path) as stream:
        return stream.read(132)[128:] == b"DICM"
