"""The best weights so far by the figure on validation data, and when to stop looking for better ones."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

log = logging.getLogger("segmake")


@dataclass
class Best:
    """Best figure, the step it came after, looks since then, and the weights (those to publish)."""

    figure: float = -math.inf
    step: int = 0
    looks: int = 0
    weights: dict[str, Tensor] = field(default_factory=dict)

    def look(self, figure: float, step: int, network: nn.Module) -> None:
        """Take a look into account; one that saw nothing (NaN, without validation data) is none."""
        if math.isnan(figure):
            return
        if figure > self.figure:
            weights = {name: value.detach().clone() for name, value in network.state_dict().items()}
            self.figure, self.step, self.looks, self.weights = figure, step, 0, weights
        else:
            self.looks += 1

    def publish(self, network: nn.Module) -> None:
        """Give a network the best weights."""
        if self.weights:
            network.load_state_dict(self.weights)
            log.info("the weights after step %d are published, the best seen", self.step)

    def about(self) -> dict[str, Any]:
        """All of it but the weights, as plain numbers."""
        return {"figure": self.figure, "step": self.step, "looks": self.looks}
