"""2D patches to learn from, chosen by a counter: (seed, step, index) alone decides a patch.

They are held in memory as bytes, or read from their cases' arrays one by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from segmake.learning.sampling import BALANCE, EPOCH, Batch, permutation
from segmake.volume.volume import Array


class Pictures(Protocol):
    """Patches by number: [N, C, S, S] bytes, in memory or on disk."""

    def __len__(self) -> int:
        """How many."""

    def __getitem__(self, rows: Any) -> Array:
        """The patches of these rows."""


@dataclass(frozen=True)
class OnDisk:
    """Patches that stay on disk: for each the array of its case, opened, and its row there."""

    places: Sequence[tuple[Any, int]]

    def __len__(self) -> int:
        """How many."""
        return len(self.places)

    def __getitem__(self, rows: Sequence[int]) -> Array:
        """Read the patches of these rows."""
        read = [np.asarray(array[row : row + 1])[0] for array, row in (self.places[i] for i in rows)]
        return np.stack(read)


@dataclass(frozen=True, eq=False)
class Patches:
    """Patches and what they show. truth: float32 [N, classes], 1 for each class of a patch; names: cases."""

    pictures: Pictures
    truth: Array
    names: Sequence[str]

    def __len__(self) -> int:
        """How many."""
        return len(self.names)

    @cached_property
    def kinds(self) -> list[Array]:
        """Rows of the patches of each class that occurs, each patch with its rarest; those of none last."""
        counts = self.truth.sum(axis=0)
        rarest = np.where(self.truth > 0, counts, np.inf).argmin(axis=1)
        kind = np.where(self.truth.any(axis=1), rarest, len(counts))
        return [np.flatnonzero(kind == value) for value in np.unique(kind)]


@dataclass(frozen=True, eq=False)
class PatchSampler:
    """Chooses patches. Every one is seen once before any is seen again; balanced: every one of its class.

    rows: the patches of a batch to read.
    """

    patches: Patches
    batch: int
    seed: int
    balanced: bool
    rows: Sequence[int]

    def read(self, step: int) -> Batch:
        """Read the patches of one step: bytes [rows, C, S, S] and truth [rows, classes]."""
        chosen = [self.choose(step, index) for index in self.rows]
        return Batch(self.patches.pictures[chosen], self.patches.truth[chosen])

    def names(self, step: int) -> list[str]:
        """Names of the cases that the patches of a step come from."""
        return [self.patches.names[self.choose(step, index)] for index in range(self.batch)]

    def choose(self, step: int, index: int) -> int:
        """Row of a patch."""
        number = step * self.batch + index
        if not self.balanced:
            epoch, position = divmod(number, len(self.patches))
            return permutation(self.seed, epoch, len(self.patches))[position]
        kinds = self.patches.kinds
        turn, place = divmod(number, len(kinds))  # in every turn each class once, in an order of its own
        kind = permutation(self.seed, turn, len(kinds), EPOCH, BALANCE)[place]
        epoch, position = divmod(turn, len(kinds[kind]))
        return int(kinds[kind][permutation(self.seed, epoch, len(kinds[kind]), BALANCE, kind)[position]])
