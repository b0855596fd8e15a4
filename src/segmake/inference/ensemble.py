"""Several trained models as one: windows, mirrored copies and folds averaged."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from segmake.device import autocast, choose_device
from segmake.errors import InputError
from segmake.inference.windows import slide
from segmake.learning.checkpoint import TrainedModel
from segmake.learning.networks import logits
from segmake.plan import Plan
from segmake.settings import PredictSettings
from segmake.volume.volume import Array

AXES = ("x", "y", "z")
PLANNED = ("channels", "labels", "regions", "spacing_mm", "patch", "normalisation", "crop", "order")


class Ensemble:
    """Mean logits of models that share one plan.

    Raises:
        InputError: the models prepare images differently or mean different things by their heads.
    """

    def __init__(self, models: Sequence[TrainedModel], settings: PredictSettings) -> None:
        if not models:
            raise ValueError("an ensemble needs at least one model")
        self.models = list(models)
        self.settings = settings
        self.device = choose_device(settings.device)
        self.mirrors = _mirrors(self.models[0].settings.flip) if settings.mirror else [()]
        self._check()

    @property
    def plan(self) -> Plan:
        """How to prepare an image, and what the outputs mean."""
        return self.models[0].plan

    def logits(self, data: Array) -> Array:
        """Head logits [H, X, Y, Z] float32 of a prepared image [C, X, Y, Z].

        Raises:
            InputError: they are not finite numbers; an arg-max would call such voxels background.
        """
        settings = self.settings
        with torch.inference_mode():
            result = slide(data, self._mean, self.plan.patch, settings.overlap, settings.windows)
        if not np.isfinite(result.sum(dtype=np.float64)):
            raise InputError(
                "the network's output holds values that are not finite numbers; check the intensities of the "
                "scan, predict with precision fp32, or train the model again"
            )
        return result

    def _mean(self, patches: Array) -> Array:
        """Mean over models and mirrored copies of one batch of windows."""
        batch = torch.from_numpy(np.ascontiguousarray(patches, dtype=np.float32)).to(self.device)
        passes = list(itertools.product(self.models, self.mirrors))
        outputs = (self._mirrored(model.network, batch, axes) for model, axes in passes)
        total = functools.reduce(torch.add, outputs)
        mean: Array = (total / len(passes) if len(passes) > 1 else total).cpu().numpy()
        return mean

    def _mirrored(self, network: nn.Module, batch: torch.Tensor, axes: tuple[int, ...]) -> torch.Tensor:
        with autocast(self.device, self.settings.precision):
            output = logits(network, batch.flip(axes) if axes else batch)[0].float()
        return output.flip(axes) if axes else output

    def _check(self) -> None:
        """Models can be averaged when they prepare images alike and mean the same by their heads."""
        first = self.models[0].plan
        for model in self.models[1:]:
            alike = all(getattr(model.plan, name) == getattr(first, name) for name in PLANNED)
            if not alike:
                raise InputError(
                    "models of one ensemble must come from one plan, "
                    f"but fold {model.fold} differs from fold {self.models[0].fold}; predict with each alone"
                )


def _mirrors(flip: Sequence[str]) -> list[tuple[int, ...]]:
    """Every subset of the flip axes, as dimensions of [B, C, X, Y, Z]."""
    axes = [AXES.index(name) + 2 for name in flip]
    return [subset for size in range(len(axes) + 1) for subset in itertools.combinations(axes, size)]
