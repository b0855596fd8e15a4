"""Training patches, chosen by a counter: (seed, step, index) alone decides a patch.

Nothing depends on how many threads read, on the order they finish in, or on where a run was resumed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from segmake.plan import Triple
from segmake.volume.volume import Array

EPOCH, PATCH, AUGMENT, CHANCE, SUBSET, BALANCE = range(1, 7)
"""Purposes of random numbers."""


@dataclass(frozen=True, eq=False)
class Case:
    """One prepared case; its arrays may be NumPy arrays or arrays on disk that slice to them.

    image: [C, X, Y, Z]; label: class indices [X, Y, Z]; foreground: [N, 4] class index, x, y, z.
    """

    name: str
    image: Any
    label: Any
    foreground: Any


@dataclass(frozen=True)
class Batch:
    """Patches of one step. images: [B, C, X, Y, Z], borders included; labels: uint8 [B, X, Y, Z].

    In classification images: uint8 [B, C, S, S]; labels: float32 [B, classes].
    """

    images: Array
    labels: Array


def generator(*key: int) -> np.random.Generator:
    """Counter-based random numbers for one purpose: the same key gives the same numbers."""
    words = (len(key), *key)  # SeedSequence alone takes (0, 1) and (0, 1, 0) for the same
    return np.random.Generator(np.random.Philox(np.random.SeedSequence(words)))


@dataclass(frozen=True)
class Sampler:
    """Chooses and cuts patches. Every case is seen once before any is seen again.

    patch: voxels the network sees; border: voxels more on each side, for rotations; oversample: fraction of
    patches centred on a foreground voxel, whose class is chosen first, evenly among those present, so that
    rare classes are seen; rows: the patches of a batch to read, where not all.
    """

    cases: Sequence[Case]
    patch: Triple
    border: Triple
    batch: int
    oversample: float
    seed: int
    rows: Sequence[int] | None = None

    def read(self, step: int) -> Batch:
        """Read the patches of one step."""
        rows = range(self.batch) if self.rows is None else self.rows
        patches = [self._patch(step, index) for index in rows]
        return Batch(np.stack([p[0] for p in patches]), np.stack([p[1] for p in patches]))

    def names(self, step: int) -> list[str]:
        """Names of the cases that the patches of a step come from."""
        return [self.choose(step, index)[0].name for index in range(self.batch)]

    def choose(self, step: int, index: int) -> tuple[Case, Triple]:
        """Choose a case and the first voxel of a patch in it (negative where the patch sticks out)."""
        number = step * self.batch + index
        epoch, position = divmod(number, len(self.cases))
        case = self.cases[permutation(self.seed, epoch, len(self.cases))[position]]
        random = generator(self.seed, PATCH, step, index)
        wanted = random.random() < self.oversample and case.foreground.shape[0] > 0
        centre = _foreground_voxel(np.asarray(case.foreground[:]), random) if wanted else None
        start = [_start(axis, n, self.patch[axis], centre, random) for axis, n in enumerate(case.label.shape)]
        return case, (start[0], start[1], start[2])

    def _patch(self, step: int, index: int) -> tuple[Array, Array]:
        case, (x, y, z) = self.choose(step, index)
        (bx, by, bz), (px, py, pz) = self.border, self.patch
        return read_patch(case, (x - bx, y - by, z - bz), (px + 2 * bx, py + 2 * by, pz + 2 * bz))


def cut(data: Any, start: Triple, size: Triple) -> Array:
    """Copy a box out of the last three axes; voxels outside the array are zero."""
    shape = data.shape[-3:]
    lower = [max(0, s) for s in start]
    upper = [max(low, min(n, s + p)) for low, n, s, p in zip(lower, shape, start, size, strict=True)]
    inside = np.asarray(data[(..., *(slice(a, b) for a, b in zip(lower, upper, strict=True)))])
    result = np.zeros((*data.shape[:-3], *size), dtype=inside.dtype)
    place = [slice(a - s, b - s) for a, b, s in zip(lower, upper, start, strict=True)]
    result[..., place[0], place[1], place[2]] = inside
    return result


def read_patch(case: Case, start: Triple, size: Triple) -> tuple[Array, Array]:
    """Cut image (float32) and label (uint8) of the same box."""
    image, label = cut(case.image, start, size), cut(case.label, start, size)
    return image.astype(np.float32), label.astype(np.uint8)


def central_patch(case: Case, size: Triple) -> tuple[Array, Array]:
    """Cut the patch round the middle of the case's foreground (of the case when it has none)."""
    marked = np.asarray(case.foreground[:])
    centre = marked[:, 1:].mean(axis=0) if len(marked) else np.array(case.label.shape) / 2
    start = []
    for n, p, c in zip(case.label.shape, size, centre, strict=True):
        low, high = min(0, n - p), max(0, n - p)
        start.append((n - p) // 2 if n <= p else int(np.clip(round(c) - p // 2, low, high)))
    return read_patch(case, (start[0], start[1], start[2]), size)


@lru_cache(maxsize=64)
def permutation(seed: int, epoch: int, count: int, *purpose: int) -> tuple[int, ...]:
    """Order of `count` things in an epoch (of the things of one purpose)."""
    return tuple(int(i) for i in generator(seed, *(purpose or (EPOCH,)), epoch).permutation(count))


def _foreground_voxel(foreground: Array, random: np.random.Generator) -> Array:
    """Choose a class evenly among those present, then one of its voxels."""
    classes = np.unique(foreground[:, 0])
    chosen = classes[random.integers(len(classes))]
    first, last = np.searchsorted(foreground[:, 0], [chosen, chosen + 1])
    voxel: Array = foreground[random.integers(first, last), 1:]
    return voxel


def _start(axis: int, length: int, size: int, centre: Array | None, random: np.random.Generator) -> int:
    """Choose where a patch begins along an axis: round the centre, else anywhere that fits.

    A case shorter than the patch lies anywhere inside it.
    """
    low, high = min(0, length - size), max(0, length - size)
    anywhere = int(random.integers(low, high + 1))
    if centre is None or length <= size:
        return anywhere
    return int(np.clip(int(centre[axis]) - size // 2, low, high))
