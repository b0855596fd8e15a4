"""Augmentation of a batch of 2D patches on the training device: draw the parameters, then apply them.

One resampling of the patches that move (rotation, scaling, shift, flips and quarter turns together); then
grey values, all patches of a batch at once. `segmake.recipe.ViewSettings` says how strongly.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  the name torch's own documentation uses
from torch import Tensor

from segmake.learning.classifier import normalise
from segmake.recipe import ViewSettings
from segmake.volume.volume import Array

WHITE = 255.0


@dataclass(frozen=True)
class Parameters:
    """What happens to one batch of B patches; neutral values leave a patch as it is.

    matrix: [B, 2, 3] from the view's to the patch's coordinates, both -1 to 1 over the patch, x (columns)
    first; box: [B, 4] square made grey: middle x, y and half sides, in the same coordinates; the others [B].
    noise_of: patches that noise is drawn for and those of them that these are, where they are not all.
    """

    matrix: Array
    brightness: Array
    contrast: Array
    gamma: Array
    blur_sigma: Array
    noise_std: Array
    box: Array
    noise_seed: int
    noise_of: tuple[int, Sequence[int]] | None = None

    def of(self, rows: Sequence[int]) -> Parameters:
        """What happens to some patches of the batch: the same as when they are changed with the others."""
        chosen = {name: value[rows] for name, value in vars(self).items() if isinstance(value, np.ndarray)}
        return replace(self, noise_of=(len(self.matrix), rows), **chosen)  # type: ignore[arg-type]


def draw(strength: ViewSettings, flip: Sequence[str], count: int, random: np.random.Generator) -> Parameters:
    """Draw the parameters of a batch of `count` patches that may be flipped along these axes (x, y)."""

    def chosen(chance: float) -> Array:
        wanted: Array = random.random(count) < chance
        return wanted

    def sometimes(chance: float, span: Sequence[float], neutral: float) -> Array:
        values = random.uniform(span[0], span[1], count)
        return np.where(chosen(chance), values, neutral)

    side = random.uniform(0.5, 1, count) * strength.erase_range * chosen(strength.erase)
    return Parameters(
        matrix=_matrices(strength, flip, count, random),
        brightness=sometimes(strength.brightness, strength.brightness_range, 1),
        contrast=sometimes(strength.contrast, strength.contrast_range, 1),
        gamma=sometimes(strength.gamma, strength.gamma_range, 1),
        blur_sigma=sometimes(strength.blur, strength.blur_sigma, 0),
        noise_std=sometimes(strength.noise, (0, strength.noise_std), 0),
        box=np.stack([*random.uniform(-1, 1, (2, count)), side, side], axis=1),
        noise_seed=int(random.integers(2**62)),
    )


def apply(images: Tensor, parameters: Parameters) -> Tensor:
    """Views of bytes [B, C, S, S]: float32 as the network takes them, channels last."""
    moved = move(images.float(), parameters.matrix)
    return normalise(change(moved, parameters)).contiguous(memory_format=torch.channels_last)


def move(images: Tensor, matrix: Array) -> Tensor:
    """Resample patches [B, C, S, S] (linear, mirrored at the border); those that stay are not touched."""
    rows = np.flatnonzero(np.abs(matrix - np.eye(2, 3)).max(axis=(1, 2)) > 0)
    if not len(rows):
        return images
    theta = torch.from_numpy(matrix[rows]).to(images)
    places = torch.from_numpy(rows).to(images.device)
    source = images[places]
    points = F.affine_grid(theta, list(source.shape), align_corners=False)
    views = F.grid_sample(source, points, mode="bilinear", padding_mode="reflection", align_corners=False)
    return images.index_copy(0, places, views)


def change(images: Tensor, parameters: Parameters) -> Tensor:
    """Brightness, contrast, gamma, blur, noise and erasing of patches [B, C, S, S] in 0 to 255."""
    steps: tuple[tuple[Array, Callable[[Tensor, Tensor], Tensor]], ...] = (
        (parameters.brightness != 1, lambda some, rows: some * _values(parameters.brightness, rows, some)),
        (
            parameters.contrast != 1,
            lambda some, rows: stretch(some, _values(parameters.contrast, rows, some)),
        ),
        (parameters.gamma != 1, lambda some, rows: curve(some, _values(parameters.gamma, rows, some))),
        (
            parameters.blur_sigma != 0,
            lambda some, rows: blur(some, _values(parameters.blur_sigma, rows, some)),
        ),
    )
    for wanted, act in steps:
        if wanted.any():
            rows = torch.from_numpy(np.flatnonzero(wanted)).to(images.device)
            images = images.index_copy(0, rows, act(images[rows], rows))
    if parameters.noise_std.any():
        images = images + _noise(images, parameters)
    if parameters.box[:, 2].any():
        images = erase(images, parameters.box)
    return images


def stretch(images: Tensor, factor: Tensor) -> Tensor:
    """Multiply the distance to each patch's mean (contrast)."""
    mean = images.mean(dim=(1, 2, 3), keepdim=True)
    return (images - mean) * factor + mean


