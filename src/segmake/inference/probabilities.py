"""Probabilities of labels on the native grid, a byte each, gathered on disk stripe by stripe."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from nibabel.orientations import apply_orientation, io_orientation, ornt_transform
from torch import Tensor

from segmake.inference.restore import Stripe
from segmake.plan import Plan
from segmake.volume.geometry import CANONICAL
from segmake.volume.volume import Affine, Array, Volume

FULL = 255


class Probabilities:
    """A viewer of stripes that keeps 255 times the probability of each label, or of each region, uint8.

    names: of the channels, in the order of the file: labels without the background, or what the sigmoid heads
    stand for. Memory is that of a stripe; the rest is a file in `folder`.
    """

    def __init__(self, folder: Path, plan: Plan, shape: Sequence[int]) -> None:
        self.sigmoid = plan.sigmoid
        self.names = channel_names(plan)
        file = folder / "probabilities"
        stored = np.memmap(file, np.uint8, "w+", shape=(len(self.names), *tuple(shape)[::-1]))
        self.data: Array = stored.transpose(0, 3, 2, 1)

    def view(self, stripe: Stripe, index: Tensor) -> None:  # noqa: ARG002 - what every viewer is shown
        """Take in [M, H, nx, ny, nz] logits of M models (or of their mean)."""
        logits = stripe.logits.mean(0)
        shares = torch.sigmoid(logits) if self.sigmoid else torch.softmax(logits, 0)[1:]
        stripe.within(self.data)[...] = (shares * FULL).round().to(torch.uint8).cpu().numpy()

    def native(self, affine: Affine) -> Volume:
        """The probabilities in the orientation of a source grid; nothing is copied."""
        back = ornt_transform(CANONICAL, io_orientation(affine))
        moved = apply_orientation(np.moveaxis(self.data, 0, -1), back)
        return Volume(np.moveaxis(moved, -1, 0), affine)


def channel_names(plan: Plan) -> list[str]:
    """What each channel is the probability of."""
    labels = list(plan.labels)
    if not plan.sigmoid:
        return labels
    singles = [labels[head[0] - 1] for head in plan.heads[len(plan.regions) :]]
    return [*plan.regions, *singles]


@contextmanager
def gathered(wanted: bool, folder: Path, plan: Plan, shape: Sequence[int]) -> Iterator[list[Probabilities]]:
    """The viewer, if it is wanted, with a folder of its own for its file, which goes at the end."""
    if not wanted:
        yield []
        return
    folder.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=".probabilities.", dir=folder))
    try:
        yield [Probabilities(scratch, plan, shape)]
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
