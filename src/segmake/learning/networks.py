"""Segmentation networks by name, shaped by the plan.

A network maps images [B, C, X, Y, Z] to logits [B, heads, X, Y, Z]; `logits` hides how each of them returns
its outputs.
"""

from __future__ import annotations

import contextlib
import copy
import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from segmake.errors import ConfigError
from segmake.learning.architectures import Architecture, find
from segmake.plan import Plan, Triple

SIZED = ("img_size", "input_image_size")
"""Parameters that fix the patch a network is made for."""
DIVISORS = (2, 4, 8, 16, 32, 64)
MISFITS = (RuntimeError, ValueError, AssertionError, IndexError, TypeError, ImportError)
"""What networks raise at a size or an option that they do not take."""


def build(
    network: str, options: Mapping[str, Any], plan: Plan, deep_supervision: bool, seed: int = 0
) -> nn.Module:
    """Make a network for this plan with weights drawn from `seed`; `options` override what the plan says.

    Raises ConfigError for an unknown name, unknown options, or a shape that the network cannot take.
    """
    architecture = find(network)
    arguments = architecture.arguments(options, plan, deep_supervision)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        try:
            return architecture.make(**arguments)
        except MISFITS as error:
            raise ConfigError(
                f"{network} cannot be made from this plan: {first_line(error)}; "
                f"{_sized(architecture, arguments, plan)}"
            ) from error


def logits(network: nn.Module, images: Tensor) -> list[Tensor]:
    """Run a network: outputs [B, heads, ...] from finest to coarsest (one unless deeply supervised)."""
    result = network(images)
    if isinstance(result, Tensor):
        return [result]
    return [item for item in result if isinstance(item, Tensor) and item.ndim == images.ndim]


def check(network: nn.Module, name: str, plan: Plan) -> None:
    """Send one patch of zeros through, so that a misfit is reported before training begins."""
    device = next(network.parameters()).device
    was_training = network.training
    try:
        outputs = _pass_zeros(network, plan, plan.patch, device)
    except MISFITS as error:
        raise ConfigError(
            f"{name} cannot take the plan's patch {plan.patch}: {first_line(error)}; "
            f"{_divisible(network, name, plan)}"
        ) from error
    network.train(was_training)
    expected = (1, len(plan.heads), *plan.patch)
    received = tuple(outputs[0].shape) if outputs else ()
    if received != expected:
        raise ConfigError(
            f"{name} must return logits of shape {expected} for one patch, got {received}; "
            "choose a segmentation network for train.network"
        )
    if said := refuses_batch(network, (plan.batch, len(plan.channels), *plan.patch)):
        raise ConfigError(
            f"{name} cannot be trained on batches of {plan.batch} x {plan.patch}: {said}; "
            "raise plan.batch or plan.patch"
        )


def refuses_batch(network: nn.Module, shape: tuple[int, ...]) -> str:
    """Why a network cannot be trained on a batch of this shape, empty when it can; nothing is computed.

    Batch normalisation needs more than one value per channel.
    """
    images = torch.zeros(shape, device="meta")
    with torch.no_grad(), contextlib.suppress(RuntimeError):  # not every network runs on the meta device
        try:
            copy.deepcopy(network).to("meta").train()(images)
        except ValueError as error:
            return first_line(error)
    return ""


def _pass_zeros(network: nn.Module, plan: Plan, patch: Triple, device: torch.device) -> list[Tensor]:
    images = torch.zeros(1, len(plan.channels), *patch, device=device)
    with torch.no_grad():
        return logits(network.eval(), images)


def _sized(architecture: Architecture, arguments: Mapping[str, Any], plan: Plan) -> str:
    """Advice for a network that was not made."""
    names = [name for name in SIZED if arguments.get(name) == plan.patch]

    def works(patch: Triple) -> bool:
        architecture.make(**{**arguments, **dict.fromkeys(names, patch)})
        return True

    return _advice(works, plan.patch) if names else "see train.options"


def _divisible(network: nn.Module, name: str, plan: Plan) -> str:
    """Advice for a network that did not take its patch; tried on the meta device, which computes nothing.

    A network made for one patch is made again, with its default options.
    """
    meta, architecture = torch.device("meta"), find(name)
    sized = bool({*SIZED} & {*architecture.parameters})
    copied = network if sized else copy.deepcopy(network).to(meta)

    def works(patch: Triple) -> bool:
        other = plan.model_copy(update={"patch": patch})
        with meta:
            trial = architecture.make(**architecture.arguments({}, other, False)) if sized else copied
        return tuple(_pass_zeros(trial, plan, patch, meta)[0].shape[2:]) == patch

    return _advice(works, plan.patch)


def _advice(works: Callable[[Triple], bool], patch: Triple) -> str:
    """Name the smallest patch round this one, of multiples of a power of two, that works."""
    for divisor in DIVISORS:
        x, y, z = (math.ceil(size / divisor) * divisor for size in patch)
        try:
            if works((x, y, z)):
                return f"pin plan.patch to [{x}, {y}, {z}], multiples of {divisor}, or choose another network"
        except (*MISFITS, NotImplementedError):
            continue
    return "choose another train.network"


def first_line(error: BaseException) -> str:
    """What an error says, in short; its kind where it says nothing."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
