"""Sliding windows in three pure pieces: positions, weights, stitching.

Windows go along one axis of the grid in order. Rows of it that no later window reaches are finished and
handed on as a stripe, so that only as many rows as a window is wide are ever in memory.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from segmake.plan import Triple
from segmake.volume.volume import Array


@dataclass(frozen=True)
class Box:
    """Part of a grid: its first voxel and its size."""

    start: Triple
    size: Triple

    def meets(self, place: Triple, patch: Triple) -> bool:
        """Whether a window covers a voxel of the box."""
        sides = zip(place, patch, self.start, self.size, strict=True)
        return all(at < first + size and first < at + width for at, width, first, size in sides)


def positions(shape: Sequence[int], patch: Sequence[int], overlap: float) -> list[Triple]:
    """First voxels of windows that cover a grid.

    Neighbours are evenly spaced and overlap by at least `overlap` of the patch. A grid smaller than the patch
    lies in its middle, and the window begins before the grid.
    """
    axes = [_starts(size, width, overlap) for size, width in zip(shape, patch, strict=True)]
    return [(x, y, z) for x in axes[0] for y in axes[1] for z in axes[2]]


def _starts(size: int, width: int, overlap: float) -> list[int]:
    last = size - width
    if last < 0:
        return [-(-last // 2)]
    # Rounding must not add a window: 10 * (1 - 0.8) is a little less than 2.
    count = 1 + math.ceil(last / max(1, width * (1 - overlap)) - 1e-9)
    return [round(index * last / (count - 1)) for index in range(count)] if count > 1 else [0]


def gaussian(patch: Sequence[int], sigma: float = 0.125) -> Array:
    """Weights [*patch] float32 that trust the middle of a window most; at most 1, never 0.

    sigma: standard deviation as a fraction of the patch (Isensee et al., Nature Methods 2021).
    """
    weights = np.ones((1, 1, 1))
    for axis, width in enumerate(patch):
        distance = (np.arange(width) - (width - 1) / 2) / (sigma * width)
        line = np.exp(-0.5 * distance**2)
        weights = weights * line.reshape([-1 if axis == other else 1 for other in range(3)])
    weights /= weights.max()
    # Far corners would vanish in float32, and a voxel covered by corners only must still get a value.
    return np.maximum(weights, 1e-3).astype(np.float32)


def cut(data: Array, place: Triple, patch: Triple) -> Array:
    """One window [C, *patch] of a grid [C, X, Y, Z]; zeros where it lies beyond the grid."""
    box = [slice(max(0, at), at + width) for at, width in zip(place, patch, strict=True)]
    inside = data[(slice(None), *box)]
    if inside.shape[1:] == patch:
        return inside
    window = np.zeros((len(data), *patch), data.dtype)
    target = [slice(max(0, -at), max(0, -at) + n) for at, n in zip(place, inside.shape[1:], strict=True)]
    window[(slice(None), *target)] = inside
    return window


def stitch(
    outputs: Iterable[tuple[Triple, Tensor]], box: Box, axis: int, rows: int, fill: Tensor
) -> Iterator[Tensor]:
    """Weighted means of windows over a box of the grid, in stripes of at most `rows` rows of an axis.

    Args:
        outputs: place and logits [H, *patch] of windows whose places ascend along `axis`.
        box: the part of the grid that is wanted.
        axis: 0, 1 or 2; the stripes follow each other along it.
        rows: largest thickness of a stripe.
        fill: [H], for voxels that no window covers; on the device of the outputs.

    Yields:
        Stripes [H, n, A, B] float32 from the first row to the last, A and B being the other two axes.
    """
    ring: _Ring | None = None
    for place, window in outputs:
        if ring is None:
            ring = _Ring(window.shape[1:], box, axis, fill)
        yield from ring.release(place[axis] - box.start[axis], rows)
        ring.add(place, window)
    if ring is None:
        ring = _Ring((1, 1, 1), box, axis, fill)
    yield from ring.release(box.size[axis], rows)


class _Ring:
    """Sums of the rows that windows still reach; row r of the box is row r modulo `width` here."""

    def __init__(self, patch: Sequence[int], box: Box, axis: int, fill: Tensor) -> None:
        self.box, self.axis, self.fill = box, axis, fill.float()
        self.width = min(patch[axis], box.size[axis])
        shape = [self.width if other == axis else size for other, size in enumerate(box.size)]
        self.weights = torch.from_numpy(gaussian(patch)).to(fill.device)
        self.sums = torch.zeros(len(fill), *shape, device=fill.device)
        self.total = torch.zeros(*shape, device=fill.device)
        self.done = 0

    def add(self, place: Triple, window: Tensor) -> None:
        """Add what a window says of the box, times its weights."""
        to, source = [], []
        for at, width, first, size in zip(
            place, window.shape[1:], self.box.start, self.box.size, strict=True
        ):
            low, high = max(at - first, 0), min(at + width - first, size)
            to.append((low, high))
            source.append(low + first - at)
        low, high = to[self.axis]
        while low < high:
            upto = min(high, low - low % self.width + self.width)  # the ring begins again
            to[self.axis] = low, upto
            there = [slice(start, start + b - a) for start, (a, b) in zip(source, to, strict=True)]
            here = [slice(a, b) for a, b in to]
            here[self.axis] = slice(low % self.width, low % self.width + upto - low)
            weights = self.weights[tuple(there)]
            self.sums[(slice(None), *here)].addcmul_(window[(slice(None), *there)], weights)
            self.total[tuple(here)] += weights
            source[self.axis] += upto - low
            low = upto

    def release(self, upto: int, rows: int) -> Iterator[Tensor]:
        """The means of all rows before `upto`, whose place becomes that of later rows."""
        while self.done < upto:
            first = self.done % self.width
            count = min(upto - self.done, rows, self.width - first)
            sums = self.sums.narrow(self.axis + 1, first, count)
            total = self.total.narrow(self.axis, first, count)
            yield self._means(sums, total).movedim(self.axis + 1, 1)
            sums.zero_()
            total.zero_()
            self.done += count

    def _means(self, sums: Tensor, total: Tensor) -> Tensor:
        if total.min() > 0:
            return sums / total
        return torch.where(total > 0, sums / total, self.fill[:, None, None, None])


def batches(
    data: Array, places: Sequence[Triple], patch: Triple, size: int
) -> Iterator[tuple[Sequence[Triple], Array]]:
    """Windows [B, C, *patch] with their places, at most `size` of them at a time."""
    for first in range(0, len(places), size):
        chunk = places[first : first + size]
        yield chunk, np.stack([cut(data, place, patch) for place in chunk])
