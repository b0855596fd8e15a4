"""Losses of classification, and the area under the ROC curve that training looks at."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  the name torch's own documentation uses
from scipy.stats import rankdata
from torch import Tensor

from segmake.learning.distributed import ALONE, Ranks
from segmake.volume.volume import Array

GAMMA = 2.0
"""Of the focal loss (Lin et al., ICCV 2017)."""
HEAVIEST = 100.0
"""Largest weight of a class: a single patch must not decide."""


@dataclass(frozen=True)
class AnswerLoss:
    """Loss of logits [B, classes] against truth [B, classes]: the mean over the patches of all processes.

    multi_label: a sigmoid for each class, whose losses are averaged, instead of a softmax over all; focal:
    what is already right counts little; weights: of each class (multi_label: of its positives); smoothing:
    share of the truth that is spread evenly.
    """

    multi_label: bool = False
    focal: bool = False
    weights: tuple[float, ...] = ()
    smoothing: float = 0.0
    ranks: Ranks = ALONE

    def __call__(self, outputs: Sequence[Tensor], truth: Tensor) -> Tensor:
        """Loss of a network's only output."""
        logits = outputs[0].float()
        each = self._binary(logits, truth) if self.multi_label else self._exclusive(logits, truth)
        total = self.ranks.total(torch.stack([each.sum(), each.new_tensor(float(len(each)))]))
        mean: Tensor = total[0] / total[1]
        return mean

    def _exclusive(self, logits: Tensor, truth: Tensor) -> Tensor:
        spread = truth * (1 - self.smoothing) + self.smoothing / truth.shape[1]
        logarithm = F.log_softmax(logits, dim=1)
        entropy = -spread * logarithm
        if self.focal:
            entropy = entropy * (1 - logarithm.exp()) ** GAMMA
        each = entropy.sum(dim=1)
        return each * (truth @ truth.new_tensor(self.weights)) if self.weights else each

    def _binary(self, logits: Tensor, truth: Tensor) -> Tensor:
        spread = truth * (1 - self.smoothing) + self.smoothing / 2
        entropy = F.binary_cross_entropy_with_logits(logits, spread, reduction="none")
        if self.focal:
            right = torch.where(truth > 0, torch.sigmoid(logits), torch.sigmoid(-logits))
            entropy = entropy * (1 - right) ** GAMMA
        if self.weights:
            entropy = entropy * torch.where(truth > 0, truth.new_tensor(self.weights), 1.0)
        return entropy.mean(dim=1)


def class_weights(truth: Array, multi_label: bool) -> tuple[float, ...]:
    """Weights of classes by inverse frequency in truth [N, classes], their mean over the patches being one.

    multi_label: weights of the positives of each class that let them count as much as its negatives.
    """
    counts = truth.sum(axis=0, dtype=np.float64)
    others = len(truth) - counts if multi_label else np.full(len(counts), len(truth) / max(1, len(counts)))
    found = others / np.maximum(counts, 1)
    return tuple(float(weight) for weight in np.minimum(found, HEAVIEST))


def mean_auc(scores: Array, truth: Array) -> float:
    """Area under the ROC curve, averaged over the classes that have both (each against the rest).

    Args:
        scores: [N, classes], higher for more certain; ties count half (Hanley and McNeil, 1982).
        truth: [N, classes], 1 for each class of a patch.

    Returns:
        The mean, NaN when no class has positives and negatives. Of two classes that exclude each other both
        areas are the same.
    """
    found = []
    for score, positive in zip(scores.T, truth.T > 0, strict=True):
        many, others = int(positive.sum()), int((~positive).sum())
        if many and others:
            ranks = rankdata(score)[positive].sum()
            found.append((ranks - many * (many + 1) / 2) / (many * others))
    return float(np.mean(found)) if found else math.nan
