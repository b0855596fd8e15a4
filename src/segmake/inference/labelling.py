"""Native head logits -> label values, and whoever else wants to see the logits on their way."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from segmake.inference.restore import Stripe
from segmake.plan import Plan
from segmake.volume.geometry import empty_volume
from segmake.volume.volume import Array


class Viewer(Protocol):
    """Sees every stripe of a case once, in order, with the class index [nx, ny, nz] of each voxel."""

    def view(self, stripe: Stripe, index: Tensor) -> None:
        """Look at [M, H, nx, ny, nz] logits of M models (or of their mean)."""


def label_volume(
    stripes: Iterable[Stripe], plan: Plan, shape: Sequence[int], viewers: Sequence[Viewer] = ()
) -> Array:
    """Label values [1, X, Y, Z] of a canonical image of this shape, in a type that holds all labels.

    Equal scores go to the lower class; voxels that no stripe covers are background.
    """
    values = np.array(plan.label_values, label_type(plan))
    result = zeros(shape, values.dtype)
    decoder = torch.tensor(plan.decoder()) if plan.sigmoid else None
    for stripe in stripes:
        index = class_of(stripe.logits.mean(0), decoder)
        stripe.within(result[0])[...] = values[index.cpu().numpy()]
        for viewer in viewers:
            viewer.view(stripe, index)
    return result


def class_of(logits: Tensor, decoder: Tensor | None) -> Tensor:
    """Class index [nx, ny, nz] of head logits [H, nx, ny, nz]; `decoder`: `Plan.decoder` of sigmoid heads."""
    if decoder is not None:
        logits = torch.tensordot(decoder.to(logits.device), logits, 1)
    return logits.max(0).indices


def label_type(plan: Plan) -> type[np.generic]:
    """uint8 where the labels fit, as viewers like it."""
    return np.uint8 if max(plan.label_values) < 256 else np.int16


def zeros(shape: Sequence[int], kind: type[np.generic] | np.dtype[np.generic]) -> Array:
    """[1, X, Y, Z] in the order that files have."""
    result = empty_volume(1, shape, np.dtype(kind))
    result[...] = 0
    return result
