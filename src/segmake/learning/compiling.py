"""Whether a run is worth compiling its network for, and the compiling itself (torch.compile).

A compiled step rounds differently, so whether a run compiles is decided once, after its first steps, and
kept in its state. Saved weights are those of the plain network either way.
"""

from __future__ import annotations

import copy
import logging

from torch import Tensor, nn

from segmake.learning.networks import logits

log = logging.getLogger("segmake")
FIRST_STEPS = 5
"""Steps taken before it is decided; they tell how long one takes."""
SPEEDUP = 1.2
"""Time of a plain step over that of a compiled one; measured by benchmarks/training_step.py."""
COMPILE_SECONDS = 30.0
"""What compiling takes; measured by benchmarks/train_step_vs_nnunet.py."""
MARGIN = 2.0
"""How many times over the time must be earned back, as other machines and networks differ."""


def pays(seconds_left: float) -> bool:
    """Whether compiling now saves more time of what is left than it takes."""
    return seconds_left * (1 - 1 / SPEEDUP) > MARGIN * COMPILE_SECONDS


def wanted(setting: str, seconds_left: float) -> bool:
    """Whether `train.compile` (auto, always, never) means to compile, with so many seconds left to train."""
    return setting == "always" or (setting == "auto" and pays(seconds_left))


def undo(network: nn.Module) -> None:
    """Make a compiled network a plain one again."""
    network._compiled_call_impl = None


def compile_network(network: nn.Module, images: Tensor) -> bool:
    """Compile a network in place and try it forwards and backwards on images [B, C, X, Y, Z].

    Returns whether it worked. Weights, buffers and the names they are saved under stay as they are.
    """
    before = copy.deepcopy(network.state_dict())  # a forward pass may move running means
    try:
        network.compile(dynamic=False)
        sum(output.float().mean() for output in logits(network, images)).backward()  # type: ignore[union-attr]
        worked = True
    except Exception as error:  # whatever a compiler trips over: a plain network does the same work
        undo(network)
        reason = " ".join(str(error).split("\n")[:2])[:200]  # the first line may only name the backend
        log.debug("torch.compile failed", exc_info=True)
        log.info("the network cannot be compiled here (%s); training goes on without", reason)
        worked = False
    network.zero_grad()
    network.load_state_dict(before)
    return worked
