"""A quick look at held-out cases during training; the honest score is made by predict and evaluate."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from segmake.device import autocast
from segmake.learning.distributed import ALONE, Ranks, sum_counts
from segmake.learning.networks import logits
from segmake.learning.sampling import Case, central_patch
from segmake.plan import IGNORED, Plan

PATCHES = 8


class Validation:
    """Dice on one central patch of a few validation cases, evenly spread, divided over the processes."""

    def __init__(
        self, cases: Sequence[Case], plan: Plan, device: torch.device, precision: str, ranks: Ranks = ALONE
    ) -> None:
        self.ranks = ranks
        spread = np.linspace(0, max(0, len(cases) - 1), min(PATCHES, len(cases))).round().astype(int)
        self.cases = [cases[int(i)] for i in spread[self.ranks.rank :: self.ranks.count]]
        self.plan = plan
        self.device = device
        self.precision = precision

    @torch.no_grad()
    def dice(self, network: nn.Module) -> float:
        """Mean over labels of the Dice of all patches taken together; NaN without any foreground.

        Ignored voxels are left out.
        """
        classes = len(self.plan.label_values)
        counts = np.zeros((3, classes))
        decoder = torch.tensor(self.plan.decoder(), device=self.device)
        for case in self.cases:
            image, label = central_patch(case, self.plan.patch)
            with autocast(self.device, self.precision):
                output = logits(network, torch.from_numpy(image)[None].to(self.device))[0]
            found = decode(output.float(), decoder)[0].cpu().numpy()
            found, label = found[label != IGNORED], label[label != IGNORED]
            for row, mask in enumerate((found, label, np.where(found == label, label, 0))):
                counts[row] += np.bincount(mask, minlength=classes)
        counts = sum_counts(counts, self.ranks)
        both = counts[0, 1:] + counts[1, 1:]
        shared = 2 * counts[2, 1:][both > 0] / both[both > 0]
        return float(shared.mean()) if shared.size else math.nan


def decode(output: Tensor, decoder: Tensor) -> Tensor:
    """Class indices [B, X, Y, Z] of logits [B, heads, X, Y, Z]."""
    return torch.einsum("kh,bhxyz->bkxyz", decoder, output).argmax(dim=1)
