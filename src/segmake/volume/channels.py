"""The files of one case as one image: read, turned to RAS+, checked to lie on one grid, stacked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from segmake.errors import GeometryError, InputError
from segmake.volume.geometry import grid_distance_mm, to_canonical
from segmake.volume.read import read_volume
from segmake.volume.volume import Array, Volume


def read_channels(paths: Sequence[Path], tolerance_mm: float) -> tuple[Volume, Volume]:
    """Read the channel files of a case.

    Returns:
        The stacked canonical image, and the first file as it was (its grid is the case's native grid).

    Raises:
        GeometryError: the files do not lie on one grid.
        InputError: a value is not a number, or a file cannot be read.
    """
    unique = list(dict.fromkeys(paths))
    sources = [read_volume(path) for path in unique]
    volumes = [to_canonical(source) for source in sources]
    for path, volume in zip(unique, volumes, strict=True):
        check_grid(path, volume, volumes[0], tolerance_mm)
        if volume.data.dtype.kind == "f" and not np.isfinite(volume.data).all():
            raise InputError(f"{path} holds values that are not finite numbers; repair the file")
    data = np.concatenate([volume.data for volume in volumes])
    if data.shape[0] != len(paths):
        raise InputError(f"{paths[0]} and its like hold {data.shape[0]} channels, expected {len(paths)}")
    return Volume(_compact(data), volumes[0].affine), sources[0]


def check_grid(path: Path, volume: Volume, reference: Volume, tolerance_mm: float) -> None:
    """Raise a GeometryError that names `path` unless its volume lies on the reference's grid."""
    apart = grid_distance_mm(volume, reference)
    if apart > tolerance_mm:
        seen = f"{volume.shape} against {reference.shape}" if np.isinf(apart) else f"{apart:.4g} mm apart"
        raise GeometryError(
            f"all files of a case must lie on one grid within {tolerance_mm} mm, but {path} does not "
            f"({seen}); resample it onto the grid of the first channel"
        )


def _compact(data: Array) -> Array:
    """Smallest type that NIfTI readers agree on: int16 or int32 for whole numbers, else float32."""
    for kind in (np.int16, np.int32) if data.dtype.kind in "iu" else ():
        if np.iinfo(kind).min <= data.min() and data.max() <= np.iinfo(kind).max:
            return data.astype(kind)
    return data.astype(np.float32, copy=False)
