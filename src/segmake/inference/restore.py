"""Head logits on the prepared grid -> head logits on the native (canonical) grid, stripe by stripe.

Interpolation is linear along each axis, as a product with a small matrix. Only as many planes are kept as the
next native row needs; neither the logits of a whole volume nor those of one of its classes are in memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from segmake.errors import InputError
from segmake.inference.windows import Box
from segmake.plan import Spacing, Triple
from segmake.volume.interpolation import axis_matrices
from segmake.volume.volume import Array


@dataclass(frozen=True)
class Target:
    """Where a prepared grid lies in its canonical image.

    shape, spacing_mm: of the canonical image; start, size: the box of it that was prepared.
    """

    shape: Triple
    spacing_mm: Spacing
    start: Triple
    size: Triple


@dataclass(frozen=True, eq=False)
class Stripe:
    """Head logits [H, nx, ny, nz] float32 of a box of the canonical image."""

    box: Box
    logits: Tensor

    def within(self, array: Array) -> Array:
        """View of the box in an array [..., X, Y, Z] of the canonical image."""
        (x, y, z), (nx, ny, nz) = self.box.start, self.box.size
        return array[..., x : x + nx, y : y + ny, z : z + nz]


class Restoration:
    """Linear interpolation from a prepared grid to its native one.

    shape, spacing_mm: of the prepared grid.
    """

    def __init__(self, shape: Triple, spacing_mm: Sequence[float], target: Target) -> None:
        self.shape, self.target = shape, target
        ratio = [native / prepared for native, prepared in zip(target.spacing_mm, spacing_mm, strict=True)]
        self.matrices = axis_matrices(shape, target.size, ratio, 1)

    def reach(self, axis: int, first: int, last: int) -> tuple[int, int]:
        """Native rows [a, b) of an axis whose lowest prepared row is at least `first` and before `last`."""
        lowest = self._needs(axis)[0]
        a, b = np.searchsorted(lowest, [first, last])
        return int(a), int(b)

    def _needs(self, axis: int) -> tuple[Array, Array]:
        """Lowest and highest prepared row of each native row."""
        matrix = self.matrices[axis]
        if matrix is None:
            rows = np.arange(self.shape[axis])
            return rows, rows
        used = matrix != 0
        return used.argmax(axis=1), used.shape[1] - 1 - used[:, ::-1].argmax(axis=1)

    def run(self, stripes: Iterator[Tensor], box: Box, axis: int, rows: int) -> Iterator[Stripe]:
        """Native stripes from prepared ones.

        Args:
            stripes: [H, n, A, B], together a box of the prepared grid.
            box: that box; it is whole along `axis`.
            axis: along which the stripes follow each other.
            rows: largest number of native rows in a stripe.

        Raises:
            InputError: logits are not finite; an arg-max would call such voxels background.
        """
        others = [other for other in range(3) if other != axis]
        parts = [self._part(other, box) for other in range(3)]
        lowest, highest = self._needs(axis)
        held: Tensor | None = None
        first = seen = done = 0  # first row held, rows seen, native rows done
        for stripe in stripes:
            _check_finite(stripe)
            seen += stripe.shape[1]
            planes = _across(stripe, [parts[other] for other in others])
            held = planes if held is None else torch.cat([held, planes], dim=1)
            ready = int(np.searchsorted(highest, seen))
            while done < ready:
                upto = min(ready, done + rows)
                needed = held[:, lowest[done] - first : highest[upto - 1] + 1 - first]
                matrix = self.matrices[axis]
                if matrix is not None:
                    needed = _along(needed, matrix[done:upto, lowest[done] : highest[upto - 1] + 1])
                yield self._stripe(needed.movedim(1, axis + 1), axis, done, parts)
                done = upto
            keep = min(seen, int(lowest[done])) if done < len(lowest) else seen
            held, first = held[:, keep - first :].clone(), keep

    def _part(self, axis: int, box: Box) -> _Part:
        """What a box decides of an axis."""
        matrix, start, size = self.matrices[axis], box.start[axis], box.size[axis]
        whole = start + size == self.shape[axis]
        a, b = self.reach(axis, start, start + size if whole else start + size - 1)
        return _Part(a, b - a, None if matrix is None else matrix[a:b, start : start + size])

    def _stripe(self, logits: Tensor, axis: int, done: int, parts: Sequence[_Part]) -> Stripe:
        x, y, z = (
            start + (done if other == axis else parts[other].first)
            for other, start in enumerate(self.target.start)
        )
        _, nx, ny, nz = logits.shape
        return Stripe(Box((x, y, z), (nx, ny, nz)), logits)


@dataclass(frozen=True, eq=False)
class _Part:
    """Native rows of an axis: the first, how many, and the matrix to them (None: the rows of the box)."""

    first: int
    count: int
    matrix: Array | None

    @property
    def growth(self) -> float:
        """Native rows for each prepared one."""
        return 1.0 if self.matrix is None else self.matrix.shape[0] / self.matrix.shape[1]


def _across(stripe: Tensor, parts: Sequence[_Part]) -> Tensor:
    """Interpolate the last two axes of [H, n, A, B]; what shrinks most comes first."""
    for place in sorted((0, 1), key=lambda place: parts[place].growth):
        matrix = parts[place].matrix
        if matrix is None:
            stripe = stripe.narrow(place + 2, 0, parts[place].count)
        else:
            factor = torch.from_numpy(np.ascontiguousarray(matrix)).to(stripe.device)
            stripe = factor @ stripe if place == 0 else stripe @ factor.T
    return stripe


def _along(planes: Tensor, matrix: Array) -> Tensor:
    """Interpolate the second axis of [H, n, A, B]."""
    heads, _, a, b = planes.shape
    factor = torch.from_numpy(np.ascontiguousarray(matrix)).to(planes.device)
    return (factor @ planes.flatten(2)).reshape(heads, -1, a, b)


def _check_finite(stripe: Tensor) -> None:
    if not torch.isfinite(stripe.sum(dtype=torch.float64)):
        raise InputError(
            "the network's output holds values that are not finite numbers; check the intensities of the "
            "scan, predict with precision fp32, or train the model again"
        )
