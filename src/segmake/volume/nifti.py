"""NIfTI in and out: headers by nibabel, voxels straight into and out of the array."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nibabel as nib

from segmake.errors import InputError
from segmake.source import check_source, shown
from segmake.volume.gzipped import DAMAGE, open_inflated, write_gzip
from segmake.volume.nifti_header import GEOMETRY_FIELDS, PAIRED, array_shape, parse_header, world_affine
from segmake.volume.nifti_voxels import decoded, read_stored
from segmake.volume.scan import Note, Scan
from segmake.volume.volume import Array, Volume

HEADER_BYTES = 540  # of NIfTI-2; a NIfTI-1 header has 348
FIRST_VOXEL = 352
PIECE_BYTES = 1 << 22
ENDS = (".nii", ".nii.gz", ".hdr", ".hdr.gz", ".img", ".img.gz")


def read_nifti(path: Path) -> Scan:
    """Read .nii, .nii.gz or a .hdr/.img pair of NIfTI-1 or NIfTI-2; a fourth axis or colours are channels.

    The header's scaling is applied. Integers that stay whole remain integers, all else becomes float32.
    The voxels keep the file's order in memory (x fastest): reading makes one array and no copy.

    Raises:
        InputError: the file is missing, damaged or no NIfTI image of numbers.
        GeometryError: its header places the voxels nowhere.
    """
    with _damage_named(path):
        head, body = _parts(path)
        header, compressed = _header(head)
        if (bytes(header["magic"])[:3] in PAIRED) != (head != body):
            kind, name = (".nii", ".nii") if head != body else ("a .hdr/.img pair", ".hdr or .img")
            raise InputError(f"{shown(path)} has the header of {kind}; let its name end in {name}")
        shape, dropped = array_shape(header, shown(head))
        affine, placed = world_affine(header, shape[:3])
        stored, extra = read_stored(body, header, shape)
        data, colour = decoded(stored, header, shape, shown(path))
    return Scan(Volume(data, affine), (*_naming(head, compressed), *dropped, *placed, *extra, *colour))


def read_geometry(path: Path) -> str:
    """The geometry of a NIfTI-1 header as text, so that `write_nifti(like=...)` repeats it to the bit.

    Nothing else of the header is kept: its text may name a person. Empty for NIfTI-2 and other formats.
    """
    if path.is_dir() or not path.name.lower().endswith(ENDS):
        return ""
    with _damage_named(path):
        header, _ = _header(_parts(path)[0])
    if isinstance(header, nib.Nifti2Header):
        return ""
    kept = nib.Nifti1Header(endianness=header.endianness)
    _copy_geometry(header, kept)
    return base64.b64encode(kept.binaryblock).decode()


def write_nifti(path: Path, volume: Volume, like: str = "") -> None:
    """Write 3-D (one channel) or X, Y, Z, C NIfTI; the bytes depend on the content alone.

    like: what `read_geometry` gave for a file on the same grid, whose geometry fields are repeated.
    """
    channels, *grid = volume.data.shape
    header = nib.Nifti1Header(endianness="<")
    header.set_data_dtype(volume.data.dtype)
    header.set_data_shape(grid if channels == 1 else (*grid, channels))
    header.set_xyzt_units("mm")
    header.set_qform(volume.affine, code=1)  # sets the voxel sizes too
    header.set_sform(volume.affine, code=1)
    header["vox_offset"], header["scl_slope"], header["scl_inter"] = FIRST_VOXEL, 1, 0
    if like:
        _copy_geometry(nib.Nifti1Header(base64.b64decode(like), check=False), header)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as stream:
        pieces = _pieces(header, volume.data)
        if path.name.lower().endswith(".gz"):
            write_gzip(stream, pieces)
        else:
            stream.writelines(pieces)


def _copy_geometry(source: Any, target: Any) -> None:
    for name in GEOMETRY_FIELDS:
        target[name] = source[name]
    target["pixdim"][:4] = source["pixdim"][:4]


def _pieces(header: Any, data: Array) -> Iterator[bytes]:
    """The file in pieces whose sizes depend on shape and type alone, not on the order in memory."""
    yield header.binaryblock.ljust(FIRST_VOXEL, b"\0")
    little = data.dtype.newbyteorder("<")
    planes = max(1, PIECE_BYTES // (data[0, :, :, 0].size * data.itemsize))
    for channel in data:
        for start in range(0, channel.shape[-1], planes):
            yield channel[..., start : start + planes].astype(little, copy=False).tobytes(order="F")


@contextmanager
def _damage_named(path: Path) -> Iterator[None]:
    try:
        yield
    except DAMAGE as error:
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise InputError(f"{shown(path)} is damaged: {reason}; copy or export it again") from error


def _parts(path: Path) -> tuple[Path, Path]:
    """The files with header and voxels: one and the same, or the two of a pair."""
    base, end = path.name, next((end for end in ENDS[:1:-1] if path.name.lower().endswith(end)), "")
    if not end:
        return path, path
    check_source(path)
    base = base[: -len(end)]
    other = (".img", ".img.gz", ".IMG") if "hdr" in end else (".hdr", ".hdr.gz", ".HDR")
    for candidate in (path.with_name(base + suffix) for suffix in other):
        if candidate.exists():
            return (path, candidate) if "hdr" in end else (candidate, path)
    raise InputError(f"{shown(path)} is half of a pair, but there is no {base}{other[0]}; copy both files")


def _header(path: Path) -> tuple[Any, bool]:
    with open_inflated(path) as (stream, compressed):
        return parse_header(stream.read(HEADER_BYTES), shown(path)), compressed


def _naming(path: Path, compressed: bool) -> tuple[Note, ...]:
    named = path.name.lower().endswith(".gz")
    if named == compressed:
        return ()
    what = (
        "is gzip-compressed although its name does not end"
        if compressed
        else "is plain although its name ends"
    )
    return (Note("repair", f"{path.name} {what} in .gz, it was read as what it is"),)
