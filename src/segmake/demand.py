"""How much memory a job asks its scheduler for, from what it works on. Read again by every cluster job."""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path

from segmake.tables import read_table

LIMIT_MB = 500_000
"""No job asks for more: a wrong size in a table must not keep it in the queue for ever."""


def largest_megavoxels(table: str | Path) -> float:
    """Voxels of the largest case in a shard's table, in millions; 0 while the table is not there."""
    path = Path(table)
    return _largest(path, path.stat().st_mtime_ns) if path.exists() else 0.0


def megabytes(base: float, per_megavoxel: float, megavoxels: float, workers: int, attempt: int) -> int:
    """What a job of so many workers needs, each with a case of this size at hand; more at each attempt."""
    return min(LIMIT_MB, math.ceil(base + per_megavoxel * megavoxels * workers) * attempt)


@cache
def _largest(table: Path, changed: int) -> float:  # noqa: ARG001  a changed table is read again
    return max((_megavoxels(row.get("shape", "")) for row in read_table(table)), default=0.0)


def _megavoxels(shape: str) -> float:
    """Of a shape such as 240x240x155; 0 when it is none."""
    sides = shape.split("x")
    return math.prod(map(int, sides)) / 1e6 if all(side.isdigit() for side in sides) else 0.0
