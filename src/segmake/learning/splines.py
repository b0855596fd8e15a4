"""Smooth random fields: cubic B-splines through a few control points (Rueckert et al. 1999)."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from segmake.plan import Triple
from segmake.volume.volume import Array

BEYOND = 3
"""Control points along an axis beyond its number of cells."""


def spread(control: Array, shape: Triple, like: Tensor) -> Tensor:
    """Values [N, K, *shape] of control points [N, K, cells + 3 along each axis], of like's type and device.

    Equal control points give a constant; no value exceeds the largest of them.
    """
    points = torch.from_numpy(control).to(like)
    axes = [
        torch.from_numpy(basis(n, count - BEYOND)).to(like)
        for n, count in zip(shape, control.shape[2:], strict=True)
    ]
    return torch.einsum("nkabc,xa,yb,zc->nkxyz", points, *axes)


def basis(voxels: int, cells: int) -> Array:
    """Weights [voxels, cells + 3] of the control points at the centres of voxels spread over the cells."""
    at = (np.arange(voxels) + 0.5) / voxels * cells
    cell = at.astype(int)
    t = at - cell
    near = (
        np.stack([(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3], axis=1) / 6
    )
    weights = np.zeros((voxels, cells + BEYOND))
    np.put_along_axis(weights, cell[:, None] + np.arange(4), near, axis=1)
    return weights
