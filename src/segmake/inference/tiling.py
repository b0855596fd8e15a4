"""How a volume is cut up, so that predicting it stays within a memory budget.

Stripes run along the axis that makes the ring of unfinished rows smallest. Where even that ring does not
fit, the grid is cut into blocks across another axis, one after the other; windows on a border are computed
for both of its sides. Labels do not depend on how a volume is cut.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from segmake.inference.windows import Box
from segmake.plan import Triple

FLOAT = 4
COPIES = 6
"""Arrays of a stripe's size while it is divided, interpolated and decoded; half of them at native size."""
STRIPE_BYTES = 64e6
"""Memory for working on a stripe: more makes nothing faster."""
SHARE = 4
"""A stripe's work gets at most this part of what is there for ring and stripe."""


@dataclass(frozen=True)
class Tiling:
    """Stripes of at most `rows` rows along `axis`; `across` is cut into blocks of `block` rows."""

    axis: int
    rows: int
    native_rows: int
    across: int
    block: int
    bytes: float
    """What ring and stripes take."""

    def boxes(self, shape: Triple) -> Iterator[Box]:
        """Blocks of the grid, each of which shares a row with the next for interpolation."""
        first = 0
        while first < shape[self.across]:
            last = min(first + self.block, shape[self.across])
            last = last if shape[self.across] - last > 1 else shape[self.across]
            start, size = [0, 0, 0], list(shape)
            start[self.across], size[self.across] = first, last - first
            yield Box((start[0], start[1], start[2]), (size[0], size[1], size[2]))
            first = last - 1 if last < shape[self.across] else last


def choose_tiling(shape: Triple, native: Triple, patch: Triple, heads: int, room: float) -> Tiling:
    """Tiling of a prepared grid whose ring and stripes fit into `room` bytes as far as that can be.

    native: size of the same box on the native grid; heads: of all models that are kept apart.
    """
    axis = min(range(3), key=lambda axis: _ring(shape, patch, heads, axis))
    across = max((other for other in range(3) if other != axis), key=lambda other: shape[other])
    growth = native[axis] / shape[axis]
    row = [COPIES / 2 * FLOAT * heads * _cross(grid, axis) for grid in (shape, native)]
    one = row[0] + row[1] * max(1.0, growth)
    work = max(one, min(STRIPE_BYTES, room / SHARE))
    ring = _ring(shape, patch, heads, axis)
    least = min(shape[across], max(2, patch[across] // 2))  # thinner ones compute everything several times
    block = max(least, min(shape[across], math.floor(shape[across] * max(room - work, 0.0) / ring)))
    part = block / shape[across]
    rows = max(1, min(shape[axis], int(min(STRIPE_BYTES, room - ring * part) / (part * one))))
    native_rows = max(1, math.ceil(rows * growth))
    return Tiling(axis, rows, native_rows, across, block, ring * part + rows * one * part)


def _ring(shape: Sequence[int], patch: Sequence[int], heads: int, axis: int) -> float:
    return FLOAT * (heads + 1) * min(patch[axis], shape[axis]) * _cross(shape, axis)


def _cross(shape: Sequence[int], axis: int) -> int:
    return math.prod(shape) // shape[axis]
