"""A case at a glance: three planes side by side with the labels' outlines, as a small JPEG.

Drawn for every case while it is converted, so it reads a few planes and a thinned-out copy of the volume, and
needs no plotting library. Always the first channel: cases can only be compared when all show the same.
"""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageColor

from segmake.figures.palette import ON_IMAGE
from segmake.volume.volume import Array

SIDE_PX = 96
"""Width and height of a plane."""
GAP_PX = 2
QUALITY = 82
PLANES = (2, 1, 0)
"""Axes that the planes are normal to: axial, coronal, sagittal."""
SAMPLES = 64
"""Axes of twice this many voxels and more are thinned out to find the slices and the grey window."""


def thumbnail(image: Array, label: Array | None, spacing_mm: Sequence[float]) -> bytes:
    """Axial, coronal and sagittal slice as a JPEG, at one scale.

    image: [C, X, Y, Z]; label: [X, Y, Z]; both on one canonical (RAS+) grid without NaN. Radiological view:
    the patient's right, or front, is on the left. The slices go through the most labelled voxels, without
    labels through the centre of what is brighter than the mean. An image of one slice has one plane.
    """
    first = image[0]
    steps = tuple(slice(None, None, max(1, n // SAMPLES)) for n in first.shape)
    thin = np.ascontiguousarray(first[steps])
    low, high = grey_window(thin)
    centre = labelled_slices(label, steps) if label is not None else None
    centre = centre or bright_slices(thin, steps)
    size_mm = np.array(first.shape) * np.asarray(spacing_mm, dtype=np.float64)
    pixels = np.maximum(1, np.round(size_mm * SIDE_PX / size_mm.max())).astype(int)
    planes = [axis for axis in PLANES if min(np.delete(first.shape, axis)) > 1] or [PLANES[0]]
    width = len(planes) * (SIDE_PX + GAP_PX) - GAP_PX
    canvas = np.zeros((SIDE_PX, width, 3), np.uint8)
    for place, axis in enumerate(planes):
        across, up = (int(n) for n in np.delete(pixels, axis))
        grey = np.clip((_face(first, axis, centre[axis]).astype(np.float64) - low) / (high - low), 0, 1)
        drawn = _picture(np.round(255 * grey).astype(np.uint8), across, up)
        if label is not None:
            _outline(drawn, fit_labels(_face(label, axis, centre[axis]), across, up))
        top = (SIDE_PX - up) // 2
        left = place * (SIDE_PX + GAP_PX) + (SIDE_PX - across) // 2
        canvas[top : top + up, left : left + across] = drawn
    stream = io.BytesIO()
    Image.fromarray(canvas).save(stream, "JPEG", quality=QUALITY, subsampling=0, optimize=True)
    return stream.getvalue()


def grey_window(values: Array) -> tuple[float, float]:
    """Black and white level: 0.5th and 99.5th percentile of the voxels that are no background.

    Background is zero and the lowest value (what lies outside a CT's circle, say). A constant image is grey.
    """
    lowest, highest = float(values.min()), float(values.max())
    if lowest == highest:
        return lowest - max(1.0, abs(lowest)), lowest + max(1.0, abs(lowest))
    seen = values[(values != 0) & (values != lowest)]
    low, high = (float(level) for level in np.percentile(seen if seen.size else values, (0.5, 99.5)))
    return (low, high) if low < high else (lowest, highest)


def labelled_slices(label: Array, steps: tuple[slice, ...]) -> tuple[int, ...] | None:
    """Index along each axis of the slice with the most labelled voxels; None when there is no label."""
    if label.max() <= 0:
        return None
    where = np.nonzero(label[steps])
    if len(where[0]) == 0:  # a small lesion lies between the thinned-out voxels
        where, steps = np.nonzero(label), (slice(None),) * 3
    most = [int(np.bincount(index).argmax()) for index in where]
    return tuple(index * (s.step or 1) for index, s in zip(most, steps, strict=True))


def bright_slices(thin: Array, steps: tuple[slice, ...]) -> tuple[int, ...]:
    """Index along each axis of the centre of the voxels above the mean; the middle of a constant image."""
    mask = thin > thin.mean(dtype=np.float64)
    where = np.argwhere(mask if mask.any() else np.ones_like(mask)).mean(axis=0)
    return tuple(round(c) * (s.step or 1) for c, s in zip(where, steps, strict=True))


def fit_labels(plane: Array, across: int, up: int) -> Array:
    """A label plane [rows, columns] in another size: each pixel takes its largest label, so none is lost."""
    for axis, pixels in enumerate((up, across)):
        starts = np.arange(pixels) * plane.shape[axis] // pixels
        plane = np.maximum.reduceat(plane, starts, axis=axis)
    return plane


def _face(data: Array, axis: int, index: int) -> Array:
    """A slice of [X, Y, Z] as rows and columns, seen radiologically: superior or anterior up."""
    face: Array = data[(slice(None),) * axis + (index,)][::-1, ::-1].T  # a view: np.take copies the volume
    return face


def _picture(grey: Array, across: int, up: int) -> Array:
    """A grey plane in another size, as [up, across, 3] bytes."""
    small = Image.fromarray(np.ascontiguousarray(grey)).resize((across, up), Image.Resampling.BICUBIC)
    return np.repeat(np.asarray(small)[..., None], 3, axis=2)


def _outline(picture: Array, labels: Array) -> None:
    """Colour the pixels of each label that touch another one."""
    framed = np.pad(labels, 1)
    neighbours = (framed[:-2, 1:-1], framed[2:, 1:-1], framed[1:-1, :-2], framed[1:-1, 2:])
    edge = (labels > 0) & np.logical_or.reduce([labels != other for other in neighbours])
    hues = np.array([ImageColor.getrgb(hue) for hue in ON_IMAGE], np.uint8)
    picture[edge] = hues[(labels[edge].astype(np.int64) - 1) % len(hues)]
