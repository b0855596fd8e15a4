"""Windows of air: nothing is in them, so nothing needs to be computed.

A window is air when every voxel of every channel is at the level that the plan's normalisation gives to what
is around the body. No voxel of the body is in such a window, and the logits of voxels outside of the windows
that are left out do not change. Voxels that only windows of air cover are background.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from segmake.plan import Normalisation, Plan
from segmake.volume.volume import Array

TOLERANCE = 0.01
"""In normalised units (standard deviations): what interpolation leaves around a body."""
CERTAIN = 10.0
"""Logit of background where no window was computed."""


def air_levels(plan: Plan) -> list[float] | None:
    """Level of air in each channel of a prepared image; None where a channel has no known one.

    ct: the lower clip, to which air falls. Masked schemes: zero, which is outside the body by definition.
    Other schemes keep the noise of air, and no window of theirs is left out.
    """
    levels = [_level(plan.normalisation[name]) for name in plan.channels]
    found = [level for level in levels if level is not None]
    return found if len(found) == len(levels) else None


def _level(normalisation: Normalisation) -> float | None:
    if normalisation.scheme == "ct":
        return (normalisation.lower - normalisation.mean) / max(normalisation.std, 1e-8)
    return 0.0 if normalisation.masked else None


def is_air(window: Array, levels: Sequence[float]) -> bool:
    """Whether all of a window [C, X, Y, Z] is at the level of air."""
    for channel, level in zip(window, levels, strict=True):
        for part in (channel[::4, ::4, ::4], channel):  # most windows show tissue at the first look
            if np.abs(part - np.float32(level)).max() > TOLERANCE:
                return False
    return True


def background_logits(plan: Plan) -> Tensor:
    """Logits [H] of background beyond doubt."""
    if plan.sigmoid:
        return torch.full((len(plan.heads),), -CERTAIN)
    return torch.tensor([CERTAIN, *[0.0] * (len(plan.heads) - 1)])
