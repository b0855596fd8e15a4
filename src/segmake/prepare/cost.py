"""What a training step costs: arithmetic and memory of a U-Net, estimated from its shape alone.

The network is MONAI's DynUNet with basic blocks: two convolutions a stage, each followed by instance
norm and a leaky ReLU; a transposed convolution up, then two convolutions on the concatenation.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from segmake.errors import ConfigError
from segmake.plan import Triple

BYTES_HALF = 2
BYTES_TRAINED_PARAMETER = 20
"""float32 weight, gradient, two AdamW moments, averaged weight."""
BYTES_LOGIT = 24
"""float32 logits, their gradient, probabilities, one-hot target and two temporaries of Dice and CE."""
BYTES_FIXED = 1_000_000_000
"""CUDA context, cuDNN workspace and allocator slack."""
SCALE = {"MB": 1e6, "GB": 1e9, "GFLOP": 1e9, "TFLOP": 1e12}


@dataclass(frozen=True)
class Convolution:
    """One convolution: channels, weights per channel pair, output voxels, multiply-adds per channel pair."""

    channels_in: int
    channels_out: int
    taps: int
    voxels_out: int
    products: int


@dataclass(frozen=True)
class Network:
    """Shape of a U-Net; features, kernels and strides have an entry per resolution stage."""

    channels: int
    heads: int
    features: Sequence[int]
    kernels: Sequence[Triple]
    strides: Sequence[Triple]

    def grids(self, patch: Triple) -> list[int]:
        """Voxels per resolution stage for a patch that the strides divide."""
        sizes, size = [], list(patch)
        for stride in self.strides:
            size = [n // s for n, s in zip(size, stride, strict=True)]
            sizes.append(math.prod(size))
        return sizes

    def encoder(self, patch: Triple) -> list[Convolution]:
        """Convolutions of the contracting path."""
        result, before = [], self.channels
        for feature, kernel, voxels in zip(self.features, self.kernels, self.grids(patch), strict=True):
            result += [_conv(c, feature, kernel, voxels) for c in (before, feature)]
            before = feature
        return result

    def decoder(self, patch: Triple) -> list[Convolution]:
        """Convolutions of the expanding path without the transposed ones, coarse to fine."""
        grids, result = self.grids(patch), []
        for level in range(len(self.features) - 2, -1, -1):
            feature, kernel = self.features[level], self.kernels[level + 1]
            result += [_conv(c, feature, kernel, grids[level]) for c in (2 * feature, feature)]
        return result

    def up(self, patch: Triple) -> list[Convolution]:
        """Transposed convolutions (kernel = stride: one product per output voxel) and the output head."""
        grids, result = self.grids(patch), []
        for level in range(len(self.features) - 2, -1, -1):
            taps = math.prod(self.strides[level + 1])
            pair = (self.features[level + 1], self.features[level])
            result.append(Convolution(*pair, taps, grids[level], grids[level]))
        return [*result, _conv(self.features[0], self.heads, (1, 1, 1), grids[0])]


def _conv(channels_in: int, channels_out: int, kernel: Triple, voxels: int) -> Convolution:
    taps = math.prod(kernel)
    return Convolution(channels_in, channels_out, taps, voxels, taps * voxels)


def parameters(net: Network) -> int:
    """Number of convolution weights (norms and biases, well under a percent, are left out)."""
    patch = _unit_patch(net)
    layers = net.encoder(patch) + net.decoder(patch) + net.up(patch)
    return sum(c.channels_in * c.channels_out * c.taps for c in layers)


def _unit_patch(net: Network) -> Triple:
    x, y, z = (math.prod(stride[axis] for stride in net.strides) for axis in range(3))
    return x, y, z


def forward_flop(net: Network, patch: Triple) -> float:
    """Floating-point operations (two per multiply-add) of one patch through the network."""
    layers = net.encoder(patch) + net.decoder(patch) + net.up(patch)
    return 2.0 * sum(c.channels_in * c.channels_out * c.products for c in layers)


def step_flop(net: Network, patch: Triple, batch: int) -> float:
    """Operations of a training step: forward once, backward twice (to the inputs and to the weights)."""
    return 3 * batch * forward_flop(net, patch)


def step_bytes(net: Network, patch: Triple, batch: int) -> float:
    """GPU memory of a training step in mixed precision.

    Kept for the backward pass in half precision: of every convolution its output (for the norm) and its
    activation (for what follows), and of every decoder level the concatenation. Then logits and loss in
    float32, what the optimiser holds per parameter, and a fixed part.
    """
    layers = net.encoder(patch) + net.decoder(patch)
    kept = 2 * sum(c.channels_out * c.voxels_out for c in layers)
    kept += sum(c.channels_in * c.voxels_out for c in net.decoder(patch)[::2])
    logits = net.heads * math.prod(patch)
    return (
        batch * (kept * BYTES_HALF + logits * BYTES_LOGIT)
        + parameters(net) * BYTES_TRAINED_PARAMETER
        + BYTES_FIXED
    )


@dataclass(frozen=True)
class Budget:
    """What one training step may cost: bytes of GPU memory, or floating-point operations."""

    limit: float
    kind: Literal["memory", "compute"]

    @classmethod
    def parse(cls, text: str) -> Budget:
        """Read "8GB" or "100GFLOP" (also MB, TFLOP); raises ConfigError on anything else."""
        match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(MB|GB|GFLOP|TFLOP)S?\s*", text.upper())
        if match is None or float(match[1]) == 0:
            raise ConfigError(
                f'plan.budget is GPU memory such as "8GB" or the work of a step such as "100GFLOP", got '
                f'"{text}"; correct it'
            )
        limit = float(match[1]) * SCALE[match[2]]
        return cls(limit, "memory" if match[2].endswith("B") else "compute")

    def cost(self, net: Network, patch: Triple, batch: int) -> float:
        """Cost of a training step in the unit of this budget."""
        return (step_bytes if self.kind == "memory" else step_flop)(net, patch, batch)

    def fits(self, net: Network, patch: Triple, batch: int) -> bool:
        """Whether a training step stays within the budget."""
        return self.cost(net, patch, batch) <= self.limit

    def say(self, cost: float) -> str:
        """A cost with its unit, such as "6.3 GB" or "81.2 GFLOP"."""
        unit = "GB" if self.kind == "memory" else "GFLOP"
        return f"{cost / 1e9:.4g} {unit}"
