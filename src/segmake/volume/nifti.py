"""NIfTI in and out (nibabel)."""

from __future__ import annotations

import base64
import gzip
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError
from nibabel.wrapstruct import WrapStructError

from segmake.errors import InputError
from segmake.volume.volume import Array, Volume

UNREADABLE = (ImageFileError, HeaderDataError, WrapStructError)
GEOMETRY_FIELDS = (
    *("qform_code", "sform_code", "quatern_b", "quatern_c", "quatern_d"),
    *("qoffset_x", "qoffset_y", "qoffset_z", "srow_x", "srow_y", "srow_z", "xyzt_units"),
)


def read_nifti(path: Path) -> Volume:
    """Read a 3-D or 4-D NIfTI file; a fourth axis holds channels. Scaling of the header is applied.

    Integers without scaling keep their type, all else becomes float32.
    """
    image = _open(path)
    affine = image.affine
    try:
        data: Array = np.asanyarray(image.dataobj)
    except (OSError, EOFError, ValueError, zlib.error) as error:
        reason = str(error).partition("\n")[0]
        raise InputError(f"{path} is damaged: {reason}; copy or export it again") from error
    del image  # with it the decompressed file: two copies of a large scan are enough
    if data.dtype.kind == "f":
        data = data.astype(np.float32, copy=False)
    elif data.dtype.kind not in "iu":
        raise InputError(f"{path} holds {data.dtype} voxels; only integers and reals can be read")
    while data.ndim > 4 and data.shape[-1] == 1:
        data = data[..., 0]
    if data.ndim == 4:
        data = np.moveaxis(data, -1, 0)
    elif data.ndim == 3:
        data = data[np.newaxis]
    else:
        raise InputError(f"{path} has shape {data.shape}; a volume has three axes and perhaps channels")
    return Volume(np.ascontiguousarray(data).astype(data.dtype.newbyteorder("="), copy=False), affine)


def read_geometry(path: Path) -> str:
    """The NIfTI-1 header as text, so that `write_nifti(like=...)` can repeat its geometry to the bit.

    Empty for NIfTI-2 and other formats.
    """
    if not path.name.lower().endswith((".nii", ".nii.gz")):
        return ""
    header = _explained(path, nib.load).header
    first = isinstance(header, nib.Nifti1Header) and not isinstance(header, nib.Nifti2Header)
    return base64.b64encode(header.binaryblock).decode() if first else ""


def write_nifti(path: Path, volume: Volume, like: str = "") -> None:
    """Write 3-D (one channel) or X, Y, Z, C NIfTI; the bytes depend on the content alone.

    like: a header from `read_geometry` of a file on the same grid, whose geometry fields are repeated.
    """
    data = volume.data[0] if volume.data.shape[0] == 1 else np.moveaxis(volume.data, 0, -1)
    image = nib.Nifti1Image(data, volume.affine)
    image.header.set_xyzt_units("mm")
    image.set_sform(volume.affine, code=1)
    image.set_qform(volume.affine, code=1)
    if like:
        source = nib.Nifti1Header(base64.b64decode(like))
        for name in GEOMETRY_FIELDS:
            image.header[name] = source[name]
        image.header["pixdim"][:4] = source["pixdim"][:4]
        image = nib.Nifti1Image(data, None, image.header)
    image.header["cal_max"] = image.header["cal_min"] = 0
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(image, path)


def _open(path: Path) -> Any:
    return _explained(path, _decompressed if path.name.lower().endswith(".gz") else nib.load)


def _decompressed(path: Path) -> Any:
    """Image from a whole gzip file: nibabel stops before the checksum, and damage would go unseen."""
    with gzip.open(path) as stream:
        content = stream.read()
    second = 540 in (int.from_bytes(content[:4], "little"), int.from_bytes(content[:4], "big"))
    return (nib.Nifti2Image if second else nib.Nifti1Image).from_bytes(content)


def _explained(path: Path, load: Callable[[Path], Any]) -> Any:
    try:
        return load(path)
    except FileNotFoundError as error:
        raise InputError(f"{path} does not exist; correct the path") from error
    except (*UNREADABLE, OSError, EOFError, ValueError, zlib.error) as error:
        reason = str(error).partition("\n")[0]
        raise InputError(f"{path} is not a readable NIfTI file: {reason}; copy or export it again") from error
