"""A folder with one mask file per label, as TotalSegmentator and many annotation tools write it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path

import numpy as np

from segmake.errors import GeometryError, InputError
from segmake.volume.geometry import grid_distance_mm
from segmake.volume.layers import Canvas, Layers, by_name, by_number, plain
from segmake.volume.read import ITK, NIFTI, read_scan
from segmake.volume.scan import Scan
from segmake.volume.volume import Array, Volume

GRID_TOLERANCE_MM = 1e-3
"""Masks of one folder come from one tool and one grid; no more than rounding may lie between them."""
VALUE_TOLERANCE = 1e-3


def find_masks(folder: Path) -> list[Path]:
    """The volume files of a folder, in alphabetical order, hidden files left out."""
    found = [path for path in folder.iterdir() if path.name.lower().endswith((*NIFTI, *ITK))]
    return sorted(path for path in found if path.is_file() and not path.name.startswith("."))


def read_masks(folder: Path, labels: Mapping[str, int]) -> Scan:
    """Read a folder of masks as a label map on the masks' own grid.

    A file is matched with a label by its stem; a prefix that all files share may stand before the name.
    Masks are binary (0 and one other value). Where they overlap, the later one in `labels` stays.
    With empty `labels` the files are numbered 1..n in alphabetical order.

    Raises:
        InputError: a file matches no label, is not binary or cannot be read.
        GeometryError: the masks do not lie on one grid.
    """
    files = find_masks(folder)
    if not files:
        raise InputError(f"{folder} holds no mask file; give a folder with one volume file per label")
    layers = _layers(folder, [_stem(path) for path in files], labels)
    paths = [files[index] for index, _ in layers.order]
    scans = (read_scan(path) for path in paths)
    first = next(scans)
    canvas = Canvas(first.volume.shape)
    notes = list(layers.notes)
    for path, (_, value), scan in zip(paths, layers.order, chain([first], scans), strict=True):
        _check_grid(path, scan.volume, paths[0], first.volume)
        canvas.paint(_binary(path, scan.volume.data), value)
        notes += scan.notes
    return canvas.scan(first.volume.affine, folder, dict.fromkeys(notes))


def _layers(folder: Path, stems: Sequence[str], labels: Mapping[str, int]) -> Layers:
    if not labels:
        return by_number(folder, [(stem, number) for number, stem in enumerate(stems, 1)])
    return by_name(folder, "mask file", _without_prefix(stems, labels), labels)


def _stem(path: Path) -> str:
    suffix = next(end for end in (*NIFTI[::-1], *ITK) if path.name.lower().endswith(end))
    return path.name[: -len(suffix)]


def _without_prefix(stems: Sequence[str], labels: Mapping[str, int]) -> list[str]:
    """Stems less the shared prefix, ending at an underscore, that lets the most of them match."""
    keys = [plain(stem) for stem in stems]
    heads = [keys[0][: at + 1] for at, letter in enumerate(keys[0]) if letter == "_"]
    cuts = [0, *(len(head) for head in heads if all(key.startswith(head) for key in keys))]
    known = {plain(label) for label in labels}
    best = max(cuts, key=lambda cut: sum(key[cut:] in known for key in keys))
    return [key[best:] for key in keys] if best else list(stems)


def _check_grid(path: Path, volume: Volume, first_path: Path, first: Volume) -> None:
    apart = grid_distance_mm(volume, first)
    if apart > GRID_TOLERANCE_MM:
        seen = f"{volume.shape} against {first.shape}" if np.isinf(apart) else f"{apart:.4g} mm apart"
        raise GeometryError(
            f"the masks of a folder must lie on one grid, but {path} and {first_path.name} do not "
            f"({seen}); export them again from one image"
        )


def _binary(path: Path, data: Array) -> Array:
    """Mask [1, X, Y, Z] of any type as bool [X, Y, Z]."""
    if data.shape[0] != 1:
        raise InputError(f"{path} has {data.shape[0]} channels; a mask has one")
    values = data[0].astype(np.float32)
    high = float(values.max())
    with np.errstate(invalid="ignore"):  # infinite values leave NaN, which no comparison below lets pass
        off = float(np.minimum(np.abs(values), np.abs(values - high)).max())
    if not (off <= VALUE_TOLERANCE and (high > 0.5 or abs(high) <= VALUE_TOLERANCE)):
        raise InputError(
            f"{path} holds values from {values.min():.4g} to {high:.4g} that are not 0 and one other value; "
            "a mask is binary: cut probabilities at a threshold, give a label map as a file, not a folder"
        )
    inside: Array = values > 0.5
    return inside
