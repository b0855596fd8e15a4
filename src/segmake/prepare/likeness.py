"""Which pictures are nearly the same: a difference hash in all eight orientations, and pairs that are close.

dHash (Krawetz 2013): whether a picture of 9 x 8 pixels gets brighter from each pixel to its right neighbour,
64 bits. Here of the picture turned and mirrored in all eight ways, for copies are often made that way.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from segmake.prepare.framing import axis_weights
from segmake.volume.volume import Array

WAYS = 8
DIGITS = 16
FAINT = 1.0
"""Grey levels of 255 by which a step must be brighter to count: less is noise."""
EMPTY = 2.0
"""Standard deviation below which a picture shows nothing, so that it is like none."""
SIDE = 32
RADIUS = 5
ALIKE = 0.98
"""Correlation of two pictures of 32 x 32 pixels from which on they count as one."""
BLOCK = 1 << 20
"""Pairs that are compared at once."""

Hashes = npt.NDArray[np.uint64]


def dhash(patch: Array) -> str:
    """Hash of a patch [C, size, size]: 16 hexadecimal digits for each of eight orientations, as it is first.

    Empty for a patch that shows nothing.
    """
    grey = patch.mean(axis=0, dtype=np.float32)
    wide, tall = _shrunk(grey, 8, 9), _shrunk(grey, 9, 8)
    if max(wide.std(), tall.std()) < EMPTY:
        return ""
    return "".join(_digits(way) for way in (*_mirrored(wide), *_mirrored(tall.T)))


def unpack(hashes: Sequence[str]) -> Hashes:
    """Hashes [n, 8] of n patches; none of them empty."""
    joined = "".join(hashes)
    return np.frombuffer(bytes.fromhex(joined), dtype=">u8").astype(np.uint64).reshape(-1, WAYS)


def close_pairs(hashes: Hashes, sides: Array, radius: int = RADIUS) -> list[tuple[int, int]]:
    """Pairs i < j on different sides whose hashes differ in at most `radius` of 64 bits, in any orientation.

    sides: [n] whole numbers; what is on one side (in one fold) may be alike. Of `radius + 1` parts of the
    bits two such hashes share at least one (the pigeonhole principle), so only those with a part in common
    are compared: the work grows with the pairs that are nearly close, not with all pairs.
    """
    found: set[tuple[int, int]] = set()
    bounds = np.linspace(0, 64, radius + 2).astype(int).tolist()
    for low, high in itertools.pairwise(bounds):
        mask = np.uint64(((1 << (high - low)) - 1) << low)
        for first, second, way in _sharing(hashes, mask):
            apart = np.bitwise_count(hashes[first, 0] ^ hashes[second, way])
            hits = (apart <= radius) & (sides[first] != sides[second])
            found.update(zip(first[hits].tolist(), second[hits].tolist(), strict=True))
    return sorted(found)


def likeness(one: Array, other: Array) -> float:
    """Highest correlation of two patches [C, size, size] over the eight orientations of the second."""
    left, right = (_shrunk(patch.mean(axis=0, dtype=np.float32), SIDE, SIDE) for patch in (one, other))
    left = _standard(left)
    return max(float((left * _standard(way)).mean()) for way in (*_mirrored(right), *_mirrored(right.T)))


def _sharing(hashes: Hashes, mask: np.uint64) -> Iterator[tuple[Array, Array, Array]]:
    """Patches i, later patches j and their orientation that have the masked bits in common; in blocks."""
    base, turned = hashes[:, 0] & mask, (hashes & mask).ravel()
    order = np.argsort(turned, kind="stable")
    values = turned[order]
    starts, ends = np.searchsorted(values, base, "left"), np.searchsorted(values, base, "right")
    many = ends - starts
    cuts = np.flatnonzero(np.diff(np.cumsum(many) // BLOCK)) + 1
    for block in np.split(np.arange(len(base)), cuts):
        counts = many[block]
        first = np.repeat(block, counts)
        within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        place = order[np.repeat(starts[block], counts) + within]
        later = place // WAYS > first
        yield first[later], place[later] // WAYS, place[later] % WAYS


def _shrunk(picture: Array, rows: int, columns: int) -> Array:
    """A picture with so many rows and columns."""
    weights = []
    for count, wanted in zip(picture.shape, (rows, columns), strict=True):
        step = count / wanted
        weights.append(axis_weights(count, (np.arange(wanted) + 0.5) * step - 0.5, step))
    return np.asarray(weights[0] @ picture @ weights[1].T)


def _mirrored(picture: Array) -> tuple[Array, Array, Array, Array]:
    return picture, picture[:, ::-1], picture[::-1], picture[::-1, ::-1]


def _digits(picture: Array) -> str:
    bits = np.diff(picture, axis=1) > FAINT
    return np.packbits(bits.ravel()).tobytes().hex()


def _standard(picture: Array) -> Array:
    spread = float(picture.std())
    return np.asarray((picture - picture.mean()) / (spread if spread > 0 else 1.0))