def curve(images: Tensor, gamma: Tensor) -> Tensor:
    """Raise grey values, as fractions of white, to a power."""
    return (images.clamp(0, WHITE) / WHITE) ** gamma * WHITE


def blur(images: Tensor, sigma: Tensor) -> Tensor:
    """Gaussian smoothing of each patch [B, C, S, S] with its own width in pixels [B, 1, 1, 1]."""
    count, channels = images.shape[:2]
    radius = max(1, int(np.ceil(3 * float(sigma.max()))))
    offsets = torch.arange(-radius, radius + 1, device=images.device, dtype=images.dtype)
    weights = torch.exp(-0.5 * (offsets / sigma.reshape(-1, 1)) ** 2)
    weights = (weights / weights.sum(dim=1, keepdim=True)).repeat_interleave(channels, dim=0)
    flat = images.reshape(1, count * channels, *images.shape[2:])
    for shape, pad in (((-1, 1, 1), (0, 0, radius, radius)), ((-1, 1), (radius, radius, 0, 0))):
        kernel = weights.reshape(count * channels, 1, *((shape[0], 1) if len(shape) == 3 else (1, shape[0])))
        flat = F.conv2d(F.pad(flat, pad, mode="replicate"), kernel, groups=count * channels)
    return flat.reshape(images.shape)


def erase(images: Tensor, box: Array) -> Tensor:
    """Make a square of each patch as grey as the patch is on average."""
    size = images.shape[-1]
    places = (torch.arange(size, device=images.device, dtype=images.dtype) * 2 + 1) / size - 1
    x, y, width, height = torch.from_numpy(box).to(images).T[:, :, None]
    inside = ((places - y).abs() < height)[:, None, :, None] & ((places - x).abs() < width)[:, None, None, :]
    return torch.where(inside, images.mean(dim=(1, 2, 3), keepdim=True), images)


def _noise(images: Tensor, parameters: Parameters) -> Tensor:
    noise = torch.Generator(images.device).manual_seed(parameters.noise_seed)
    patches, rows = parameters.noise_of or (len(images), slice(None))
    values = torch.randn((patches, *images.shape[1:]), generator=noise, device=images.device)
    return values[rows] * (torch.from_numpy(parameters.noise_std).to(images)[:, None, None, None] * WHITE)


def _values(numbers: Array, rows: Tensor, like: Tensor) -> Tensor:
    """Numbers of these rows as [rows, 1, 1, 1]."""
    return torch.from_numpy(numbers).to(like)[rows][:, None, None, None]


def _matrices(strength: ViewSettings, flip: Sequence[str], count: int, random: np.random.Generator) -> Array:
    """Rotation x scaling x flips, and a shift; exactly the identity for patches that stay."""
    rotates, scales = random.random(count) < strength.rotate, random.random(count) < strength.scale
    angle = np.deg2rad(random.uniform(-strength.degrees, strength.degrees, count)) * rotates
    turns = random.integers(1, 4, count) * (random.random(count) < strength.quarter)
    low, high = strength.scale_range
    zoom = np.where(random.random(count) < 0.5, random.uniform(low, 1, count), random.uniform(1, high, count))
    zoom = np.where(scales, zoom, 1.0)
    shift = random.uniform(-2, 2, (count, 2)) * strength.shift_range
    shift *= (random.random(count) < strength.shift)[:, None]
    signs = np.where(random.random((count, 2)) < strength.flip, -1.0, 1.0)
    signs[:, [axis not in flip for axis in "xy"]] = 1
    cosine = np.cos(angle) * np.array([1, 0, -1, 0])[turns] - np.sin(angle) * np.array([0, 1, 0, -1])[turns]
    sine = np.sin(angle) * np.array([1, 0, -1, 0])[turns] + np.cos(angle) * np.array([0, 1, 0, -1])[turns]
    rotation = np.stack([np.stack([cosine, -sine], axis=1), np.stack([sine, cosine], axis=1)], axis=1)
    turned = rotation * zoom[:, None, None] * signs[:, None, :]
    return np.concatenate([turned, shift[:, :, None]], axis=2)
