"""One image of an array of images in a NumPy archive: FILE.npz#ARRAY[INDEX]."""

from __future__ import annotations

import functools
import re
import zipfile
from pathlib import Path

import numpy as np
from numpy.lib.format import read_array_header_1_0, read_array_header_2_0, read_magic

from segmake.errors import InputError
from segmake.source import check_source, shown
from segmake.volume.raster import AFFINE
from segmake.volume.scan import Scan
from segmake.volume.volume import Array, Volume

PLACE = re.compile(r"(?P<file>.+\.npz)#(?P<array>\w+)\[(?P<index>\d+)\]", re.IGNORECASE)
COLOURS = (1, 3)


def is_npz(path: Path) -> bool:
    """Whether a path names an image in an archive."""
    return PLACE.fullmatch(str(path)) is not None


def place_in(archive: Path, array: str, index: int) -> Path:
    """The path of one image of an array [N, rows, columns] or [N, rows, columns, 3]."""
    return archive.with_name(f"{archive.name}#{array}[{index}]")


def read_npz(path: Path) -> Scan:
    """Read one image as [C, X, Y, 1], x along its columns and y down its rows; pixels count as 1 mm.

    Raises:
        InputError: the archive is damaged, or has no such image.
    """
    picture = npz_picture(path)
    if picture.ndim == 2:
        picture = picture[..., np.newaxis]
    if picture.ndim != 3 or picture.shape[2] not in COLOURS:
        raise InputError(
            f"{shown(path)} has the shape {picture.shape}; an image is [rows, columns] or [rows, columns, 3]"
        )
    return Scan(Volume(picture.transpose(2, 1, 0)[..., np.newaxis], AFFINE))


def npz_picture(path: Path) -> Array:
    """The image as it stands in its array: [rows, columns] or [rows, columns, colours]."""
    parts = PLACE.fullmatch(str(path))
    if parts is None:
        raise InputError(f"{shown(path)} is no image of an archive; write FILE.npz#ARRAY[INDEX]")
    file, index = Path(parts["file"]), int(parts["index"])
    check_source(file)
    images = npz_array(file, parts["array"])
    if index >= len(images):
        raise InputError(
            f"{shown(file)}: {parts['array']} has {len(images)} images, so there is no {index}; lower it"
        )
    picture: Array = images[index]
    return picture


def npz_array(file: Path, name: str) -> Array:
    """A whole array of an archive; the last one is kept, as its images are asked for one after the other.

    Raises:
        InputError: the archive is damaged, or has no such array.
    """
    return _read(file, name, file.stat().st_mtime_ns)


def npz_names(file: Path) -> list[str]:
    """Names of the arrays in an archive."""
    check_source(file)
    try:
        with zipfile.ZipFile(file) as archive:
            return [name.removesuffix(".npy") for name in archive.namelist()]
    except (OSError, zipfile.BadZipFile) as error:
        raise InputError(f"{shown(file)} is no NumPy archive: {error}; copy it again") from error


def npz_count(file: Path, name: str) -> int:
    """Number of images in an array, read from its header alone."""
    try:
        with zipfile.ZipFile(file) as archive, archive.open(f"{name}.npy") as stream:
            read = {(1, 0): read_array_header_1_0, (2, 0): read_array_header_2_0}[read_magic(stream)]
            shape = read(stream)[0]
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise InputError(f"{shown(file)}: {name} cannot be read: {error}; copy the archive again") from error
    return int(shape[0]) if shape else 0


@functools.lru_cache(maxsize=2)
def _read(file: Path, name: str, _changed: int) -> Array:
    names = npz_names(file)
    if name not in names:
        raise InputError(f"{shown(file)} has no array {name}, but {', '.join(names)}; correct the path")
    try:
        with np.load(file, allow_pickle=False) as archive:
            found: Array = archive[name]
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{shown(file)}: {name} cannot be read: {error}; copy the archive again") from error
    found.setflags(write=False)
    return found
