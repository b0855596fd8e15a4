"""Optimisers by name; a rate or decay that is not set is the customary one of the optimiser."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch.optim import Optimizer

from segmake.training import LearnSettings

RATE = {"adamw": 3e-3, "adam": 1e-4, "sgd": 1e-2}
DECAY = {"adamw": 1e-2, "adam": 0.0, "sgd": 3e-5}
"""For SGD those of nnU-Net (Isensee et al., Nature Methods 2021); the decays of the others are torch's."""


def peak_rate(settings: LearnSettings) -> float:
    """Peak learning rate."""
    return RATE[settings.optimizer] if settings.lr is None else settings.lr


def make_optimizer(weights: Iterable[Any], settings: LearnSettings) -> Optimizer:
    """Optimiser of weights, or of groups of them; a group's `factor` multiplies its rate.

    adam: Kingma and Ba, 2015. adamw: Loshchilov and Hutter, 2019, whose decay is decoupled from the rate's
    gradient. sgd: with Nesterov momentum. The decay of adam and sgd is part of the gradient.
    """
    decay = DECAY[settings.optimizer] if settings.weight_decay is None else settings.weight_decay
    rate = peak_rate(settings)
    if settings.optimizer == "sgd":
        return torch.optim.SGD(
            weights, lr=rate, weight_decay=decay, momentum=settings.momentum, nesterov=True, fused=True
        )
    kind = torch.optim.Adam if settings.optimizer == "adam" else torch.optim.AdamW
    return kind(weights, lr=rate, weight_decay=decay, fused=True)


def set_rate(optimizer: Optimizer, rate: float) -> None:
    """Give every group of weights this learning rate, times its factor."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group.get("factor", 1)
