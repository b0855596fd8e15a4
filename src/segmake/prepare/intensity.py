"""Intensities made comparable between cases."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from segmake.plan import Normalisation
from segmake.volume.volume import Array

TINY = 1e-8


def normalise(data: Array, schemes: Sequence[Normalisation], mask: Array | None = None) -> Array:
    """Normalise each channel of [C, X, Y, Z] by its scheme; returns new float32.

    `mask` [X, Y, Z] is the body of the case; a scheme with `masked` takes its statistics there and leaves
    everything outside at zero. The rules are those of nnU-Net (Isensee et al. 2021).
    """
    result = np.empty(data.shape, dtype=np.float32)
    for out, channel, scheme in zip(result, data, schemes, strict=True):
        _normalise(out, channel, scheme, mask if scheme.masked else None)
    return result


def _normalise(out: Array, channel: Array, scheme: Normalisation, mask: Array | None) -> None:
    """Write the normalised channel into `out`."""
    if scheme.scheme == "ct":
        np.clip(channel, scheme.lower, scheme.upper, out=out, casting="unsafe")
        shift, scale = scheme.mean, scheme.std
    else:
        out[...] = channel
        shift, scale = _statistics(channel if mask is None else channel[mask], scheme)
    if scheme.scheme == "none":
        return
    out -= np.float32(shift)
    out /= np.float32(max(scale, TINY))
    if mask is not None:
        out[~mask] = 0


def _statistics(values: Array, scheme: Normalisation) -> tuple[float, float]:
    """Shift and scale that the case's own values give."""
    if scheme.scheme == "none" or values.size == 0:
        return 0.0, 1.0
    if scheme.scheme == "minmax":
        low, high = float(values.min()), float(values.max())
        return low, high - low
    return float(values.mean(dtype=np.float64)), float(values.std(dtype=np.float64))
