"""How far a training can be repeated, and the hashes by which a repetition is recognised.

recorded       settings, versions, hashes of inputs and weights are written down
deterministic  and it ran where the same job gives the same weights again: a CPU, without torch.compile, with
               learning rates that do not follow the clock, in one process or always as many
verified       and `segmake verify --train` has repeated its first steps to the same weights
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
from torch import nn

from segmake.learning import checkpoint

Level = Literal["recorded", "deterministic", "verified"]
MARKS = (1, 10, 100)
"""Steps after which the weights are hashed, beside the last one."""


def weights_sha256(network: nn.Module) -> str:
    """SHA-256 over every weight and buffer with its name, type and shape, on whatever device they are."""
    digest = hashlib.sha256()
    for name, value in sorted(checkpoint.tensors(network).items()):
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode())
        digest.update(value.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def level(device: str, compiled: bool, clocked: bool, regrouped: bool = False) -> tuple[Level, str]:
    """Level that a training reaches by itself, and why it is no higher.

    Args:
        device: type of the device it ran on.
        compiled: whether the network was compiled.
        clocked: whether learning rates followed the clock (a budget in minutes that repeats no earlier run).
        regrouped: whether it went on in another number of processes than it began in.
    """
    reasons = [
        "its sums on a GPU may run in another order" if device != "cpu" else "",
        "a compiled network may round differently" if compiled else "",
        "its learning rates followed the clock; replay repeats it" if clocked else "",
        "it went on in another number of processes" if regrouped else "",
    ]
    if any(reasons):
        return "recorded", "; ".join(filter(None, reasons))
    return "deterministic", "the same job on this kind of processor, with as many threads, repeats it"


def statement(
    hashes: Mapping[str, str], device: str, compiled: bool, clocked: bool, processes: Sequence[int]
) -> dict[str, Any]:
    """What the manifest says about a training: level, reason, where, hashes of the weights by step."""
    reached, why = level(device, compiled, clocked, len(processes) > 1)
    place = {"device": device, "processes": list(processes)}
    return {"level": reached, "why": why, **place, "weights": dict(hashes)}
