"""The files of one case as one image: read, turned to RAS+, repaired, put on one grid, stacked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from segmake.errors import InputError
from segmake.volume.alignment import Policy, align_channel
from segmake.volume.geometry import empty_volume, to_canonical
from segmake.volume.read import read_scan
from segmake.volume.repairs import compact, fill_non_finite
from segmake.volume.scan import Note
from segmake.volume.volume import Affine, Array, Volume


@dataclass(frozen=True, eq=False)
class Channels:
    """The image of a case and where it came from.

    image: canonical, all channels; shape, affine: the native grid, that of the first file as it was;
    dtypes, filled: per channel the type in the source and how many voxels were not finite.
    """

    image: Volume
    shape: tuple[int, int, int]
    affine: Affine
    dtypes: tuple[str, ...]
    filled: tuple[int, ...]
    notes: tuple[Note, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class _File:
    """One file of a case, read, canonical and repaired; with the grid and type that it had."""

    volume: Volume
    shape: tuple[int, int, int]
    affine: Affine
    dtype: str
    filled: tuple[int, ...]
    notes: tuple[Note, ...]
    tags: Mapping[str, str]


def read_channels(paths: Mapping[str, Path], policy: Policy) -> Channels:
    """Read the files of a case by channel name; one file may hold several channels, in their order.

    Raises:
        GeometryError: a file lies on another grid, and the policy forbids to resample it.
        InputError: a file cannot be read or used, or the number of channels is another.
    """
    files: list[_File] = []
    for path in dict.fromkeys(paths.values()):
        name = "" if len(set(paths.values())) == 1 else _names_of(path, paths)
        files.append(_read(path, name, files[0].volume if files else None, policy))
    count = sum(file.volume.data.shape[0] for file in files)
    if count != len(paths):
        first = next(iter(paths.values()))
        raise InputError(
            f"{first} {'and its like hold' if len(files) > 1 else 'holds'} {count} channels, expected "
            f"{len(paths)} ({', '.join(paths)}); correct data.channels or the file"
        )
    data = compact(_stacked([file.volume.data for file in files]))
    return Channels(
        image=Volume(data, files[0].volume.affine),
        shape=files[0].shape,
        affine=files[0].affine,
        dtypes=tuple(file.dtype for file in files for _ in file.volume.data),
        filled=tuple(number for file in files for number in file.filled),
        notes=tuple(note for file in files for note in file.notes),
        tags=files[0].tags,
    )


def _read(path: Path, name: str, reference: Volume | None, policy: Policy) -> _File:
    """Read one file onto the grid of the first one (None: it is the first)."""
    scan = read_scan(path, policy.tilt)
    volume, filled = fill_non_finite(to_canonical(scan.volume), str(path))
    notes = list(scan.notes)
    if any(filled):
        text = f"{sum(filled)} voxels that were NaN or infinite filled with the least finite value"
        notes.append(Note("repair", text))
    if reference is not None:
        volume, done = align_channel(volume, reference, policy, str(path))
        notes += done
    named = tuple(Note(note.kind, f"{name}: {note.text}" if name else note.text) for note in notes)
    source = scan.volume
    return _File(volume, source.shape, source.affine, str(source.data.dtype), filled, named, scan.tags)


def _stacked(arrays: Sequence[Array]) -> Array:
    if len(arrays) == 1:
        return arrays[0]
    kind = np.result_type(*arrays)
    data = empty_volume(sum(len(array) for array in arrays), arrays[0].shape[1:], kind)
    return np.concatenate(arrays, out=data)


def _names_of(path: Path, paths: Mapping[str, Path]) -> str:
    return ", ".join(name for name, file in paths.items() if file == path)
