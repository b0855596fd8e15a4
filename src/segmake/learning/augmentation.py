"""Augmentation of a batch on the training device: draw the parameters, then apply them.

One affine (rotation, scaling and flips together) and one resampling per patch; then intensities. The set
follows nnU-Net (Isensee et al., Nature Methods 2021, supplement 4) with its probabilities as defaults.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  the name torch's own documentation uses
from torch import Tensor

from segmake.plan import Spacing, Triple
from segmake.volume.volume import Array

FLAT = 3.0
"""An axis this many times coarser (or a patch this many times shorter) is not mixed with the others."""


@dataclass(frozen=True)
class Recipe:
    """How often and how strongly. Probabilities are per patch (intensities: per channel)."""

    flip: tuple[int, ...] = (0, 1, 2)
    rotate: float = 0.3
    degrees: float = 30.0
    scale: float = 0.3
    scale_range: tuple[float, float] = (0.7, 1.4)
    noise: float = 0.15
    noise_std: float = 0.3
    brightness: float = 0.15
    brightness_range: tuple[float, float] = (0.75, 1.25)
    contrast: float = 0.15
    contrast_range: tuple[float, float] = (0.75, 1.25)
    blur: float = 0.1
    blur_sigma: tuple[float, float] = (0.5, 1.0)
    low_resolution: float = 0.15
    zoom_range: tuple[float, float] = (0.5, 1.0)
    gamma: float = 0.2
    gamma_range: tuple[float, float] = (0.7, 1.5)


@dataclass(frozen=True)
class Parameters:
    """What happens to one batch. Neutral values (0, 1, identity) leave a patch as it is.

    matrix: [B, 3, 3] from output to input millimetres; the rest [B, C].
    """

    matrix: Array
    noise_std: Array
    noise_seed: int
    brightness: Array
    contrast: Array
    blur_sigma: Array
    zoom: Array
    gamma: Array
    inverted: Array


@dataclass(frozen=True)
class Grid:
    """Voxels of the patch given to the network, and their size."""

    patch: Triple
    spacing_mm: Spacing

    @property
    def flat(self) -> list[int]:
        """Axes that are much coarser or shorter than the others."""
        coarse = [s > FLAT * min(self.spacing_mm) for s in self.spacing_mm]
        short = [p * FLAT < max(self.patch) for p in self.patch]
        return [axis for axis in range(3) if coarse[axis] or short[axis]]

    def border(self, margin: float = 0.1) -> Triple:
        """Voxels to cut beyond each side of the patch, so that a rotated one still has its corners."""
        x, y, z = (0 if a in self.flat else int(np.ceil(p * margin)) for a, p in enumerate(self.patch))
        return x, y, z


def draw(recipe: Recipe, grid: Grid, shape: tuple[int, int], random: np.random.Generator) -> Parameters:
    """Draw the parameters of a batch of `shape` (patches, channels)."""

    def sometimes(probability: float, span: Sequence[float], neutral: float) -> Array:
        values = random.uniform(span[0], span[1], shape)
        chosen: Array = np.where(random.random(shape) < probability, values, neutral)
        return chosen

    return Parameters(
        matrix=np.stack([_matrix(recipe, grid, random) for _ in range(shape[0])]),
        noise_std=sometimes(recipe.noise, (0, recipe.noise_std), 0),
        noise_seed=int(random.integers(2**62)),
        brightness=sometimes(recipe.brightness, recipe.brightness_range, 1),
        contrast=sometimes(recipe.contrast, recipe.contrast_range, 1),
        blur_sigma=sometimes(recipe.blur, recipe.blur_sigma, 0),
        zoom=sometimes(recipe.low_resolution, recipe.zoom_range, 1),
        gamma=sometimes(recipe.gamma, recipe.gamma_range, 1),
        inverted=random.random(shape) < 0.25,
    )


def apply(images: Tensor, labels: Tensor, grid: Grid, parameters: Parameters) -> tuple[Tensor, Tensor]:
    """Apply parameters to images [B, C, ...] and labels [B, ...]; the patches get the grid's size."""
    images, labels = warp(images, labels, grid, parameters.matrix)
    return intensities(images, parameters), labels


def warp(images: Tensor, labels: Tensor, grid: Grid, matrix: Array) -> tuple[Tensor, Tensor]:
    """Resample images (linear) and labels (nearest) round the centre of the patch; outside is zero."""
    spacing, patch = np.array(grid.spacing_mm), np.array(grid.patch)
    source = np.array(images.shape[2:])
    theta = (2 / source / spacing)[:, None] * matrix * (spacing * patch / 2)
    # torch counts the coordinates of a grid from the last axis to the first
    theta = np.concatenate([theta[:, ::-1, ::-1], np.zeros((len(theta), 3, 1))], axis=2)
    points = F.affine_grid(
        torch.from_numpy(theta).to(images), [len(theta), 1, *grid.patch], align_corners=False
    )
    moved = F.grid_sample(images, points, mode="bilinear", align_corners=False)
    marks = F.grid_sample(labels[:, None].to(images), points, mode="nearest", align_corners=False)
    return moved, marks[:, 0].to(labels.dtype)


