"""Start from the weights of another training: what fits is taken, the rest stays fresh, all of it is told."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import torch
from torch import Tensor, nn

from segmake.errors import ConfigError, InputError
from segmake.learning.weights import bare, identify, read_weights

log = logging.getLogger("segmake")
ENCODERS = {
    "PlannedUNet": r"input_block|downsamples|bottleneck",
    "SegResNet": r"convInit|down_layers",
    "SegResNetDS": r"encoder",
    "UNet": r"model(\.1\.submodule)*+\.(?!2\.)",  # nested: 0 goes down, 1 is the level below, 2 goes up
    "BasicUNet": r"conv_0|down_\d",
    "SwinUNETR": r"swinViT|encoder\d+",
    "UNETR": r"vit|encoder\d+",
    "VNet": r"in_tr|down_tr\d+",
    "MedNeXt": r"stem|enc_stages|down_blocks|bottleneck",
}
"""How the names of a network's encoder begin; of any other network: encoder or backbone."""
SHOWN = 4


class Starting(Protocol):
    """The settings of a start."""

    @property
    def init_from(self) -> Path | None:
        """File of weights."""

    @property
    def freeze(self) -> Literal["none", "encoder"]:
        """Which part keeps them."""


@dataclass(frozen=True)
class Taken:
    """What a file gave to a network.

    taken, adapted (first convolution, for another number of channels), fresh: names of parameters; unused:
    names in the file; percent: share of the network's parameters that are taken or adapted.
    """

    path: Path
    sha256: str
    taken: tuple[str, ...]
    adapted: tuple[str, ...]
    fresh: tuple[str, ...]
    unused: tuple[str, ...]
    percent: float

    def sentence(self) -> str:
        """All of it in a line."""
        parts = [f"{self.percent:.1f}% of the parameters come from {self.path}"]
        names = (
            ("averaged over its channels", self.adapted),
            ("fresh", self.fresh),
            ("not used", self.unused),
        )
        parts += [f"{what}: {_few(found)}" for what, found in names if found]
        return "; ".join(parts)

    def about(self) -> dict[str, Any]:
        """Facts for the published model."""
        facts = {"file": self.path.name, "sha256": self.sha256, "percent": round(self.percent, 2)}
        return facts | {"adapted": self.adapted, "fresh": self.fresh, "unused": len(self.unused)}


def start(network: nn.Module, settings: Starting, freeze: Callable[[nn.Module], float]) -> Taken | None:
    """Do what `init_from` and `freeze` say to a network that was just made; log it.

    freeze: stops the encoder from learning and returns its percentage of the parameters.

    Raises:
        InputError: nothing in the file fits, or it cannot be read.
        ConfigError: what to freeze is not known.
    """
    if settings.init_from is None:
        if settings.freeze != "none":
            raise ConfigError("freeze keeps the weights of init_from, which is not set; set it")
        return None
    taken = apply(network, settings.init_from)
    log.info(taken.sentence())
    if settings.freeze == "encoder":
        log.info("the encoder keeps its weights: %.1f%% of the parameters", freeze(network))
    return taken


@torch.no_grad()
def apply(network: nn.Module, path: Path) -> Taken:
    """Copy every weight into the network that has its name and shape; the first convolution is adapted.

    A first convolution of other channels gets the mean over the file's channels, scaled so that equal
    channels give what they gave before.
    """
    found = read_weights(path)
    old, new = _channels(network, found)
    parameters = {bare(name): (name, value) for name, value in network.named_parameters()}
    buffers = {bare(name): (name, value) for name, value in network.named_buffers()}
    taken, adapted, fresh = [], [], []
    for key, (name, target) in (parameters | buffers).items():
        source = found.get(key)
        if source is not None and source.shape == target.shape:
            target.copy_(source)
            taken.append(name)
        elif source is not None and _differs_in_channels(source, target, old, new):
            target.copy_(source.float().mean(dim=1, keepdim=True).expand_as(target) * (old / new))
            adapted.append(name)
        elif key in parameters:
            fresh.append(name)
    own = dict(parameters.values())
    share = sum(own[name].numel() for name in (*taken, *adapted) if name in own)
    if share == 0:
        raise InputError(_mismatch(path, found, own))
    known = {bare(name): value.shape for name, value in network.state_dict().items()}
    used = {bare(name) for name in adapted}
    unused = [name for name, value in found.items() if name not in used and known.get(name) != value.shape]
    percent = 100 * share / sum(value.numel() for value in own.values())
    names = tuple(name for name in taken if name in own)
    return Taken(path, identify(path), names, tuple(adapted), tuple(fresh), tuple(unused), percent)


def freeze_encoder(network: nn.Module) -> float:
    """Let the encoder keep its weights: no gradient, so that optimisers pass over it. Returns its percentage.

    Raises ConfigError when it is not known which part that is.
    """
    kind = type(network).__name__
    begins = re.compile(ENCODERS.get(kind, r"encoder|backbone"))
    parameters = dict(network.named_parameters())
    chosen = [name for name in parameters if begins.match(name)]
    if not chosen or len(chosen) == len(parameters):
        parts = ", ".join(name for name, _ in network.named_children())
        raise ConfigError(
            f"freeze: encoder does not know which part of {kind} that is (its parts: {parts}); "
            f"call it encoder in your class, choose one of {', '.join(ENCODERS)}, or set freeze: none"
        )
    for name in chosen:
        parameters[name].requires_grad_(False)
    counts = {name: value.numel() for name, value in parameters.items()}
    return 100 * sum(counts[name] for name in chosen) / sum(counts.values())


def _channels(network: nn.Module, found: Mapping[str, Tensor]) -> tuple[int, int]:
    """Image channels that the file's network took, and that this one takes; 0 where it is not known."""
    for name, module in network.named_modules():
        if isinstance(module, nn.Conv1d | nn.Conv2d | nn.Conv3d):
            source = found.get(bare(f"{name}.weight"))
            if source is None or source.ndim != module.weight.ndim:
                return 0, 0
            return source.shape[1], module.weight.shape[1]
    return 0, 0


def _differs_in_channels(source: Tensor, target: Tensor, old: int, new: int) -> bool:
    """Whether two kernels [out, in, ...] that see the image differ in the image's channels alone."""
    if source.ndim != target.ndim or source.ndim < 3 or old in (0, new):
        return False
    same = source.shape[0] == target.shape[0] and source.shape[2:] == target.shape[2:]
    return same and (source.shape[1], target.shape[1]) == (old, new)


def _mismatch(path: Path, found: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> str:
    (theirs, one), (ours, other) = next(iter(found.items())), next(iter(own.items()))
    return (
        f"none of the {len(found)} weights in {path} fits the network: it begins with {theirs} "
        f"{list(one.shape)}, the network with {ours} {list(other.shape)}; set network, options and "
        "plan.features as they were for these weights"
    )


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
