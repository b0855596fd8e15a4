"""A source file before it is decoded: is it there, may it be read, can its voxel sizes be meant."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np

from segmake.errors import GeometryError, InputError
from segmake.volume.volume import Affine

SMALLEST_MM, LARGEST_MM = 1e-6, 1e3  # a nanometre; no scanner makes voxels of a metre
FLATTEST = 1e-3  # volume of a voxel over that of the box of its edges


def shown(path: Path) -> str:
    """The path as text that can be printed, also when its bytes are not UTF-8."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def check_source(path: Path) -> int:
    """Size in bytes of a file that can be read; an InputError says what is wrong with any other."""
    try:
        found = path.stat()
        if not stat.S_ISDIR(found.st_mode) and not stat.S_ISREG(found.st_mode):
            raise InputError(f"{shown(path)} is neither a file nor a folder; name a file")
        path.open("rb").close()
    except FileNotFoundError as error:
        if path.is_symlink():
            there = shown(path.readlink())
            raise InputError(f"{shown(path)} is a link to {there}, which does not exist; mend it") from error
        raise InputError(f"{shown(path)} does not exist; correct the path") from error
    except IsADirectoryError as error:
        raise InputError(f"{shown(path)} is a folder, not a file; name the file in it") from error
    except PermissionError as error:
        raise InputError(f"{shown(path)} may not be read by this user; change its permissions") from error
    except OSError as error:
        raise InputError(f"{shown(path)} cannot be opened: {error.strerror}; correct the path") from error
    if found.st_size == 0:
        raise InputError(f"{shown(path)} is empty (0 bytes); copy or export it again")
    return found.st_size


def open_source(path: Path) -> BinaryIO:
    """Open a file that `check_source` finds good."""
    check_source(path)
    return path.open("rb")


def check_spacing(spacing_mm: Sequence[float], what: str) -> None:
    """Raise a GeometryError unless voxel sizes can be meant; `what` names where they stand."""
    if not all(SMALLEST_MM <= size < LARGEST_MM for size in spacing_mm):
        sizes = ", ".join(f"{size:.6g}" for size in spacing_mm)
        raise GeometryError(f"the voxel sizes of {what} are ({sizes}) mm, not between 1e-6 and 1000")


def check_affine(affine: Affine, what: str) -> None:
    """Raise a GeometryError unless an affine places voxels in three dimensions."""
    if not np.isfinite(affine).all():
        raise GeometryError(f"{what} is {affine[:3].tolist()}, not finite numbers")
    sizes = np.linalg.norm(affine[:3, :3], axis=0)
    check_spacing(sizes.tolist(), what)
    if abs(np.linalg.det(affine[:3, :3] / sizes)) < FLATTEST:
        raise GeometryError(f"the axes of {what} lie in one plane: {affine[:3, :3].tolist()}")
