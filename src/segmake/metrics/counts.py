"""Counts of right and wrong voxels: all that the overlap metrics need to know about two masks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from segmake.errors import GeometryError

Mask = npt.NDArray[np.bool_]
Labels = npt.NDArray[np.integer[Any]]
Box = tuple[slice, ...]


@dataclass(frozen=True)
class Counts:
    """Voxels on which a prediction and a truth agree or differ."""

    tp: int
    """In both."""
    fp: int
    """In the prediction alone."""
    fn: int
    """In the truth alone."""
    tn: int
    """In neither."""

    @property
    def truth(self) -> int:
        """Voxels of the truth."""
        return self.tp + self.fn

    @property
    def prediction(self) -> int:
        """Voxels of the prediction."""
        return self.tp + self.fp


def count(prediction: Mask, truth: Mask, size: int | None = None) -> Counts:
    """Count agreement voxel by voxel.

    Args:
        prediction: boolean array of any shape.
        truth: boolean array of the same shape.
        size: voxels of the whole image when both masks were cropped; what was cut off is background
            in both and counts as true negative.

    Raises:
        GeometryError: the shapes differ.
    """
    check_shapes(prediction, truth)
    tp = int(np.count_nonzero(prediction & truth))
    fp = int(np.count_nonzero(prediction)) - tp
    fn = int(np.count_nonzero(truth)) - tp
    return Counts(tp, fp, fn, (prediction.size if size is None else size) - tp - fp - fn)


def joint_box(*masks: Mask | Labels) -> Box:
    """Smallest box that holds every non-zero voxel of every mask; empty slices when there is none.

    Args:
        masks: boolean or whole numbers, of one shape [X, Y, Z].
    """
    check_shapes(*masks)
    spans = [_used(mask) for mask in masks]
    return tuple(_span(np.logical_or.reduce(axis)) for axis in zip(*spans, strict=True))


def _used(mask: Mask | Labels) -> list[Mask]:
    """Which indices of each axis hold something; the whole image is read once."""
    plane = np.bitwise_or.reduce(mask, axis=0)
    along_y, along_z = (np.bitwise_or.reduce(plane, axis=axis) != 0 for axis in (1, 0))
    inside = mask[:, _span(along_y), _span(along_z)]
    return [np.bitwise_or.reduce(inside, axis=(1, 2)) != 0, along_y, along_z]


def _span(used: Mask) -> slice:
    where = np.flatnonzero(used)
    return slice(int(where[0]), int(where[-1]) + 1) if where.size else slice(0, 0)


def check_shapes(*arrays: npt.NDArray[np.generic]) -> None:
    """Raise GeometryError unless all arrays have one shape."""
    shapes: Sequence[tuple[int, ...]] = [array.shape for array in arrays]
    if len(set(shapes)) > 1:
        raise GeometryError(
            f"masks are compared on one grid, got shapes {shapes}; bring them to one grid first"
        )
