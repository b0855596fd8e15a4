"""Classification as the loop learns it: a network by name on 2D patches of cases."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from segmake.classification import FitSettings
from segmake.device import autocast
from segmake.learning import transfer, views
from segmake.learning.answers import AnswerLoss, class_weights, mean_auc
from segmake.learning.classifier import normalise
from segmake.learning.classifiers import build_classifier, check_classifier
from segmake.learning.distributed import Ranks, sum_counts
from segmake.learning.patchwork import Patches, PatchSampler
from segmake.learning.sampling import AUGMENT, Batch, generator

LOOKED_AT = 512
"""Patches, evenly spread over the validation cases, that are looked at in training."""
AT_ONCE = 64
MOST = 0.9
"""Share of the weights from which on a part of a network is a container of its stages."""


@dataclass(frozen=True)
class Classification:
    """What to tell apart: patches to learn from and to look at. classes: what truth's columns are."""

    settings: FitSettings
    classes: Sequence[str]
    shape: tuple[int, int]
    """Channels and side of a patch."""
    training: Patches
    validation: Patches

    @property
    def batch(self) -> int:
        """Patches of a step."""
        return self.settings.batch

    @property
    def figure(self) -> str:
        """Mean over classes of the area under the ROC curve."""
        return "val_auc"

    @property
    def patience(self) -> int:
        """As the settings say."""
        return self.settings.patience

    @property
    def averages_buffers(self) -> bool:
        """Averaged weights need averaged statistics: those of the last steps belong to other weights."""
        return True

    def build(self) -> nn.Module:
        """Make the network that the settings name."""
        network = build_classifier(self.settings, self.shape[0], len(self.classes), self.shape[1])
        return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]

    def check(self, network: nn.Module) -> None:
        """Make sure that it takes the patches."""
        check_classifier(network, self.settings, self.shape, len(self.classes))

    def example(self, count: int, device: torch.device) -> Tensor:
        """Patches of zeros [count, C, S, S]."""
        channels, size = self.shape
        return torch.zeros(count, channels, size, size, device=device).to(memory_format=torch.channels_last)

    def start(self, network: nn.Module) -> transfer.Taken | None:
        """Do what init_from and freeze say."""
        return transfer.start(network, self.settings, freeze_encoder)

    def parameters(self, network: nn.Module) -> Iterable[Any]:
        """All weights, those of earlier stages at lower rates where the settings say so."""
        decay, groups = self.settings.layer_decay, stages(network)
        if decay == 1:
            return network.parameters()
        last = len(groups) - 1
        return [{"params": group, "factor": decay ** (last - i)} for i, group in enumerate(groups)]

    def source(self, rows: Sequence[int]) -> PatchSampler:
        """Patches in an order of their own in every epoch."""
        balanced = self.settings.balance == "sampling"
        return PatchSampler(self.training, self.batch, self.settings.seed, balanced, rows)

    def view(
        self, batch: Batch, step: int, device: torch.device, rows: Sequence[int]
    ) -> tuple[Tensor, Tensor]:
        """Augment a batch (or a share of it); the step alone decides how."""
        settings = self.settings
        images = torch.from_numpy(batch.images).to(device, non_blocking=True)
        truth = torch.from_numpy(batch.labels).to(device, non_blocking=True)
        random = generator(settings.seed, AUGMENT, step)
        parameters = views.draw(settings.augment, settings.flip, self.batch, random)
        if len(rows) < self.batch:
            parameters = parameters.of(rows)
        return views.apply(images, parameters), truth

    def loss(self, ranks: Ranks) -> AnswerLoss:
        """Loss that the settings name."""
        settings = self.settings
        weighted = settings.balance == "weights"
        weights = class_weights(self.training.truth, settings.multi_label) if weighted else ()
        focal = settings.loss == "focal"
        return AnswerLoss(settings.multi_label, focal, weights, settings.smoothing, ranks)

    def measure(self, device: torch.device, ranks: Ranks) -> Callable[[nn.Module], float]:
        """AUC of a part of the validation patches, the same one always."""
        count = min(LOOKED_AT, len(self.validation))
        rows = np.linspace(0, max(0, len(self.validation) - 1), count).round().astype(int)
        return partial(self._auc, rows=rows.tolist(), device=device, ranks=ranks)

    @torch.no_grad()
    def _auc(self, network: nn.Module, rows: Sequence[int], device: torch.device, ranks: Ranks) -> float:
        """Every process classifies its part; all of them know all scores then."""
        scores = np.zeros((len(rows), len(self.classes)))
        mine = np.arange(len(rows))[ranks.rank :: ranks.count]
        for some in np.array_split(mine, max(1, -(-len(mine) // AT_ONCE))) if len(mine) else []:
            images = torch.from_numpy(self.validation.pictures[[rows[i] for i in some]]).to(device)
            with autocast(device, self.settings.precision):
                logits = network(normalise(images).contiguous(memory_format=torch.channels_last)).float()
            chances = torch.sigmoid(logits) if self.settings.multi_label else torch.softmax(logits, dim=1)
            scores[some] = chances.cpu().numpy()
        return mean_auc(sum_counts(scores, ranks), self.validation.truth[rows])


def stages(network: nn.Module) -> list[list[nn.Parameter]]:
    """Weights by stage, from the input to the head: parts of the network in the order they were made.

    A part that holds nearly all weights (`features`, `blocks`) is taken apart; normalisation belongs to the
    stage before it.
    """
    whole = sum(weight.numel() for weight in network.parameters())
    groups: list[list[nn.Parameter]] = []
    for part in network.children():
        weights = list(part.parameters())
        if sum(weight.numel() for weight in weights) > MOST * whole and len(list(part.children())) > 1:
            groups += stages(part)
        elif weights and groups and isinstance(part, _BatchNorm | nn.LayerNorm):
            groups[-1] += weights
        elif weights:
            groups.append(weights)
    told = {id(weight) for group in groups for weight in group}
    own = [weight for weight in network.parameters() if id(weight) not in told]  # such as class tokens
    return [own + groups[0], *groups[1:]] if groups else [own]


def freeze_encoder(network: nn.Module) -> float:
    """Let all but the last layer keep its weights and, in batch normalisation, its statistics.

    Returns the percentage of the weights that it is.
    """
    head = [module for module in network.modules() if list(module.parameters(recurse=False))][-1]
    for weight in network.parameters():
        weight.requires_grad_(False)
    for weight in head.parameters():
        weight.requires_grad_(True)
    for module in network.modules():
        if isinstance(module, _BatchNorm) and module is not head:
            module.eval()
    kept = sum(weight.numel() for weight in head.parameters())
    return 100 * (1 - kept / sum(weight.numel() for weight in network.parameters()))
