"""Changes of intensity, each of one channel [1, 1, X, Y, Z] with one number; the caller's tensor stays."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812  the name torch's own documentation uses
from torch import Tensor


def shade(channel: Tensor, field: Tensor) -> Tensor:
    """Multiply by a smooth field, as an MR coil does, measured from the darkest voxel.

    Normalised intensities have lost their zero, so the darkest voxel stands for no signal; exact zeros lie
    outside of the body of a masked plan and stay.
    """
    low = channel.min()
    return torch.where(channel == 0, channel, low + (channel - low) * field)


def blur(channel: Tensor, sigma: float) -> Tensor:
    """Gaussian smoothing, one axis after the other; sigma in voxels."""
    radius = max(3, round(3 * sigma))
    offsets = torch.arange(-radius, radius + 1, device=channel.device, dtype=channel.dtype)
    weights = torch.exp(-0.5 * (offsets / sigma) ** 2)
    weights = weights / weights.sum()
    size = len(weights)
    for shape in ((size, 1, 1), (1, size, 1), (1, 1, size)):
        pad = [length // 2 for length in reversed(shape) for _ in range(2)]
        channel = F.conv3d(F.pad(channel, pad, mode="replicate"), weights.reshape(1, 1, *shape))
    return channel


def stretch(channel: Tensor, factor: float) -> Tensor:
    """Multiply the distance to the mean (contrast)."""
    mean = channel.mean()
    return (channel - mean) * factor + mean


def coarsen(channel: Tensor, zoom: float) -> Tensor:
    """Keep a fraction of the voxels along each axis, then enlarge again (low-resolution simulation)."""
    size = [max(1, round(n * zoom)) for n in channel.shape[2:]]
    small = F.interpolate(channel, size, mode="nearest-exact")
    return F.interpolate(small, channel.shape[2:], mode="trilinear", align_corners=False)


def curve(channel: Tensor, gamma: float) -> Tensor:
    """Raise the channel's range to a power; its mean and standard deviation stay."""
    low, high = channel.min(), channel.max()
    curved = ((channel - low) / (high - low).clamp_min(1e-7)) ** gamma
    scale = channel.std() / curved.std().clamp_min(1e-7)
    return (curved - curved.mean()) * scale + channel.mean()
