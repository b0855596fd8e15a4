"""Small scans on awkward grids, written as hospitals write them, and sheets over them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import nibabel as nib
import numpy as np

from segmake.volume.volume import Affine, Array

DIRECTIONS = {"R": (0, 1), "L": (0, -1), "A": (1, 1), "P": (1, -1), "S": (2, 1), "I": (2, -1)}


def grid(codes: str = "RAS", spacing: Sequence[float] = (1, 1, 1), degrees: float = 0) -> Affine:
    """Affine whose axes point along `codes`, turned about two world axes, away from the origin."""
    axes = np.zeros((3, 3))
    for column, code in enumerate(codes):
        row, sign = DIRECTIONS[code]
        axes[row, column] = sign
    a, b = np.deg2rad([degrees, degrees / 2])
    about_z = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    about_x = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    affine = np.eye(4)
    affine[:3, :3] = about_z @ about_x @ axes * np.asarray(spacing)
    affine[:3, 3] = (-31.7, 12.3, 81.9)
    return affine


def world_mm(shape: Sequence[int], affine: Affine) -> Array:
    """World positions [X, Y, Z, 3] of all voxels."""
    index = np.moveaxis(np.indices(tuple(shape)), 0, -1)
    return np.asarray(index @ affine[:3, :3].T + affine[:3, 3])


def write(path: Path, data: Array, affine: Affine, code: int = 1) -> Path:
    """NIfTI with both geometries in its header (none with code 0)."""
    image = nib.Nifti1Image(data, affine)
    image.set_sform(affine, code)
    image.set_qform(affine, code)
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(image, path)
    return path


def sheet(folder: Path, rows: Sequence[dict[str, object]]) -> Path:
    """Case sheet with these rows."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    lines = [columns, *([str(row.get(name, "")) for name in columns] for row in rows)]
    path = folder / "cases.tsv"
    path.write_text("".join("\t".join(line) + "\n" for line in lines))
    return path
