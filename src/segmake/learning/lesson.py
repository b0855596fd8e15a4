"""What the training loop asks of what is learned: segmentation, classification.

The loop owns steps, rates, averages, checkpoints and interruptions; a lesson owns the network, the batches,
the loss and the figure on validation data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from segmake.learning.distributed import Ranks
from segmake.learning.loading import Source
from segmake.learning.sampling import Batch
from segmake.learning.transfer import Taken
from segmake.training import LearnSettings

Loss = Callable[[Sequence[Tensor], Tensor], Tensor]
"""Outputs (finest first) and truth -> the loss of the whole batch, in every process."""
Measure = Callable[[nn.Module], float]
"""Network -> its figure on validation data, higher is better, NaN where there are none."""


class Lesson(Protocol):
    """What is learned. All randomness follows from the settings' seed and the step."""

    @property
    def settings(self) -> LearnSettings:
        """Budget, optimiser, start, machine."""

    @property
    def batch(self) -> int:
        """Patches of a step, over all processes."""

    @property
    def figure(self) -> str:
        """Column of the history that validation fills, such as val_dice."""

    @property
    def patience(self) -> int:
        """Looks at validation data without a better figure that end training (0: none do)."""

    @property
    def averages_buffers(self) -> bool:
        """Whether buffers (batch normalisation's statistics) are averaged as the weights are, or copied."""

    def build(self) -> nn.Module:
        """Make a network with fresh weights; always the same ones."""

    def check(self, network: nn.Module) -> None:
        """Make sure that it takes the patches.

        Raises ConfigError.
        """

    def example(self, count: int, device: torch.device) -> Tensor:
        """So many empty patches, as the network is given them."""

    def start(self, network: nn.Module) -> Taken | None:
        """Take weights of another training, and freeze parts, as the settings say."""

    def parameters(self, network: nn.Module) -> Iterable[Any]:
        """Weights to learn, or groups of them, for the optimiser; a group may have a `factor` of the rate."""

    def source(self, rows: Sequence[int]) -> Source:
        """Batches by step; of each, these rows."""

    def view(
        self, batch: Batch, step: int, device: torch.device, rows: Sequence[int]
    ) -> tuple[Tensor, Tensor]:
        """Move the rows of a batch to the device and augment them there: images and truth."""

    def loss(self, ranks: Ranks) -> Loss:
        """Loss of a batch that these processes share."""

    def measure(self, device: torch.device, ranks: Ranks) -> Measure:
        """How validation data are looked at in training."""
