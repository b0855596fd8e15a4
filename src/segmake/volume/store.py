"""Compressed arrays on disk with fast reads of a patch (blosc2)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import blosc2
import numpy as np

from segmake.errors import InputError
from segmake.volume.volume import Array

CHUNK = 64
BLOCK = 16


def save_array(path: Path, data: Array) -> None:
    """Write an array as one compressed file (`.b2nd`).

    Spatial axes are cut into chunks of 64 and blocks of 16 voxels so that a patch touches few blocks.
    LZ4 rather than ZSTD: patches are read faster, files are somewhat larger.
    The bytes depend on the data alone (a file would record the number of threads, so there is one).
    """
    spatial = min(3, data.ndim) if data.ndim >= 3 else 0
    chunks = _cut(data.shape, spatial, CHUNK)
    made = blosc2.asarray(
        np.ascontiguousarray(data),
        contiguous=True,
        chunks=chunks,
        blocks=tuple(min(c, b) for c, b in zip(chunks, _cut(data.shape, spatial, BLOCK), strict=True)),
        cparams={"codec": blosc2.Codec.LZ4, "clevel": 5, "nthreads": 1},
    )
    path.write_bytes(made.to_cframe())  # blosc2 itself does not say what a full disk refused


def save_patches(path: Path, patches: Array) -> None:
    """Write 2D patches [N, C, rows, columns] as one compressed file, each a chunk of its own.

    ZSTD: patches are read whole and are often smooth, for they were enlarged.
    """
    one = (1, *patches.shape[1:])
    made = blosc2.asarray(
        np.ascontiguousarray(patches),
        contiguous=True,
        chunks=one,
        blocks=one,
        cparams={"codec": blosc2.Codec.ZSTD, "clevel": 3, "nthreads": 1},
    )
    path.write_bytes(made.to_cframe())


def open_array(path: Path, threads: int = 1) -> Any:
    """Open an array for reading; slicing it (`array[:, 0:32, 0:32, 0:32]`) returns a NumPy array."""
    try:
        return blosc2.open(str(path), mode="r", dparams={"nthreads": threads})
    except (OSError, RuntimeError) as error:
        raise InputError(f"{path} is not a readable array: {error}; run `segmake verify`") from error


def load_array(path: Path) -> Array:
    """Read a whole array."""
    array: Array = open_array(path)[...]
    return array


def _cut(shape: tuple[int, ...], spatial: int, size: int) -> tuple[int, ...]:
    """Limit the last `spatial` axes (or, without any, the first) to `size` or a multiple of it."""
    if spatial == 0:
        return (min(max(shape[0], 1), size * size * size), *(max(n, 1) for n in shape[1:]))
    split = len(shape) - spatial
    return (*shape[:split], *(min(n, size) for n in shape[split:]))
