"""Safe repairs of one volume, each with the note that says what was done. Nothing is read or written."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from segmake.errors import InputError
from segmake.volume.scan import Note
from segmake.volume.volume import Array, Volume

NON_FINITE_MAX = 0.01
"""Share of NaN and infinite voxels that is filled; more says that something else is wrong."""
ROUNDING_MM = 1e-4
"""Grids this close are the same: what single precision does to positions a metre away from the origin."""

Repaired = tuple[Volume, tuple[Note, ...]]


def fill_non_finite(volume: Volume, origin: str) -> tuple[Volume, tuple[int, ...]]:
    """Replace NaN and infinite voxels by the least finite value of their channel.

    Returns:
        The volume (itself when there is nothing to fill), and how many voxels of each channel were filled.

    Raises:
        InputError: more than one voxel in a hundred is not finite.
    """
    counts = tuple(_count_non_finite(channel) for channel in volume.data)
    if not any(counts):
        return volume, counts
    size = int(np.prod(volume.shape))
    if max(counts) > NON_FINITE_MAX * size:
        raise InputError(
            f"{origin} holds {max(counts)} voxels of {size} that are NaN or infinite; at most "
            f"{NON_FINITE_MAX:.0%} are filled, so set them to a number (0 outside the body) or export again"
        )
    data = volume.data.copy()
    for channel in data:
        finite = np.isfinite(channel)
        channel[~finite] = channel[finite].min()
    return Volume(data, volume.affine), counts


def _count_non_finite(channel: Array) -> int:
    if channel.dtype.kind != "f":
        return 0
    with np.errstate(invalid="ignore"):  # infinity less infinity; one sum tells for the usual case
        if np.isfinite(channel.sum(dtype=np.float64)):
            return 0
    return int(channel.size - np.count_nonzero(np.isfinite(channel)))


def snap(volume: Volume, reference: Volume, apart_mm: float) -> Repaired:
    """Give a volume the affine of a reference whose corners are `apart_mm` away.

    Within `ROUNDING_MM` that is no repair worth a note.
    """
    snapped = Volume(volume.data, reference.affine)
    if apart_mm <= ROUNDING_MM:
        return snapped, ()
    return snapped, (Note("repair", f"grid snapped to the first channel's, {apart_mm:.3g} mm away"),)


def map_labels(label: Volume, mapping: Mapping[int, int]) -> Repaired:
    """Exchange label values, all at once: {1: 2, 2: 1} swaps them. label: int16 values from 0 up."""
    highest = int(label.data.max(initial=0))
    wanted = {old: new for old, new in mapping.items() if old <= highest and old != new}
    if not wanted:
        return label, ()
    counts = np.bincount(label.data.ravel(), minlength=highest + 1)
    table = np.arange(highest + 1, dtype=np.int16)
    for old, new in wanted.items():
        table[old] = new
    done = [
        f"{old} became {new} ({counts[old]} voxels)" for old, new in sorted(wanted.items()) if counts[old]
    ]
    if not done:
        return label, ()
    note = Note("repair", f"label values by data.label_map: {', '.join(done)}")
    return Volume(table[label.data], label.affine), (note,)


def compact(data: Array) -> Array:
    """Smallest type that NIfTI readers agree on: int16 or int32 for whole numbers, else float32."""
    if data.dtype == np.int16 or data.dtype == np.uint8:
        return data.astype(np.int16, copy=False)
    for kind in (np.int16, np.int32) if data.dtype.kind in "iu" else ():
        if np.iinfo(kind).min <= data.min() and data.max() <= np.iinfo(kind).max:
            return data.astype(kind)
    return data.astype(np.float32, copy=False)
