"""Near-duplicates: hashes in all orientations, close pairs without comparing all."""

import io
import itertools

import numpy as np
import pytest
from PIL import Image

from segmake.prepare.likeness import ALIKE, RADIUS, TURNED, alike, close_pairs, dhash, look, unpack
from segmake.volume.volume import Array

RNG = np.random.default_rng(7)


def picture(seed: int, size: int = 64) -> Array:
    """A smooth random picture, uint8 [1, size, size]."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (9, 9), dtype=np.uint8))
    return np.asarray(coarse.resize((size, size), Image.Resampling.BICUBIC))[np.newaxis]


def jpeg(patch: Array, quality: int = 60) -> Array:
    stream = io.BytesIO()
    Image.fromarray(patch[0]).save(stream, "JPEG", quality=quality)
    return np.asarray(Image.open(stream))[np.newaxis]


def orientations(patch: Array) -> list[Array]:
    turns = [np.rot90(patch, k, (1, 2)) for k in range(4)]
    return [*turns, *(turn[:, :, ::-1] for turn in turns)]


def shared(patches: list[Array], sides: list[int] | None = None) -> set[tuple[int, int]]:
    looks = np.array([look(patch) for patch in patches])
    pairs = close_pairs(unpack([dhash(patch) for patch in patches]), np.array(sides or range(len(patches))))
    return {(int(i), int(j)) for i, j, _ in alike(looks, pairs)}


def test_the_hash_is_whether_a_picture_gets_brighter_to_the_right() -> None:
    ramp = np.tile(np.linspace(0, 255, 72), (64, 1))[np.newaxis]
    assert dhash(ramp)[:16] == "f" * 16
    assert dhash(ramp[:, :, ::-1])[:16] == "0" * 16
    assert dhash(np.swapaxes(ramp, 1, 2))[:16] == "0" * 16  # no change along rows
    assert dhash(np.swapaxes(ramp, 1, 2))[64:80] == "f" * 16


def test_a_picture_that_shows_nothing_has_no_hash() -> None:
    assert dhash(np.full((3, 32, 32), 70, np.uint8)) == ""
    faint = np.full((1, 32, 32), 70.0)
    faint[0, ::2] += 1
    assert dhash(faint) == ""


@pytest.mark.parametrize("number", range(8))
def test_a_turned_picture_has_the_hashes_in_another_order(number: int) -> None:
    patch = picture(1)
    turned = orientations(patch)[number]
    assert sorted(unpack([dhash(turned)])[0]) == sorted(unpack([dhash(patch)])[0])
    assert shared([patch, np.ascontiguousarray(turned)]) == {(0, 1)}


def test_rows_and_columns_exchanged() -> None:
    patch = picture(3)
    hashes = unpack([dhash(patch)])[0]
    flips = [patch, patch[:, :, ::-1], patch[:, ::-1], patch[:, ::-1, ::-1]]
    upright = np.swapaxes(patch, 1, 2)
    ways = [*flips, upright, upright[:, :, ::-1], upright[:, ::-1], upright[:, ::-1, ::-1]]
    for way, exchanged in zip(ways, TURNED, strict=True):
        assert unpack([dhash(np.swapaxes(way, 1, 2))])[0, 0] == hashes[exchanged]


@pytest.mark.parametrize(
    "change",
    [
        jpeg,
        lambda patch: np.clip(patch * 1.1 + 8, 0, 255).astype(np.uint8),
        lambda patch: np.clip(patch + RNG.normal(0, 4, patch.shape), 0, 255).astype(np.uint8),
        lambda patch: jpeg(np.ascontiguousarray(np.rot90(patch, 1, (1, 2)))),
        lambda patch: np.asarray(Image.fromarray(patch[0]).resize((96, 96)))[np.newaxis],
    ],
)
def test_a_changed_copy_is_found_among_others(change) -> None:
    others = [picture(seed) for seed in range(60)]
    assert shared([*others, change(others[17])]) == {(17, 60)}


def test_pictures_on_one_side_may_be_alike() -> None:
    patches = [picture(1), picture(1), picture(2), picture(1)]
    assert shared(patches, [0, 0, 1, 1]) == {(0, 3), (1, 3)}


def test_other_pictures_are_not_alike() -> None:
    assert shared([picture(seed) for seed in range(200)]) == set()


def test_the_same_pairs_as_comparing_all() -> None:
    rng = np.random.default_rng(0)
    few = rng.integers(0, 2**63, (12, 8), dtype=np.int64).astype(np.uint64)
    hashes = few[rng.integers(0, 12, 150)]
    flips = [rng.integers(0, 64, (150, 8)) for _ in range(2)]
    for flip in flips:
        hashes = hashes ^ (np.uint64(1) << flip.astype(np.uint64))
    sides = rng.integers(0, 4, 150)
    expected = {
        (i, j, way)
        for i, j in itertools.combinations(range(150), 2)
        for way in range(8)
        if sides[i] != sides[j]
        and (int(hashes[i, 0]) ^ int(hashes[j, way])).bit_count() <= RADIUS
        and (int(hashes[i, 4]) ^ int(hashes[j, TURNED[way]])).bit_count() <= RADIUS
    }
    assert len(expected) > 20
    assert {tuple(pair) for pair in close_pairs(hashes, sides).tolist()} == expected


def test_nothing_to_compare() -> None:
    none = close_pairs(unpack([]), np.zeros(0, int))
    assert none.shape == alike(np.array([]), none).shape == (0, 3)
    assert shared([picture(1)]) == set()
    assert 0.9 < ALIKE < 1