def intensities(images: Tensor, parameters: Parameters) -> Tensor:
    """Noise, blur, brightness, contrast, low resolution, gamma, in nnU-Net's order."""
    noise = torch.Generator(images.device).manual_seed(parameters.noise_seed)
    strength = _spread(parameters.noise_std, images)
    if parameters.noise_std.any():
        images = images + strength * torch.randn(images.shape, generator=noise, device=images.device)
    images = _each(images, parameters.blur_sigma, 0, _blur)
    images = images * _spread(parameters.brightness, images)
    mean = images.mean(dim=(2, 3, 4), keepdim=True)
    images = (images - mean) * _spread(parameters.contrast, images) + mean
    images = _each(images, parameters.zoom, 1, _coarsen)
    sign = _spread(np.where(parameters.inverted, -1, 1), images)
    return sign * _each(sign * images, parameters.gamma, 1, _gamma)


def _matrix(recipe: Recipe, grid: Grid, random: np.random.Generator) -> Array:
    """Rotation x scaling x flips in millimetres; rotates within the plane of a flat patch only."""
    flat = grid.flat
    rotates, scales = random.random() < recipe.rotate, random.random() < recipe.scale
    angles = np.deg2rad(random.uniform(-recipe.degrees, recipe.degrees, 3)) * rotates
    low, high = recipe.scale_range
    zoom = random.uniform(low, 1) if random.random() < 0.5 else random.uniform(1, high)
    flips = random.random(3) < 0.5
    matrix = np.eye(3)
    for axis in range(3):
        if not flat or axis in flat:
            matrix = matrix @ _rotation(axis, angles[axis])
    diagonal = [1.0 if axis in flat or not scales else float(zoom) for axis in range(3)]
    signs = [-1.0 if axis in recipe.flip and flips[axis] else 1.0 for axis in range(3)]
    result: Array = matrix * np.array(diagonal) * np.array(signs)
    return result


def _rotation(axis: int, angle: float) -> Array:
    a, b = [other for other in range(3) if other != axis]
    matrix = np.eye(3)
    matrix[a, a] = matrix[b, b] = np.cos(angle)
    matrix[a, b], matrix[b, a] = -np.sin(angle), np.sin(angle)
    return matrix


def _spread(values: Array, images: Tensor) -> Tensor:
    """Shape [B, C] numbers to multiply [B, C, X, Y, Z] images."""
    return torch.from_numpy(values).to(images)[:, :, None, None, None]


def _each(images: Tensor, values: Array, neutral: float, change: Callable[[Tensor, float], Tensor]) -> Tensor:
    """Change the channels whose value is not neutral; the caller's tensor stays as it is."""
    chosen = np.argwhere(values != neutral)
    if len(chosen) == 0:
        return images
    images = images.clone()
    for b, c in chosen:
        images[b, c] = change(images[b, c][None, None], float(values[b, c]))[0, 0]
    return images


def _blur(channel: Tensor, sigma: float) -> Tensor:
    """Gaussian smoothing, one axis after the other; sigma in voxels."""
    offsets = torch.arange(-3, 4, device=channel.device, dtype=channel.dtype)
    weights = torch.exp(-0.5 * (offsets / sigma) ** 2)
    weights = weights / weights.sum()
    for shape in ((7, 1, 1), (1, 7, 1), (1, 1, 7)):
        pad = [size // 2 for size in reversed(shape) for _ in range(2)]
        channel = F.conv3d(F.pad(channel, pad, mode="replicate"), weights.reshape(1, 1, *shape))
    return channel


def _coarsen(channel: Tensor, zoom: float) -> Tensor:
    """Keep a fraction of the voxels along each axis, then enlarge again (low-resolution simulation)."""
    size = [max(1, round(n * zoom)) for n in channel.shape[2:]]
    small = F.interpolate(channel, size, mode="nearest-exact")
    return F.interpolate(small, channel.shape[2:], mode="trilinear", align_corners=False)


def _gamma(channel: Tensor, gamma: float) -> Tensor:
    """Raise the channel's range to a power; its mean and standard deviation stay."""
    low, high = channel.min(), channel.max()
    curved = ((channel - low) / (high - low).clamp_min(1e-7)) ** gamma
    scale = channel.std() / curved.std().clamp_min(1e-7)
    return (curved - curved.mean()) * scale + channel.mean()
