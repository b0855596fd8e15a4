"""The three slices that show a case, cut to what figures need: small enough to be kept beside the tables."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from segmake.errors import InputError
from segmake.volume.volume import Array

LEAST_VIEW_MM = 30.0


@dataclass(frozen=True, eq=False)
class Slice:
    """One plane of a case, cut to the view."""

    grey: Array
    """[A, B] uint8, black and white as they are shown."""
    truth: Array
    """[A, B] uint8, label values; so is the prediction."""
    prediction: Array
    start_mm: Array
    """[2] middle of the first voxel."""
    spacing_mm: Array
    """[2]"""
    view_mm: Array
    """[2, 2] first and last edge along A and B of what is shown."""
    place: Array
    """[2] the slice's index along its normal, and how many there are."""


@dataclass(frozen=True, eq=False)
class Slices:
    """A case in three planes."""

    planes: tuple[Slice, Slice, Slice]
    """Normal to x, y and z."""
    labels: Mapping[str, int]


def cut_slices(
    image: Array, truth: Array, prediction: Array, spacing_mm: Sequence[float], labels: Mapping[str, int]
) -> Slices:
    """Slices through the largest cross-section of the truth (of the prediction where there is none).

    image, truth, prediction: [X, Y, Z] on one canonical (RAS+) grid; labels: name -> value.
    """
    values = list(labels.values())
    true, guess = np.isin(truth, values), np.isin(prediction, values)
    seen = true if true.any() else guess
    spacing = np.asarray(spacing_mm, dtype=np.float64)
    view = view_box_mm(true | guess, spacing)
    low, high = grey_window(image, view, spacing)
    box = inside(view, spacing, image.shape)
    planes = []
    for axis in range(3):
        index = largest_slice(seen, axis)
        flat = [i for i in range(3) if i != axis]
        where = tuple(box[i] for i in flat)
        grey = np.take(image, index, axis)[where].astype(np.float64)
        grey = np.nan_to_num((grey - low) / (high - low), nan=0.0).clip(0, 1)
        planes.append(
            Slice(
                grey=np.rint(255 * grey).astype(np.uint8),
                truth=_kept(np.take(truth, index, axis)[where], values),
                prediction=_kept(np.take(prediction, index, axis)[where], values),
                start_mm=np.array([box[i].start * spacing[i] for i in flat]),
                spacing_mm=spacing[flat],
                view_mm=view[flat],
                place=np.array([index, image.shape[axis]]),
            )
        )
    return Slices((planes[0], planes[1], planes[2]), dict(labels))


def save_slices(path: Path, slices: Slices) -> None:
    """Write slices as a NumPy archive; equal slices give equal bytes."""
    arrays = {
        f"{field.name}_{axis}": getattr(plane, field.name)
        for axis, plane in enumerate(slices.planes)
        for field in fields(plane)
    }
    names = np.array(list(slices.labels), dtype=np.str_)
    values = np.array(list(slices.labels.values()), dtype=np.int64)
    stream = io.BytesIO()
    np.savez_compressed(stream, labels=names, values=values, **arrays)
    path.write_bytes(stream.getvalue())


def read_slices(path: Path) -> Slices:
    """Read slices.

    Raises:
        InputError: the file is missing or is no such archive.
    """
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as archive:
            planes = [
                Slice(**{field.name: archive[f"{field.name}_{axis}"] for field in fields(Slice)})
                for axis in range(3)
            ]
            labels = dict(zip(archive["labels"].tolist(), archive["values"].tolist(), strict=True))
    except Exception as error:  # zipfile, zlib and numpy each have their own
        raise InputError(
            f"{path} holds no slices of a case ({error}); run `segmake examples` again"
        ) from error
    return Slices((planes[0], planes[1], planes[2]), labels)


def largest_slice(mask: Array, axis: int) -> int:
    """Index along `axis` where a mask [X, Y, Z] has its largest cross-section; the middle when empty."""
    areas = mask.sum(axis=tuple(i for i in range(3) if i != axis))
    return int(areas.argmax()) if areas.any() else mask.shape[axis] // 2


def view_box_mm(mask: Array, spacing_mm: Array) -> Array:
    """What to show, [3, 2] in mm from the first voxel: a cube, so that all planes have one scale.

    Its side is 1.6 times the mask's longest side, at least 30 mm and at most the image's longest side. It
    lies round the mask and inside the image where the image is large enough, else round the image.
    """
    size = np.array(mask.shape) * spacing_mm
    low, high = -spacing_mm / 2, size - spacing_mm / 2
    where = np.argwhere(mask) if mask.any() else np.array([[0, 0, 0], np.array(mask.shape) - 1])
    first, last = where.min(axis=0) * spacing_mm, where.max(axis=0) * spacing_mm
    wanted = max(1.6 * float((last - first).max()), LEAST_VIEW_MM)
    side = min(wanted, float(size.max()))
    within = np.clip((first + last - side) / 2, low, np.maximum(low, high - side))
    start = np.where(size >= side, within, (low + high - side) / 2)
    return np.stack([start, start + side], axis=1)


def grey_window(image: Array, view_mm: Array, spacing_mm: Array) -> tuple[float, float]:
    """Black and white level: 1st and 99th percentile of the image inside the view."""
    part = image[inside(view_mm, spacing_mm, image.shape)]
    part = part[np.isfinite(part)]
    if part.size == 0:
        return 0.0, 1.0
    low, high = np.percentile(part, (1, 99))
    return float(low), float(max(high, low + 1e-6))


def clearest_channel(image: Array, mask: Array, spacing_mm: Sequence[float]) -> int:
    """Channel of an image [C, X, Y, Z] in which a mask stands out most from what is round it.

    Contrast to noise inside the view: difference of the means over the standard deviation outside the mask.
    """
    if len(image) == 1 or not mask.any():
        return 0
    spacing = np.asarray(spacing_mm, dtype=np.float64)
    box = inside(view_box_mm(mask, spacing), spacing, mask.shape)
    within = mask[box]
    if within.all():
        return 0
    parts = [np.asarray(channel[box], dtype=np.float64) for channel in image]
    contrast = [
        abs(part[within].mean() - part[~within].mean()) / (part[~within].std() or 1.0) for part in parts
    ]
    return int(np.argmax(contrast))


def inside(view_mm: Array, spacing_mm: Array, shape: Sequence[int]) -> tuple[slice, ...]:
    """The voxels of a view that the image has."""
    start = np.maximum(np.floor(view_mm[:, 0] / spacing_mm), 0).astype(int)
    stop = np.maximum(np.ceil(view_mm[:, 1] / spacing_mm).astype(int) + 1, 1)
    return tuple(slice(int(a), int(min(b, n))) for a, b, n in zip(start, stop, shape, strict=True))


def _kept(labels: Array, values: Sequence[int]) -> Array:
    """Values that have a name; the rest is background. uint8 where they fit."""
    kept: Array = np.where(np.isin(labels, values), labels, 0)
    return kept.astype(np.uint8 if max(values, default=0) < 256 else np.int32)
