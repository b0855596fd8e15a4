"""What a data set looks like: a small record per case, and what many records say together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from segmake.errors import InputError
from segmake.prepare.chance import choose
from segmake.prepare.crop import nonzero_box, nonzero_mask
from segmake.volume.volume import Array, Volume

Fingerprint = Mapping[str, Any]
PROBABILITIES: Array = (1 - np.cos(np.pi * np.arange(129) / 128)) / 2
"""Where quantile functions are kept: denser towards the tails, where clipping percentiles are read."""
SAMPLE = 200_000
"""Voxels that quantiles are estimated from (means and deviations use all)."""


def measure(
    image: Volume, label: Volume | None, channels: Sequence[str], seed_key: str, ignore: int | None = None
) -> dict[str, Any]:
    """Record of one case, ready for JSON.

    Intensities are those of the foreground (label > 0), or of the non-zero voxels when there is no label;
    voxels of the label value `ignore` are no foreground.
    Returns shape, spacing_mm, box_start, box_shape (of the non-zero box), voxels per label value, and per
    channel count, mean, m2 (sum of squared deviations) and quantiles at `PROBABILITIES`.
    Raises InputError when channels are missing or hold NaN or infinity.
    """
    if len(channels) != image.data.shape[0]:
        raise InputError(
            f"the case has {image.data.shape[0]} channels and {len(channels)} are named "
            f"({', '.join(channels)}); make data.channels and the sheet agree"
        )
    mask = nonzero_mask(image.data)
    start, shape = nonzero_box(mask)
    inside = mask if label is None else label.data[0] > 0
    if label is not None and ignore is not None:
        inside &= label.data[0] != ignore
    values = {} if label is None else count_values(label.data[0])
    return {
        "shape": list(image.shape),
        "spacing_mm": list(image.spacing_mm),
        "box_start": list(start),
        "box_shape": list(shape),
        "labels": {str(value): count for value, count in values.items() if value not in (0, ignore)},
        "channels": {
            name: _intensities(name, image.data[i], inside, f"{seed_key}/{name}")
            for i, name in enumerate(channels)
        },
    }


def _intensities(name: str, channel: Array, inside: Array, key: str) -> dict[str, Any]:
    if not np.isfinite(channel.sum(dtype=np.float64)):
        raise InputError(f"channel '{name}' holds NaN or infinite voxels; repair or exclude the scan")
    values = channel.T[inside.T]  # x fastest, as files and so volumes have it (much faster)
    if values.size == 0:
        return {"count": 0, "mean": 0.0, "m2": 0.0, "quantiles": []}
    mean = float(values.mean(dtype=np.float64))
    m2 = float(np.square(values - mean, dtype=np.float64).sum())
    sample = values[choose(values.size, SAMPLE, key)]
    quantiles = [float(f"{q:.7g}") for q in np.quantile(sample.astype(np.float64), PROBABILITIES)]
    return {"count": int(values.size), "mean": mean, "m2": m2, "quantiles": quantiles}


def count_values(data: Array) -> dict[int, int]:
    """Voxels per integer value of a label array, in ascending order of the value."""
    if data.size and np.issubdtype(data.dtype, np.integer) and data.min() >= 0 and data.max() < 65536:
        counts = np.bincount(data.ravel())
        return {int(value): int(counts[value]) for value in np.flatnonzero(counts)}
    found, number = np.unique(data, return_counts=True)
    if not np.array_equal(found, np.round(found)):
        raise InputError(
            f"a label map holds whole numbers, got {found[found != np.round(found)][:3].tolist()}"
        )
    return {int(value): int(count) for value, count in zip(found, number, strict=True)}


def pool_moments(fingerprints: Sequence[Fingerprint], channel: str) -> tuple[float, float]:
    """Mean and standard deviation of all foreground voxels of all cases, exact (Chan et al. 1979)."""
    parts = [f["channels"][channel] for f in fingerprints]
    count = np.array([p["count"] for p in parts], dtype=np.float64)
    mean = np.array([p["mean"] for p in parts], dtype=np.float64)
    total = count.sum()
    if total == 0:
        raise InputError(f"channel '{channel}' has no foreground voxel in any case; check the labels")
    pooled = float((count * mean).sum() / total)
    m2 = sum(p["m2"] for p in parts) + float((count * (mean - pooled) ** 2).sum())
    return pooled, float(np.sqrt(m2 / total))


def pool_quantiles(
    fingerprints: Sequence[Fingerprint], channel: str, probabilities: Sequence[float]
) -> list[float]:
    """Quantiles of the union of all cases' foreground voxels, from their quantile functions.

    Each piece of a case's quantile function stands for voxels spread evenly between its ends; pieces
    are cut in four and weighed by the voxels they stand for.
    """
    parts = [f["channels"][channel] for f in fingerprints if f["channels"][channel]["count"]]
    if not parts:
        raise InputError(f"channel '{channel}' has no foreground voxel in any case; check the labels")
    fine = np.interp(np.arange(0, 128, 0.25) + 0.125, np.arange(129), PROBABILITIES)
    values = np.concatenate([np.interp(fine, PROBABILITIES, p["quantiles"]) for p in parts])
    mass = np.repeat(np.diff(PROBABILITIES) / 4, 4)
    weights = np.concatenate([mass * p["count"] for p in parts])
    order = np.argsort(values, kind="stable")
    values, weights = values[order], weights[order]
    middle = (np.cumsum(weights) - weights / 2) / weights.sum()
    return [float(q) for q in np.interp(probabilities, middle, values)]
