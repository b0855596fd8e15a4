"""How deep a U-Net can go on a patch: strides and kernels per resolution stage.

The rules are those of nnU-Net (Isensee et al. 2021): halve an axis while it stays long enough and is not
coarser than twice the finest, so that the voxels become isotropic on the way down; convolve along a
coarse axis only once it is no longer coarse.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from segmake.plan import Spacing, Triple

SMALLEST = 4
"""Voxels an axis keeps at the coarsest stage."""
LEAST_STAGES = 3
"""Resolution stages of a U-Net at the least (DynUNet takes no fewer); a small patch is halved further."""
COARSE = 2.0
"""Ratio to the finest spacing from which an axis is coarse."""


@dataclass(frozen=True)
class Topology:
    """Strides into, and kernels of, each resolution stage."""

    strides: tuple[Triple, ...]
    kernels: tuple[Triple, ...]

    @property
    def divisor(self) -> Triple:
        """Product of the strides: what a patch must be divisible by."""
        x, y, z = (math.prod(stride[axis] for stride in self.strides) for axis in range(3))
        return x, y, z

    def divides(self, patch: Triple) -> bool:
        """Whether every stage halves the patch without remainder."""
        return all(n % d == 0 for n, d in zip(patch, self.divisor, strict=True))

    def round_up(self, patch: Sequence[int]) -> Triple:
        """Smallest patch that holds this one and is divisible."""
        x, y, z = (math.ceil(n / d) * d for n, d in zip(patch, self.divisor, strict=True))
        return x, y, z


def choose_topology(patch: Sequence[int], spacing_mm: Spacing, stages: int | None = None) -> Topology:
    """Strides and kernels for a patch, at most `stages` resolution stages."""
    strides = _strides(patch, spacing_mm, stages, SMALLEST)
    if stages is None and len(strides) < LEAST_STAGES:
        strides = _strides(patch, spacing_mm, LEAST_STAGES, SMALLEST // 2)
    return Topology(tuple(strides), choose_kernels(strides, spacing_mm))


def _strides(patch: Sequence[int], spacing_mm: Spacing, stages: int | None, smallest: int) -> list[Triple]:
    """Halve while axes keep `smallest` voxels, up to a number of stages."""
    size, spacing = list(patch), list(spacing_mm)
    strides: list[Triple] = [(1, 1, 1)]
    while stages is None or len(strides) < stages:
        long = [axis for axis in range(3) if size[axis] >= 2 * smallest]
        finest = min((spacing[axis] for axis in long), default=0.0)
        pooled = [axis for axis in long if spacing[axis] < COARSE * finest]
        if not pooled or (len(pooled) == 1 and size[pooled[0]] < 3 * smallest):
            break
        x, y, z = (2 if axis in pooled else 1 for axis in range(3))
        strides.append((x, y, z))
        size = [math.ceil(n / s) for n, s in zip(size, strides[-1], strict=True)]
        spacing = [mm * s for mm, s in zip(spacing, strides[-1], strict=True)]
    return strides


def choose_kernels(strides: Sequence[Triple], spacing_mm: Spacing) -> tuple[Triple, ...]:
    """Kernels per stage: 3, or 1 along an axis that has been too coarse at every stage so far."""
    spacing, kernel = list(spacing_mm), [1, 1, 1]
    kernels: list[Triple] = []
    for stride in strides:
        spacing = [mm * s for mm, s in zip(spacing, stride, strict=True)]
        finest = min(spacing)
        kernel = [3 if mm < COARSE * finest else k for mm, k in zip(spacing, kernel, strict=True)]
        x, y, z = kernel
        kernels.append((x, y, z))
    return tuple(kernels)
