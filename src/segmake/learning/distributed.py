"""Several processes that train one model together, each on its share of every batch.

torchrun tells each process its place by environment variables; so does `launching`. This module alone
reads them. Nothing is averaged: losses and gradients are sums over the patches of a batch, whoever computes
them, so that the same batch gives the same step however it is divided.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from segmake.errors import ConfigError, SegmakeError
from segmake.volume.volume import Array

PLACE = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE")
"""What torchrun tells a process: its number among all, how many there are, and the same on its machine."""


@dataclass(frozen=True)
class Ranks:
    """The place of this process among those that train together; alone unless told otherwise.

    Every method but the properties must be called by all of them at the same time.
    """

    rank: int = 0
    count: int = 1
    local: int = 0
    local_count: int = 1
    parent: int = 0

    @property
    def first(self) -> bool:
        """Whether this process writes what is written once."""
        return self.rank == 0

    @property
    def orphaned(self) -> bool:
        """Whether whoever started these processes is gone (killed): then nobody waits for them."""
        return self.count > 1 and os.getppid() != self.parent

    def total(self, value: Tensor) -> Tensor:
        """Sum over processes, on any device. Each one's gradient is with respect to its own part."""
        if self.count == 1:
            return value
        summed: Tensor = _Total.apply(value)  # type: ignore[no-untyped-call]
        return summed

    def largest(self, *values: float) -> list[float]:
        """Largest of each number over processes, so that all decide the same."""
        if self.count == 1:
            return list(values)
        found = torch.tensor(values, dtype=torch.float64)
        dist.all_reduce(found, dist.ReduceOp.MAX)
        return found.tolist()

    def agree(self, value: float) -> bool:
        """Whether the number is the same in all processes."""
        most, least = self.largest(value, -value)
        return most == -least

    def wait(self) -> None:
        """Go on when all processes have come this far."""
        self.largest(0)

    def sum_gradients(self, network: nn.Module) -> None:
        """Give every process the gradient of the whole batch, in one message."""
        if self.count == 1:
            return
        gradients = [p.grad for p in network.parameters() if p.grad is not None]
        flat = torch.cat([gradient.reshape(-1) for gradient in gradients])
        dist.all_reduce(flat)
        parts = torch.split(flat, [gradient.numel() for gradient in gradients])
        for gradient, part in zip(gradients, parts, strict=True):
            gradient.copy_(part.view_as(gradient))

    def from_local_first(self, value: Any) -> Any:
        """What the first process on this machine has."""
        if self.count == 1:
            return value
        values: list[Any] = [None] * self.count
        dist.all_gather_object(values, value)
        return values[self.rank - self.local]

    def whole(self, network: nn.Module) -> nn.Module:
        """Make layers that normalise over the batch see all of it.

        Raises:
            ConfigError: there are such layers and no GPU, which torch needs for them.
        """
        if self.count == 1 or not any(isinstance(layer, _BatchNorm) for layer in network.modules()):
            return network
        if next(network.parameters()).device.type != "cuda":
            raise ConfigError(
                f"the network normalises over the batch, which {self.count} processes can do together on "
                "GPUs alone; train it in one process, or choose another norm in its options"
            )
        convert: Any = nn.SyncBatchNorm.convert_sync_batchnorm  # which has no types
        synchronised: nn.Module = convert(network)
        return synchronised


ALONE = Ranks()


class _Total(torch.autograd.Function):
    """Sum over processes. The gradient stays: gradients of weights are summed later, all at once."""

    @staticmethod
    def forward(context: Any, value: Tensor) -> Tensor:  # noqa: ARG004  torch passes it
        summed = value.detach().clone()
        dist.all_reduce(summed)
        return summed

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> Tensor:  # noqa: ARG004  torch passes it
        return gradients[0]


@dataclass(frozen=True)
class Share:
    """What one process computes of every batch.

    rows: its patches; sizes: how many of them each part of the batch has, in order; weights: share of the
    batch's patches that each part has over all processes.
    """

    rows: list[int]
    sizes: list[int]
    weights: list[float]

    @classmethod
    def of(cls, batch: int, parts: int, ranks: Ranks) -> Share:
        """Divide a batch into parts of neighbours, and each part in turn over the processes.

        Raises:
            ConfigError: some process would have nothing to do.
        """
        if parts * ranks.count > batch:
            over = f" in each of {ranks.count} processes" if ranks.count > 1 else ""
            raise ConfigError(
                f"accumulate splits a batch into at most its {batch} patches, got {parts}{over}; "
                f"lower it or raise the batch{' (or use fewer GPUs)' if over else ''}"
            )
        divided = [part.tolist() for part in np.array_split(np.arange(batch), parts)]
        mine = [[row for row in part if row % ranks.count == ranks.rank] for part in divided]
        return cls(
            rows=[row for part in mine for row in part],
            sizes=[len(part) for part in mine],
            weights=[len(part) / batch for part in divided],
        )


def sum_counts(counts: Array, ranks: Ranks) -> Array:
    """Sum of an array of counts over processes."""
    summed: Array = ranks.total(torch.from_numpy(counts)).numpy()
    return summed


def together() -> bool:
    """Whether this process was started as one of several (or of one) by torchrun or `launching`."""
    return all(name in os.environ for name in PLACE)


@contextmanager
def joined() -> Iterator[Ranks]:
    """Join the processes that were started together; nothing to join when this one runs by itself."""
    rank, count, local, local_count = (
        (int(os.environ[name]) for name in PLACE) if together() else (0, 1, 0, 1)
    )
    if count == 1:
        yield ALONE
        return
    # decisions travel by gloo, so that they do not wait for the GPU
    dist.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo")
    try:
        yield Ranks(rank, count, local, local_count, os.getppid())
    except SegmakeError:  # all of them come here together
        dist.destroy_process_group()
        raise
    dist.destroy_process_group()


def environment(rank: int, count: int, port: int) -> Mapping[str, str]:
    """What torchrun would tell a process of this machine, whose store listens at the port."""
    place = dict(zip(PLACE, (rank, count, rank, count), strict=True))
    meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    store = {"TORCHELASTIC_USE_AGENT_STORE": True, "TORCHELASTIC_RESTART_COUNT": 0}
    return dict(os.environ) | {name: str(value) for name, value in (place | meeting | store).items()}
