"""A label made cleaner: its largest part kept, small parts dropped, holes filled."""

from __future__ import annotations

from typing import Literal

import numpy as np

from segmake.volume.components import Mask, Sizes, components, fill_holes
from segmake.volume.volume import Array

Kind = Literal["largest", "smallest", "holes"]


def cleaned(labels: Array, value: int, kind: Kind, smallest_ml: float, voxel_ml: float) -> Array:
    """A copy of a label map [X, Y, Z] in which one label is cleaned.

    largest: its largest part stays (of equal ones the first); smallest: parts of at least `smallest_ml` stay;
    holes: background that it encloses becomes the label. What does not stay becomes background.
    """
    mask = labels == value
    result = labels.copy()
    if kind == "holes":
        result[fill_holes(mask) & (labels == 0)] = value
        return result
    parts = components(mask)
    result[mask & ~kept_parts(parts.sizes(), kind, smallest_ml, voxel_ml)[parts.parts]] = 0
    return result


def kept_parts(sizes: Sizes, kind: Kind, smallest_ml: float, voxel_ml: float) -> Mask:
    """Which parts stay, by their voxels [count + 1] (the first number, the outside, never does)."""
    if kind == "smallest":
        kept: Mask = sizes * voxel_ml >= smallest_ml
    else:
        kept = np.arange(len(sizes)) == sizes.argmax()
    kept[0] = False
    return kept
