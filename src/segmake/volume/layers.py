"""Several masks of one case as one label map: which mask is which label, and who wins where they overlap.

Mask files, DICOM segments and regions of interest name structures in words; all three meet here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from segmake.errors import InputError
from segmake.volume.scan import Note, Scan
from segmake.volume.volume import Affine, Array, Volume

HIGHEST = int(np.iinfo(np.int16).max)
SHOWN = 12  # names in a sentence; TotalSegmentator writes 117 masks


@dataclass(frozen=True)
class Layers:
    """What is painted: indices into the source's parts and label values, the later one on top."""

    order: tuple[tuple[int, int], ...]
    notes: tuple[Note, ...] = ()

    def __post_init__(self) -> None:
        wrong = [value for _, value in self.order if not 0 < value <= HIGHEST]
        if wrong:
            raise InputError(f"label values lie in 1..{HIGHEST}, got {listed(wrong)}; change data.labels")


class Canvas:
    """A label map that is painted mask by mask; a later label covers an earlier one, and that is counted."""

    def __init__(self, shape: tuple[int, int, int]) -> None:
        self.data = np.zeros(shape, np.int16)
        self._shared = np.zeros(shape, bool)

    def paint(self, mask: Array, value: int, at: Any = ...) -> None:
        """Give `value` to the voxels of `data[at]` (a view) where the mask (of that shape) is true."""
        part = self.data[at]
        under = part[mask]
        part[mask] = value
        covered = (under != 0) & (under != value)
        if covered.any():
            shared = self._shared[at]
            shared[mask] |= covered

    def scan(self, affine: Affine, origin: Path, notes: Iterable[Note]) -> Scan:
        """The label map with these notes, and a warning that counts the voxels of several labels."""
        count = int(np.count_nonzero(self._shared))
        text = (
            f"{origin.name}: {count} voxels belong to several labels; the last of them in data.labels stays"
        )
        overlap = (Note("warning", text),) if count else ()
        return Scan(Volume(self.data[np.newaxis], affine), (*notes, *overlap))


def plain(name: str) -> str:
    """Name for comparison: letter case ignored, runs of non-word characters as one underscore."""
    return re.sub(r"[\W_]+", "_", name.casefold()).strip("_")


def listed(items: Iterable[object]) -> str:
    """The first few items for a sentence, and how many more there are."""
    texts = [str(item) for item in items]
    more = f" and {len(texts) - SHOWN} more" if len(texts) > SHOWN else ""
    return ", ".join(texts[:SHOWN]) + more


def by_number(origin: Path, parts: Sequence[tuple[str, int]]) -> Layers:
    """Layers where data.labels is empty: the source's own names and numbers, told in a warning."""
    told = listed(f"{number} {name}" for name, number in parts)
    note = Note("warning", f"{origin.name}: data.labels is empty, so label values are {told}")
    order = sorted(((index, number) for index, (_, number) in enumerate(parts)), key=lambda pair: pair[1])
    return Layers(tuple(order), (note,))


def by_name(
    origin: Path, kind: str, names: Sequence[str], labels: Mapping[str, int], *, strict: bool = True
) -> Layers:
    """Match the parts of a source with labels by name.

    kind: what a part is called in sentences; strict: a part of another name while a label found no part
    may be that label misspelt, so it is an error. Otherwise such parts are left out with a warning.

    Raises:
        InputError: no part, or with strict not every part, can be told to be a label or none.
    """
    keys = [plain(name) for name in names]
    order = tuple(
        (index, value)
        for label, value in labels.items()
        for index, key in enumerate(keys)
        if key == plain(label)
    )
    known = {plain(label) for label in labels}
    spare = [name for name, key in zip(names, keys, strict=True) if key not in known]
    missing = [label for label in labels if plain(label) not in keys]
    if not order or (strict and spare and missing):
        raise InputError(
            f"{origin} has {kind}s {listed(spare) or '(none)'} that data.labels does not name, and none "
            f"for {listed(missing)}; give them the names in data.labels, or list them there"
        )
    twice = sorted({key for key in keys if key in known and keys.count(key) > 1})
    texts = (
        (missing, f"no {kind} for {listed(missing)}: empty"),
        (spare, f"left out, as data.labels does not name them: {listed(spare)}"),
        (twice, f"several {kind}s for {listed(twice)}, joined"),
    )
    notes = tuple(Note("warning", f"{origin.name}: {text}") for cause, text in texts if cause)
    return Layers(order, notes)
