"""Square pictures cut from larger ones: window, place, size, without aliasing.

A picture is [rows, columns], rows y down, columns x to the right. Reading a picture off at other points is a
small matrix per axis: a triangle round each point, as wide as a step where steps are larger than pixels, so
that what lies between the points counts too (Turkowski 1990, filters for common resampling tasks).
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np

from segmake.volume.volume import Array

CT_WINDOW = (-1000.0, 400.0)
"""HU from air to soft tissue with contrast: what a lung nodule is judged in."""
PERCENTILES = (0.5, 99.5)
SAMPLES = 1 << 20
"""Values that percentiles are taken of, at most."""
WHITE = 255.0
SPARSE = 2
"""Pixels for each one that is wanted from which on most weights are zero."""


def find_window(values: Array, modality: str) -> tuple[float, float]:
    """Intensities that become black and white, where nobody gave them.

    The range of the type for 8 bits, air to soft tissue for CT, else the 0.5th to 99.5th percentile of the
    finite values.
    """
    if values.dtype == np.bool_:
        return 0.0, 1.0
    if values.dtype == np.uint8:
        return 0.0, WHITE
    if modality == "ct":
        return CT_WINDOW
    flat = values.reshape(-1)
    sample = flat[:: max(1, flat.size // SAMPLES)].astype(np.float32)
    sample = sample[np.isfinite(sample)]
    if not sample.size:
        return 0.0, 1.0
    low, high = np.percentile(sample, PERCENTILES)
    return float(low), float(high)


def to_grey(values: Array, window: tuple[float, float]) -> Array:
    """Values as float32 between 0 (black) and 255 (white); what is not finite is black."""
    low, high = window
    grey = values.astype(np.float32)
    if values.dtype == np.uint8 and (low, high) == (0, WHITE):
        return grey
    grey -= np.float32(low)
    grey *= np.float32(WHITE / (high - low) if high > low else 0.0)
    if values.dtype.kind == "f":
        np.nan_to_num(grey, copy=False, nan=0.0, posinf=WHITE, neginf=0.0)
    return np.asarray(np.clip(grey, 0, WHITE, out=grey))


def axis_weights(count: int, at: Array, step: float) -> Array:
    """Matrix [len(at), count] that reads `count` pixels off at the points `at`, `step` pixels apart.

    Rows sum to one; those of points beyond the outer edges of the pixels are zero.
    """
    apart = np.abs(at[:, np.newaxis] - np.arange(count)[np.newaxis])
    weights = np.maximum(0, 1 - apart / max(1.0, step))
    total = weights.sum(axis=1, keepdims=True)
    inside = (at >= -0.5 - 1e-9) & (at <= count - 0.5 + 1e-9)
    weights = np.where(inside[:, np.newaxis] & (total > 0), weights / np.maximum(total, 1e-9), 0)
    return np.asarray(weights, dtype=np.float32)


def frame(
    picture: Array,
    pixel_mm: Sequence[float],
    middle: Sequence[float],
    extent_mm: float,
    size: int,
) -> Array:
    """A square of `size` pixels and `extent_mm` round a point of a picture; float32, 0 outside of it.

    picture: [rows, columns] grey values; pixel_mm: height and width of a pixel; middle: row and column (a
    pixel's centre is a whole number).
    """
    rows, columns = (
        _part(count, point, extent_mm / size / width, size)
        for count, point, width in zip(picture.shape, middle, pixel_mm, strict=True)
    )
    inner = picture[rows[1], columns[1]].astype(np.float32, copy=False)
    if inner.strides[0] < inner.strides[1]:  # columns lie together in memory: they are read first
        return np.asarray((_read_off(columns[0], inner.T) @ rows[0].T).T)
    return np.asarray(_read_off(rows[0], inner) @ columns[0].T)


def frame_whole(picture: Array, pixel_mm: Sequence[float], size: int) -> Array:
    """A whole picture in a square of `size` pixels: not stretched, black beside its shorter side."""
    middle = [(count - 1) / 2 for count in picture.shape]
    extent = max(count * width for count, width in zip(picture.shape, pixel_mm, strict=True))
    return frame(picture, pixel_mm, middle, extent, size)


def to_bytes(grey: Array) -> Array:
    """Grey values rounded to uint8."""
    return np.asarray(np.clip(np.rint(grey), 0, WHITE).astype(np.uint8))


def _read_off(weights: Array, picture: Array) -> Array:
    """The product weights @ picture; of a large picture each row is made of the few rows that count."""
    wanted, count = weights.shape
    if count < SPARSE * wanted:
        return np.asarray(weights @ picture)
    counts = weights > 0
    first, last = counts.argmax(axis=1), count - counts[:, ::-1].argmax(axis=1)
    last[~counts.any(axis=1)] = 0
    return np.stack([weights[i, first[i] : last[i]] @ picture[first[i] : last[i]] for i in range(wanted)])


@functools.lru_cache(maxsize=64)
def _part(count: int, point: float, step: float, size: int) -> tuple[Array, slice]:
    """Weights of an axis, and the pixels that they are for: those that count at all."""
    at = point + (np.arange(size) - (size - 1) / 2) * step
    reach = max(1.0, step)
    first = int(np.clip(np.floor(at[0] - reach), 0, count - 1))
    last = int(np.clip(np.ceil(at[-1] + reach), first, count - 1))
    inner = at - first
    weights = axis_weights(last - first + 1, inner, step)
    weights[(at < -0.5 - 1e-9) | (at > count - 0.5 + 1e-9)] = 0
    weights.setflags(write=False)  # kept for the next picture of this size
    return weights, slice(first, last + 1)
