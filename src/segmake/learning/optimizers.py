"""Optimisers by name; a rate or decay that is not set is the customary one of the optimiser."""

from __future__ import annotations

import torch
from torch import nn
from torch.optim import Optimizer

from segmake.settings import TrainSettings

RATE = {"adamw": 3e-3, "sgd": 1e-2}
DECAY = {"adamw": 1e-2, "sgd": 3e-5}
"""For SGD those of nnU-Net (Isensee et al., Nature Methods 2021); AdamW's is torch's default."""


def peak_rate(settings: TrainSettings) -> float:
    """Peak learning rate."""
    return RATE[settings.optimizer] if settings.lr is None else settings.lr


def make_optimizer(network: nn.Module, settings: TrainSettings) -> Optimizer:
    """Optimiser of all weights of a network.

    adamw: Loshchilov and Hutter, 2019, whose decay is decoupled from the rate's gradient. sgd: with Nesterov
    momentum; its decay is part of the gradient.
    """
    decay = DECAY[settings.optimizer] if settings.weight_decay is None else settings.weight_decay
    weights, rate = network.parameters(), peak_rate(settings)
    if settings.optimizer == "sgd":
        return torch.optim.SGD(
            weights, lr=rate, weight_decay=decay, momentum=settings.momentum, nesterov=True, fused=True
        )
    return torch.optim.AdamW(weights, lr=rate, weight_decay=decay, fused=True)


def set_rate(optimizer: Optimizer, rate: float) -> None:
    """Give every group of weights this learning rate."""
    for group in optimizer.param_groups:
        group["lr"] = rate
