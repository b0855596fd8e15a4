"""The passport of a case: what its scan is, in numbers, and what in them is worth a second look."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from nibabel.affines import obliquity

from segmake.prepare.fingerprint import count_values
from segmake.volume.channels import Channels
from segmake.volume.geometry import axis_codes
from segmake.volume.scan import Note
from segmake.volume.volume import Array, Volume

Passport = dict[str, Any]
PERCENTILES = (0, 0.5, 5, 25, 50, 75, 95, 99.5, 100)
SAMPLE = 1_000_000
"""Voxels that percentiles between the extremes, mean and deviation are taken from, evenly spread."""
SPACING_MM = (0.01, 50.0)
"""Voxel sizes outside of this range are warned about."""
PADDING_HU = -2000
"""Less than any tissue, air or artefact in CT: scanners mark what lies outside of their circle."""


def measure_passport(source: Channels, label: Volume | None, names: Sequence[str]) -> Passport:
    """Record of a case, ready for JSON.

    Hashes are those of the canonical voxels, so the same scan in another orientation or file format has
    the same. Slices are axial. Minimum and maximum are exact.
    """
    image = source.image
    spacing = image.spacing_mm
    millilitres = math.prod(spacing) / 1000
    values = {} if label is None else count_values(label.data[0])
    return {
        "shape": list(image.shape),
        "spacing_mm": [round(size, 6) for size in spacing],
        "field_of_view_mm": [round(n * size, 3) for n, size in zip(image.shape, spacing, strict=True)],
        "orientation": axis_codes(source.affine),
        "obliquity_deg": round(float(np.degrees(obliquity(source.affine)).max()), 4),
        "voxels_sha256": hash_voxels(image.data),
        "label_sha256": "" if label is None else hash_voxels(label.data),
        "labels": {
            str(value): {"voxels": count, "ml": float(f"{count * millilitres:.6g}")}
            for value, count in values.items()
            if value
        },
        "channels": {
            name: {"dtype": dtype, "non_finite": filled} | _describe(channel)
            for name, channel, dtype, filled in zip(
                names, image.data, source.dtypes, source.filled, strict=True
            )
        },
    }


def hash_voxels(data: Array) -> str:
    """SHA-256 of voxels [C, X, Y, Z]: their type, their shape, their values with x fastest."""
    digest = hashlib.sha256(f"{data.dtype.str} {data.shape}".encode())
    for channel in data:
        digest.update(np.ascontiguousarray(channel.T).data)
    return digest.hexdigest()


def _describe(channel: Array) -> dict[str, Any]:
    """Intensities of one channel [X, Y, Z] and its slices without content."""
    low, high = channel.min(axis=(0, 1)), channel.max(axis=(0, 1))
    sample = np.sort(_spread(channel))
    percentiles = [float(low.min()), *_read_off(sample), float(high.max())]
    filled = np.flatnonzero(low != high)
    inner = int(filled[-1] - filled[0]) + 1 - filled.size if filled.size else 0
    return {
        "percentiles": {
            f"{p:g}": float(f"{value:.7g}") for p, value in zip(PERCENTILES, percentiles, strict=True)
        },
        "mean": float(f"{sample.mean(dtype=np.float64):.7g}"),
        "sd": float(f"{sample.std(dtype=np.float64):.7g}"),
        "zeros": round(float(1 - np.count_nonzero(channel) / channel.size), 6),
        "blank_slices": {"at_the_ends": int(low.size - filled.size - inner), "between": inner},
    }


def _read_off(ascending: Array) -> Array:
    """The inner percentiles of sorted values, linear between them: sorting is faster than np.percentile."""
    at = np.array(PERCENTILES[1:-1]) / 100 * (ascending.size - 1)
    below = np.floor(at).astype(int)
    low, high = (ascending[index].astype(np.float64) for index in (below, np.ceil(at).astype(int)))
    return np.asarray(low + (at - below) * (high - low))


def _spread(channel: Array) -> Array:
    """All voxels, or every n-th; n shares no factor with the size, so that every slice is seen."""
    flat = channel.ravel(order="K")
    step = -(-flat.size // SAMPLE)
    while math.gcd(step, flat.size) > 1:
        step += 1
    return flat[::step]


def doubts(passport: Passport, modalities: Mapping[str, str]) -> list[Note]:
    """Warnings that the numbers of a passport give reason to."""
    found = []
    low, high = SPACING_MM
    spacing = passport["spacing_mm"]
    if min(spacing) < low or max(spacing) > high:
        found.append(f"voxels of {'x'.join(f'{size:g}' for size in spacing)} mm are hardly what was scanned")
    for name, channel in passport["channels"].items():
        where = f"{name}: " if len(passport["channels"]) > 1 else ""
        if between := channel["blank_slices"]["between"]:
            found.append(f"{where}{between} axial slices between others are blank")
        if modalities.get(name) == "ct" and (doubt := _hounsfield(channel["percentiles"])):
            found.append(f"{where}{doubt}")
    if passport["label_sha256"] and not passport["labels"]:
        found.append("label map is empty")
    return [Note("warning", text) for text in found]


def _hounsfield(percentiles: Mapping[str, float]) -> str:
    """What is odd about values that should be Hounsfield units (air -1000, water 0); empty if nothing."""
    least, middle, most = (percentiles[name] for name in ("0", "50", "100"))
    if least >= 0 and most <= 255:
        return f"CT values from {least:g} to {most:g} are a windowed picture, not Hounsfield units"
    if least >= 0:
        return f"CT values from {least:g} to {most:g} look as if 1024 had been added: no Hounsfield units"
    if least < PADDING_HU:
        return f"CT values as low as {least:g} are padding outside of the scanner's circle, not tissue"
    if middle > 1000:
        return f"half of the CT values are above {middle:g}, denser than bone: no Hounsfield units"
    return ""
