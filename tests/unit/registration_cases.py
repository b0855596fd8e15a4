"""A phantom of a head in two contrasts, and known movements of it."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter

from segmake.volume.volume import Volume

SHAPE = (40, 44, 30)
SPACING = np.array([1.5, 1.5, 2.0])


def grid() -> np.ndarray:
    affine = np.diag([*SPACING, 1.0])
    affine[:3, 3] = (-30, -33, 12)
    return affine


def head(contrast: str = "t1") -> Volume:
    """An ellipsoid with two unequal spots, in either of two contrasts."""
    at = np.moveaxis(np.indices(SHAPE), 0, -1) * SPACING - (29, 33, 29)
    levels = {"t1": (100, 180, 30), "t2": (90, 20, 210)}[contrast]
    data = np.zeros(SHAPE)
    for level, centre, radii in zip(
        levels, ((0, 0, 0), (8, 9, 5), (-9, -6, -8)), ((22, 26, 22), (6, 9, 7), (7, 5, 5)), strict=True
    ):
        data[(((at - centre) / radii) ** 2).sum(axis=-1) < 1] = level
    noise = np.random.default_rng(len(contrast) + levels[0]).normal(0, 2, SHAPE)
    return Volume((gaussian_filter(data, 0.7) + noise).astype(np.float32)[None], grid())


def displacement(shift: tuple[float, float, float], degrees: float) -> np.ndarray:
    """Turn about z through the centre of the phantom, then shift."""
    angle = np.deg2rad(degrees)
    turn = np.eye(4)
    turn[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    centre = grid()[:3, :3] @ ((np.array(SHAPE) - 1) / 2) + grid()[:3, 3]
    turn[:3, 3] = centre - turn[:3, :3] @ centre + shift
    return turn
