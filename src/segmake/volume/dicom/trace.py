"""The outlines of a mask's slice as closed polygons, with holes cut open through keyholes."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import contourpy
import numpy as np

from segmake.volume.volume import Array

HALF = 0.5


def outlines(mask: Array) -> list[Array]:
    """Closed polygons [points, 2] in (column, row) coordinates round the true pixels of [row, column].

    A polygon runs half-way between pixels inside and outside (marching squares), so that the centres of just
    the true pixels lie inside. A part with holes is one polygon: a channel without width leads to each hole
    and back (PS3.3, C.8.8.6.3). The first point is not repeated at the end.
    """
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        return []
    box = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    generator = contourpy.contour_generator(
        z=np.pad(box, 1).astype(np.float64), fill_type=contourpy.FillType.OuterOffset
    )
    filled: Any = generator.filled(HALF, np.inf)
    corner = np.array([columns[0] - 1, rows[0] - 1])
    result = []
    for points, ends in zip(*filled, strict=True):
        loops = [points[first : last - 1] + corner for first, last in itertools.pairwise(ends)]
        result.append(keyhole(loops[0], loops[1:]))
    return result


def keyhole(outer: Array, holes: Sequence[Array]) -> Array:
    """One polygon of an outer one and its holes, joined where they are nearest; [points, 2]."""
    for hole in holes:
        apart = ((outer[:, np.newaxis] - hole[np.newaxis]) ** 2).sum(axis=2)
        at, start = np.unravel_index(int(apart.argmin()), apart.shape)
        turned = np.roll(hole, -int(start), axis=0)
        outer = np.concatenate([outer[: at + 1], turned, turned[:1], outer[at:]])
    return outer
