"""Whole volumes made of the stripes that inference works in."""

from __future__ import annotations

import itertools

import numpy as np
import torch
from torch import nn

from segmake.inference.ensemble import Ensemble
from segmake.inference.labelling import label_volume
from segmake.inference.restore import Restoration, Stripe, Target
from segmake.inference.tiling import Tiling
from segmake.inference.windows import Box, batches, positions, stitch
from segmake.learning.checkpoint import TrainedModel
from segmake.plan import Plan
from segmake.settings import TrainSettings

WHOLE = Tiling(axis=0, rows=10_000, native_rows=10_000, across=1, block=10_000, bytes=0)


class Function(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


def trained(function, plan: Plan, fold: int = 0, validation=(), **settings) -> TrainedModel:
    network = function if isinstance(function, nn.Module) else Function(function)
    return TrainedModel(network.eval(), plan, fold, TrainSettings(**settings), 0, list(validation), {}, {})


def slide(data, network, patch, overlap, batch, axis=0, rows=10_000) -> np.ndarray:
    """Mean of a network's outputs over a whole grid; network: arrays [B, C, *patch] -> [B, H, *patch]."""
    box = Box((0, 0, 0), data.shape[1:])
    places = sorted(positions(data.shape[1:], patch, overlap), key=lambda place: place[axis])

    def outputs():
        for chunk, windows in batches(data, places, patch, batch):
            yield from zip(chunk, torch.from_numpy(np.array(network(windows))), strict=True)

    found = outputs()
    first = next(found)
    fill = torch.zeros(len(first[1]))
    stripes = list(stitch(itertools.chain([first], found), box, axis, rows, fill))
    return torch.cat(stripes, dim=1).movedim(1, axis + 1).numpy()


def prepared_logits(ensemble: Ensemble, data: np.ndarray) -> np.ndarray:
    """Logits of a prepared image on its own grid."""
    box = Box((0, 0, 0), data.shape[1:])
    return torch.cat(list(ensemble.prepared_stripes(data, box, WHOLE)), dim=1).numpy()


def restore(logits, plan, shape, spacing=(1.0, 1.0, 1.0), start=(0, 0, 0), box=None, viewers=()):
    """Label values [X, Y, Z] of whole logits [H, X, Y, Z] (or of several models, [M, H, X, Y, Z])."""
    logits = torch.from_numpy(np.asarray(logits, np.float32))
    models = logits if logits.ndim == 5 else logits[None]
    grid = tuple(models.shape[2:])
    restoration = Restoration(
        grid, plan.spacing_mm, Target(tuple(shape), spacing, start, tuple(box or shape))
    )
    stripes = restoration.run(iter([models.flatten(0, 1)]), Box((0, 0, 0), grid), 0, 10_000)
    apart = (Stripe(one.box, one.logits.unflatten(0, models.shape[:2])) for one in stripes)
    return label_volume(apart, plan, shape, viewers)[0]
