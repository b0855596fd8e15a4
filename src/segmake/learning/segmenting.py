"""Segmentation as the loop learns it: the plan's network on patches of prepared cases."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from segmake.learning import augmentation, transfer
from segmake.learning.distributed import Ranks
from segmake.learning.lesson import Measure
from segmake.learning.losses import Loss
from segmake.learning.networks import build, check
from segmake.learning.sampling import AUGMENT, Batch, Case, Sampler, generator
from segmake.learning.validation import Validation
from segmake.plan import Plan
from segmake.settings import TrainSettings


@dataclass(frozen=True)
class Segmentation:
    """What to segment: cases to learn from and to look at, as the plan has them."""

    plan: Plan
    settings: TrainSettings
    training: Sequence[Case]
    validation: Sequence[Case]

    @property
    def batch(self) -> int:
        """Patches of a step."""
        return self.plan.batch

    @property
    def figure(self) -> str:
        """Mean Dice of a few central patches."""
        return "val_dice"

    @property
    def patience(self) -> int:
        """A few patches are no reason to stop."""
        return 0

    @property
    def averages_buffers(self) -> bool:
        """Statistics of batch normalisation are the last ones."""
        return False

    def build(self) -> nn.Module:
        """Make the network that the settings name, in the plan's shape."""
        settings = self.settings
        return build(settings.network, settings.options, self.plan, settings.deep_supervision, settings.seed)

    def check(self, network: nn.Module) -> None:
        """Make sure that it takes the plan's patch."""
        check(network, self.settings.network, self.plan)

    def example(self, count: int, device: torch.device) -> Tensor:
        """Patches of zeros [count, C, X, Y, Z]."""
        return torch.zeros(count, len(self.plan.channels), *self.plan.patch, device=device)

    def start(self, network: nn.Module) -> transfer.Taken | None:
        """Do what init_from and freeze say."""
        return transfer.start(network, self.settings, transfer.freeze_encoder)

    def parameters(self, network: nn.Module) -> Iterable[Any]:
        """All weights, at one rate."""
        return network.parameters()

    def source(self, rows: Sequence[int]) -> Sampler:
        """Patches with room round them for rotations."""
        plan, settings = self.plan, self.settings
        border = augmentation.Grid(plan.patch, plan.spacing_mm).border()
        cases, oversample = self.training, settings.oversample
        return Sampler(cases, plan.patch, border, plan.batch, oversample, settings.seed, rows)

    def view(
        self, batch: Batch, step: int, device: torch.device, rows: Sequence[int]
    ) -> tuple[Tensor, Tensor]:
        """Augment a batch (or a share of it); the step alone decides how."""
        images = torch.from_numpy(batch.images).to(device, non_blocking=True)
        labels = torch.from_numpy(batch.labels).to(device, non_blocking=True)
        grid = augmentation.Grid(self.plan.patch, self.plan.spacing_mm)
        recipe = augmentation.Recipe.of(self.settings, self.plan)
        random = generator(self.settings.seed, AUGMENT, step)
        parameters = augmentation.draw(recipe, grid, (self.batch, images.shape[1]), random)
        if len(rows) < self.batch:
            parameters = parameters.of(rows)
        return augmentation.apply(images, labels, grid, parameters)

    def loss(self, ranks: Ranks) -> Loss:
        """Dice + cross entropy."""
        return Loss.of(self.plan, self.settings.batch_dice, ranks)

    def measure(self, device: torch.device, ranks: Ranks) -> Measure:
        """Dice of a few patches."""
        return Validation(self.validation, self.plan, device, self.settings.precision, ranks).dice
