"""Several trained models as one: windows, mirrored copies and folds averaged."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from segmake.device import choose_device
from segmake.errors import InputError
from segmake.inference.air import air_levels, background_logits, is_air
from segmake.inference.backends import Forward, torch_forward
from segmake.inference.restore import Restoration, Stripe, Target
from segmake.inference.tiling import Tiling
from segmake.inference.windows import Box, batches, cut, positions, stitch
from segmake.learning.checkpoint import TrainedModel
from segmake.plan import Plan, Triple
from segmake.settings import PredictSettings
from segmake.volume.volume import Array

AXES = ("x", "y", "z")
PLANNED = ("channels", "labels", "regions", "spacing_mm", "patch", "normalisation", "crop", "order")


class Ensemble:
    """Head logits of models that share one plan: their mean, or with `settings.uncertainty` those of each.

    Args:
        models: of one plan.
        settings: how to predict.
        forwards: what runs each of the networks; torch where not given.

    Raises:
        InputError: the models prepare images differently or mean different things by their heads.
    """

    def __init__(
        self,
        models: Sequence[TrainedModel],
        settings: PredictSettings,
        forwards: Sequence[Forward] | None = None,
    ) -> None:
        if not models:
            raise ValueError("an ensemble needs at least one model")
        self.models = list(models)
        self.settings = settings
        self.device = choose_device(settings.device)
        flip = settings.mirror_axes or self.models[0].settings.flip
        self.mirrors = mirrored(flip if settings.mirror else ())
        self.forwards = list(
            forwards or [torch_forward(model.network, self.device, settings.precision) for model in models]
        )
        check_alike(self.models)

    @property
    def plan(self) -> Plan:
        """How to prepare an image, and what the outputs mean."""
        return self.models[0].plan

    @property
    def members(self) -> int:
        """Models whose logits are kept apart; 1 when they are averaged."""
        return len(self.models) if self.settings.uncertainty else 1

    @property
    def passes(self) -> int:
        """Passes through a network for each window."""
        return len(self.models) * len(self.mirrors)

    def stripes(self, data: Array, target: Target, tiling: Tiling) -> Iterator[Stripe]:
        """Native logits [M, H, nx, ny, nz] of a prepared image [C, X, Y, Z], box by box.

        Raises:
            InputError: they are not finite numbers.
        """
        _, x, y, z = data.shape
        restoration = Restoration((x, y, z), self.plan.spacing_mm, target)
        for box in tiling.boxes((x, y, z)):
            prepared = self.prepared_stripes(data, box, tiling)
            for stripe in restoration.run(prepared, box, tiling.axis, tiling.native_rows):
                heads, *grid = stripe.logits.shape
                logits = stripe.logits.reshape(self.members, heads // self.members, *grid)
                yield Stripe(stripe.box, logits)

    def prepared_stripes(self, data: Array, box: Box, tiling: Tiling) -> Iterator[Tensor]:
        """Logits [M * H, n, A, B] of a box of a prepared image [C, X, Y, Z], see `stitch`."""
        fill = background_logits(self.plan).repeat(self.members).to(self.device)
        outputs = self._outputs(data, box, tiling.axis)
        return stitch(outputs, box, tiling.axis, tiling.rows, fill)

    def places(self, data: Array, box: Box, axis: int) -> list[Triple]:
        """Windows of a box that are computed, in order along an axis."""
        patch = self.plan.patch
        levels = air_levels(self.plan) if self.settings.skip_empty else None
        places = (p for p in positions(data.shape[1:], patch, self.settings.overlap) if box.meets(p, patch))
        kept = [p for p in places if levels is None or not is_air(cut(data, p, patch), levels)]
        return sorted(kept, key=lambda place: place[axis])

    def _outputs(self, data: Array, box: Box, axis: int) -> Iterator[tuple[Triple, Tensor]]:
        places = self.places(data, box, axis)
        size = windows_at_once(self.settings, self.device)
        for chunk, windows in batches(data, places, self.plan.patch, size):
            yield from zip(chunk, self.forward(windows), strict=True)

    @torch.inference_mode()
    def forward(self, windows: Array) -> Tensor:
        """Logits [B, M * H, *patch] of windows [B, C, *patch], averaged over mirrored copies."""
        batch = torch.from_numpy(np.ascontiguousarray(windows, dtype=np.float32)).to(self.device)
        results = [self._mean(forward, batch) for forward in self.forwards]
        if self.members > 1 or len(results) == 1:
            return torch.cat(results, dim=1) if len(results) > 1 else results[0]
        total = results[0]
        for result in results[1:]:
            total = total + result
        return total / len(results)

    def _mean(self, forward: Forward, batch: Tensor) -> Tensor:
        """Mean over the mirrored copies of one model."""
        total: Tensor | None = None
        for axes in self.mirrors:
            output = forward(batch.flip(axes)).flip(axes) if axes else forward(batch)
            total = output if total is None else total + output
        if total is None:
            raise ValueError("the image itself is always one of the mirrored copies")
        return total / len(self.mirrors) if len(self.mirrors) > 1 else total


def check_alike(models: Sequence[TrainedModel]) -> None:
    """Models can be averaged when they prepare images alike and mean the same by their heads.

    Raises:
        InputError: they do not.
    """
    first = models[0].plan
    for model in models[1:]:
        alike = all(getattr(model.plan, name) == getattr(first, name) for name in PLANNED)
        if not alike:
            raise InputError(
                "models of one ensemble must come from one plan, "
                f"but fold {model.fold} differs from fold {models[0].fold}; predict with each alone"
            )


def windows_at_once(settings: PredictSettings, device: torch.device) -> int:
    """Windows per network call: a CPU is busy with one, and more would only take memory."""
    return settings.windows or (1 if device.type == "cpu" else 4)


def mirrored(names: Sequence[str]) -> list[tuple[int, ...]]:
    """Every subset of these axes, as dimensions of [B, C, X, Y, Z]."""
    axes = sorted(AXES.index(name) + 2 for name in set(names))
    return [subset for size in range(len(axes) + 1) for subset in itertools.combinations(axes, size)]
