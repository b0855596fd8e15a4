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
FAINT = 1.0
"""Grey levels of 255 by which a step must be brighter to count: less is noise."""
EMPTY = 2.0
"""Standard deviation below which a picture shows nothing, so that it is like none."""
SIDE = 32
RADIUS = 5
ALIKE = 0.96
"""Correlation of two pictures of 32 x 32 pixels from which on they count as one."""
BLOCK = 1 << 20
"""Pairs that are compared at once."""

TURNED = np.array([4, 6, 5, 7, 0, 2, 1, 3])
"""Number of the orientation that is this one with rows and columns exchanged."""

Hashes = npt.NDArray[np.uint64]
Pairs = npt.NDArray[np.int64]


def dhash(patch: Array) -> str:
    """Hash of a patch [C, size, size]: 16 hexadecimal digits for each of eight orientations, as it is first.

    Empty for a patch that shows nothing.
    """
    grey = patch.mean(axis=0, dtype=np.float32)
    wide, tall = _shrunk(grey, 8, 9), _shrunk(grey, 9, 8)
    if max(wide.std(), tall.std()) < EMPTY:
        return ""
    upright = [_digits(_turned(wide[np.newaxis], way)[0]) for way in range(WAYS // 2)]
    return "".join([*upright, *(_digits(_turned(tall.T[np.newaxis], way)[0]) for way in range(WAYS // 2))])


def unpack(hashes: Sequence[str]) -> Hashes:
    """Hashes [n, 8] of n patches; none of them empty."""
    joined = "".join(hashes)
    return np.frombuffer(bytes.fromhex(joined), dtype=">u8").astype(np.uint64).reshape(-1, WAYS)


def close_pairs(hashes: Hashes, sides: Array, radius: int = RADIUS) -> Pairs:
    """Pairs i < j on different sides whose hashes differ in few bits, in any orientation of j.

    Few: at most `radius` of 64 along the rows, and as many along the columns. Of `radius + 1` parts of the
    bits two such hashes share at least one (the pigeonhole principle), so only those with a part in common
    are compared: the work grows with the pairs that are nearly close, not with all pairs.

    hashes: [n, 8]; sides: [n] whole numbers, what is on one side (in one fold) may be alike.
    Returns [pairs, 3]: i, j and the orientation of j; a pair may stand there in several orientations.
    """
    found = [np.zeros((0, 3), dtype=np.int64)]
    bounds = np.linspace(0, 64, radius + 2).astype(int).tolist()
    for low, high in itertools.pairwise(bounds):
        mask = np.uint64(((1 << (high - low)) - 1) << low)
        for first, second, way in _sharing(hashes, mask):
            close = sides[first] != sides[second]
            first, second, way = first[close], second[close], way[close]
            along = np.bitwise_count(hashes[first, 0] ^ hashes[second, way]) <= radius
            first, second, way = first[along], second[along], way[along]
            across = np.bitwise_count(hashes[first, TURNED[0]] ^ hashes[second, TURNED[way]]) <= radius
            found.append(np.stack([first[across], second[across], way[across]], axis=1))
    return np.unique(np.concatenate(found), axis=0)


def look(patch: Array) -> Array:
    """A patch [C, size, size] as 32 x 32 pixels of mean 0 and variance 1, for `alike`; float16."""
    small = _shrunk(patch.mean(axis=0, dtype=np.float32), SIDE, SIDE)
    return np.asarray((small - small.mean()) / max(float(small.std()), 1e-6)).astype(np.float16)


def alike(looks: Array, pairs: Pairs) -> Pairs:
    """Those of the pairs whose looks [n, 32, 32] are correlated enough to count as one picture."""
    kept = [pairs[:0]]
    for part in np.array_split(pairs, len(pairs) // 4096 + 1) if len(pairs) else ():
        left = looks[part[:, 0]].astype(np.float32)
        right = looks[part[:, 1]].astype(np.float32)
        for way in range(WAYS):
            here = part[:, 2] == way
            right[here] = _turned(right[here], way)
        kept.append(part[(left * right).mean(axis=(1, 2)) >= ALIKE])
    return np.concatenate(kept)


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


def _turned(pictures: Array, way: int) -> Array:
    """Pictures [n, rows, columns] in one of the eight orientations, numbered as in the hash."""
    if way >= WAYS // 2:
        pictures = pictures.swapaxes(1, 2)
    return pictures[:, :: (-1 if way & 2 else 1), :: (-1 if way & 1 else 1)]


def _shrunk(picture: Array, rows: int, columns: int) -> Array:
    """A picture with so many rows and columns."""
    weights = []
    for count, wanted in zip(picture.shape, (rows, columns), strict=True):
        step = count / wanted
        weights.append(axis_weights(count, (np.arange(wanted) + 0.5) * step - 0.5, step))
    return np.asarray(weights[0] @ picture @ weights[1].T)


def _digits(picture: Array) -> str:
    bits = np.diff(picture, axis=1) > FAINT
    return np.packbits(bits.ravel()).tobytes().hex()
