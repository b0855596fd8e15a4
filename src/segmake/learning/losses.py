"""Dice + cross entropy, at every output of a deeply supervised network.

Softmax heads: cross entropy and Dice of each foreground class. Sigmoid (region) heads: binary cross entropy
and Dice of each head. Voxels of class `IGNORED` count for nothing, at any resolution.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812  the name torch's own documentation uses
from torch import Tensor

from segmake.learning.distributed import ALONE, Ranks
from segmake.plan import IGNORED, Plan

SPACE = (2, 3, 4)
SMOOTH = 1e-5


@dataclass(frozen=True)
class Loss:
    """Loss of a plan's heads against label maps of class indices.

    heads: the class indices each channel answers for; sigmoid: whether they overlap; batch_dice: Dice over
    the whole batch as one volume, instead of the mean over its patches; ignores: whether some voxels are
    judged by nobody; ranks: the processes that hold patches of the batch.
    """

    heads: tuple[tuple[int, ...], ...]
    sigmoid: bool
    batch_dice: bool = True
    ignores: bool = False
    ranks: Ranks = ALONE

    @classmethod
    def of(cls, plan: Plan, batch_dice: bool = True, ranks: Ranks = ALONE) -> Loss:
        """Make the loss for a plan."""
        return cls(tuple(plan.heads), plan.sigmoid, batch_dice, plan.ignore is not None, ranks)

    def __call__(self, outputs: Sequence[Tensor], labels: Tensor) -> Tensor:
        """Weighted loss of outputs [B, heads, ...], finest first, against labels [B, X, Y, Z]."""
        total = outputs[0].new_zeros((), dtype=torch.float32)
        for weight, output in zip(weights(len(outputs)), outputs, strict=True):
            total = total + weight * self._single(output.float(), shrink(labels, output))
        return total

    def _single(self, logits: Tensor, labels: Tensor) -> Tensor:
        truth = members(labels, self.heads)
        judged = (labels != IGNORED)[:, None] if self.ignores else None
        if self.sigmoid:
            entropy = F.binary_cross_entropy_with_logits(logits, truth, reduction="none")
            return self._mean(entropy, judged) + 1 - self._dice(torch.sigmoid(logits), truth, judged)
        log_probability = F.log_softmax(logits, dim=1)
        entropy = -(truth * log_probability).sum(dim=1, keepdim=True)
        return (
            self._mean(entropy, judged) + 1 - self._dice(log_probability.exp()[:, 1:], truth[:, 1:], judged)
        )

    def _dice(self, probability: Tensor, truth: Tensor, judged: Tensor | None) -> Tensor:
        """Mean soft Dice over channels, and over patches unless the batch counts as one volume."""
        space = (0, *SPACE) if self.batch_dice else SPACE
        if judged is not None:  # the truth is zero there anyway
            probability = probability * judged
        common = (probability * truth).sum(dim=space)
        both = probability.sum(dim=space) + truth.sum(dim=space)
        if self.batch_dice:
            common, both = self.ranks.total(torch.stack([common, both]))
        dice = (2 * common + SMOOTH) / (both + SMOOTH)
        return dice.mean() if self.batch_dice else self._mean(dice, None)

    def _mean(self, values: Tensor, judged: Tensor | None) -> Tensor:
        """Mean of values [B, heads, ...], those of voxels that were judged [B, 1, ...]; 0 without any."""
        if judged is None:
            summed, count = values.sum(), values.new_tensor(values.numel())
        else:
            summed, count = (values * judged).sum(), (judged.sum() * values.shape[1]).to(values)
        summed, count = self.ranks.total(torch.stack([summed, count]))
        mean: Tensor = summed / count.clamp_min(1)
        return mean


def weights(outputs: int) -> list[float]:
    """Halve from each output to the next coarser one; they sum to one."""
    halves = [0.5**level for level in range(outputs)]
    return [half / sum(halves) for half in halves]


def shrink(labels: Tensor, output: Tensor) -> Tensor:
    """Take labels [B, X, Y, Z] to the grid of an output [B, heads, ...], nearest voxel."""
    if labels.shape[1:] == output.shape[2:]:
        return labels
    small = F.interpolate(labels[:, None].float(), output.shape[2:], mode="nearest-exact")
    return small[:, 0].to(labels.dtype)


def members(labels: Tensor, heads: Sequence[Sequence[int]]) -> Tensor:
    """Truth of each head, float [B, heads, X, Y, Z]: one where the label belongs to it."""
    table = torch.zeros(IGNORED + 1, len(heads), device=labels.device)
    for column, head in enumerate(heads):
        table[list(head), column] = 1
    return table[labels.long()].movedim(-1, 1)
