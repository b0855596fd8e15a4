"""Sliding windows in three pure pieces: positions, weights, stitching."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from segmake.plan import Triple
from segmake.volume.volume import Array

Network = Callable[[Array], Array]
"""Patches [B, C, *patch] -> logits [B, H, *patch]."""


def positions(shape: Sequence[int], patch: Sequence[int], overlap: float) -> list[Triple]:
    """First voxels of windows that cover a grid at least as large as the patch.

    Neighbours are evenly spaced and overlap by at least `overlap` of the patch.
    """
    axes = [_starts(size, width, overlap) for size, width in zip(shape, patch, strict=True)]
    return [(x, y, z) for x in axes[0] for y in axes[1] for z in axes[2]]


def _starts(size: int, width: int, overlap: float) -> list[int]:
    last = size - width
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


def slide(data: Array, network: Network, patch: Sequence[int], overlap: float, batch: int) -> Array:
    """Weighted mean of a network's outputs over all windows.

    data: [C, X, Y, Z]; smaller axes are padded with zeros to the patch and cut back afterwards.
    Returns logits [H, X, Y, Z] float32.
    """
    padded, inner = _pad(data, patch)
    weights = gaussian(patch)
    total = np.zeros(padded.shape[1:], dtype=np.float32)
    result: Array | None = None
    places = positions(padded.shape[1:], patch, overlap)
    for first in range(0, len(places), batch):
        boxes = [_box(place, patch) for place in places[first : first + batch]]
        logits = network(np.stack([padded[(slice(None), *box)] for box in boxes]))
        if result is None:
            result = np.zeros((logits.shape[1], *padded.shape[1:]), dtype=np.float32)
            # One buffer for all windows: new memory would cost as much as the adding.
            weighted = np.empty(logits.shape[1:], dtype=np.float32)
        for box, window in zip(boxes, logits, strict=True):
            result[(slice(None), *box)] += np.multiply(window, weights, out=weighted)
            total[box] += weights
    if result is None:
        raise ValueError("positions() returned no window")
    result /= total
    return result[(slice(None), *inner)]


def _box(place: Triple, patch: Sequence[int]) -> tuple[slice, slice, slice]:
    x, y, z = (slice(start, start + width) for start, width in zip(place, patch, strict=True))
    return x, y, z


def _pad(data: Array, patch: Sequence[int]) -> tuple[Array, tuple[slice, ...]]:
    """Centre the data in an array at least as large as the patch; also where to find it there."""
    lack = [max(0, width - size) for size, width in zip(data.shape[1:], patch, strict=True)]
    before = [n // 2 for n in lack]
    inner = tuple(slice(b, b + size) for b, size in zip(before, data.shape[1:], strict=True))
    if not any(lack):
        return data, inner
    width = [(0, 0), *((b, n - b) for b, n in zip(before, lack, strict=True))]
    return np.pad(data, width), inner
