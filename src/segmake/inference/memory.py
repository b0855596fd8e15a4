"""Memory of a prediction, foretold from shapes; and the gate that keeps several cases within it."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from segmake.inference.tiling import FLOAT, Tiling, choose_tiling
from segmake.plan import Plan, Triple
from segmake.settings import PredictSettings
from segmake.volume.extent import Extent

PROCESS_BYTES = 550e6
"""Python, torch, MONAI and what they load (benchmarks/predict_memory.py)."""
FEATURES_HELD = 8
"""Feature maps at full resolution, in multiples of the first stage's, alive at once in a U-Net."""
LOGITS_HELD = 4
BODY_BYTES = 6
"""Bytes a voxel while the body is found: two masks and labelled components."""


@dataclass(frozen=True)
class Footprint:
    """Bytes that one case takes beside the process itself, phase by phase, and how it is cut up for that."""

    preparing: float
    predicting: float
    writing: float
    tiling: Tiling

    @property
    def peak(self) -> float:
        """Bytes of the phase that takes most."""
        return max(self.preparing, self.predicting, self.writing)


def process_bytes(plan: Plan, windows: int, weights: int) -> float:
    """Bytes of a process that has loaded its models and runs windows.

    windows: how many at once; weights: bytes of all parameters.
    """
    voxels = windows * math.prod(plan.patch)
    held = FEATURES_HELD * plan.features[0] + LOGITS_HELD * len(plan.heads) + 2 * len(plan.channels)
    return PROCESS_BYTES + 2 * weights + FLOAT * voxels * held


def prepared_shape(extent: Extent, plan: Plan) -> Triple:
    """Grid of the prepared image when nothing is cropped: the largest that it can be."""
    x, y, z = (
        max(1, round(size * old / new))
        for size, old, new in zip(extent.shape, extent.spacing_mm, plan.spacing_mm, strict=True)
    )
    return x, y, z


def foretell(
    extent: Extent, prepared: Triple, plan: Plan, settings: PredictSettings, room: tuple[int, float]
) -> Footprint:
    """Footprint of a case.

    Args:
        extent: of the canonical image.
        prepared: shape of the prepared image, see `prepared_shape`.
        plan: of the models.
        settings: how to predict.
        room: models whose logits are kept apart, and bytes there are beside the process.
    """
    members, room_bytes = room
    channels, voxels = len(plan.channels), extent.voxels
    image = channels * voxels * extent.bytes_per_voxel
    floats = FLOAT * channels * math.prod(prepared)
    masked = any(plan.normalisation[name].masked for name in plan.channels)
    mask = voxels * (BODY_BYTES if masked else plan.crop == "nonzero")
    preparing: float = image + max(mask, bool(mask) * voxels + FLOAT * channels * voxels)
    if prepared != extent.shape:
        preparing += floats + FLOAT * _passing(extent.shape, prepared)
    label = 1 if max(plan.label_values) < 256 else 2
    results = voxels * (label + (2 if settings.uncertainty else 0))
    heads = members * len(plan.heads)
    tiling = choose_tiling(prepared, extent.shape, plan.patch, heads, room_bytes - floats - results)
    return Footprint(preparing, floats + results + tiling.bytes, 2 * results, tiling)


def _passing(shape: Sequence[int], prepared: Sequence[int]) -> float:
    """Most voxels of two intermediates of one channel while it is resampled axis by axis."""
    growths = sorted(new / old for old, new in zip(shape, prepared, strict=True))
    first = math.prod(shape) * growths[0]
    second = first * growths[1]
    return max(first + second, second)


class Room:
    """Admits cases as long as together they need no more than there is; one alone always gets in."""

    def __init__(self, size: float) -> None:
        self.size = size
        self._held = 0.0
        self._changed = threading.Condition()

    @contextmanager
    def take(self, need: float) -> Iterator[None]:
        """Wait for room, and give it back at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._held == 0 or self._held + need <= self.size)
            self._held += need
        try:
            yield
        finally:
            with self._changed:
                self._held = max(0.0, self._held - need)
                self._changed.notify_all()
