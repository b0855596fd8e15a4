"""Augmentation of a batch on the training device: draw the parameters, then apply them.

One resampling per patch (rotation, scaling, flips and deformation together); then intensities. The set
follows nnU-Net (Isensee et al., Nature Methods 2021, supplement 4); `segmake.recipe` says how strongly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  the name torch's own documentation uses
from torch import Tensor

from segmake.learning import intensities as change
from segmake.learning.splines import BEYOND, spread
from segmake.plan import Plan, Spacing, Triple
from segmake.recipe import AugmentSettings
from segmake.settings import TrainSettings
from segmake.volume.volume import Array

FLAT = 3.0
"""An axis this many times coarser (or a patch this many times shorter) is not mixed with the others."""
ELASTIC_CELLS = 4
"""Cells of a deformation along the longest axis."""
BIAS_CELLS = 2
"""Cells of a bias field along each axis: coils change an image slowly."""
INVERTED = 0.25
"""Share of the gamma curves that bend the inverted image."""


@dataclass(frozen=True)
class Recipe:
    """What may happen to a patch. flip: axes that may be mirrored; mr: channels that a coil may shade."""

    strength: AugmentSettings = field(default_factory=AugmentSettings)
    flip: tuple[int, ...] = (0, 1, 2)
    mr: tuple[bool, ...] = ()

    @classmethod
    def of(cls, settings: TrainSettings, plan: Plan) -> Recipe:
        """Recipe of a training run."""
        axes = tuple("xyz".index(axis) for axis in settings.flip)
        return cls(settings.augment, axes, tuple(modality == "mr" for modality in plan.channels.values()))


@dataclass(frozen=True)
class Parameters:
    """What happens to one batch. Neutral values (0, 1, identity, None) leave a patch as it is.

    matrix: [B, 3, 3] from output to input millimetres; elastic: control points in mm [B, 3, ...]; bias:
    control points of the field's logarithm [B, C, ...]; the rest [B, C]. noise_of: size of the batch that
    noise is drawn for and the patches of it that these are, where they are not all of it.
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
    elastic: Array | None = None
    bias: Array | None = None
    noise_of: tuple[int, Sequence[int]] | None = None

    def of(self, rows: Sequence[int]) -> Parameters:
        """What happens to some patches of the batch: the same as when they are changed with the others."""
        arrays = {name: value for name, value in vars(self).items() if isinstance(value, np.ndarray)}
        chosen: dict[str, Any] = {name: value[rows] for name, value in arrays.items()}
        return replace(self, noise_of=(len(self.matrix), rows), **chosen)


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
    strength = recipe.strength
    for_elastic, for_bias = random.spawn(2)  # streams of their own: what is off changes nothing else

    def sometimes(probability: float, span: Sequence[float], neutral: float) -> Array:
        values = random.uniform(span[0], span[1], shape)
        chosen: Array = np.where(random.random(shape) < probability, values, neutral)
        return chosen

    return Parameters(
        matrix=np.stack([_matrix(recipe, grid, random) for _ in range(shape[0])]),
        noise_std=sometimes(strength.noise, (0, strength.noise_std), 0),
        noise_seed=int(random.integers(2**62)),
        brightness=sometimes(strength.brightness, strength.brightness_range, 1),
        contrast=sometimes(strength.contrast, strength.contrast_range, 1),
        blur_sigma=sometimes(strength.blur, strength.blur_sigma, 0),
        zoom=sometimes(strength.low_resolution, strength.zoom_range, 1),
        gamma=sometimes(strength.gamma, strength.gamma_range, 1),
        inverted=random.random(shape) < INVERTED,
        elastic=_elastic(strength, grid, shape[0], for_elastic),
        bias=_bias(recipe, shape, for_bias),
    )


def apply(images: Tensor, labels: Tensor, grid: Grid, parameters: Parameters) -> tuple[Tensor, Tensor]:
    """Apply parameters to images [B, C, ...] and labels [B, ...]; the patches get the grid's size."""
    images, labels = warp(images, labels, grid, parameters.matrix, parameters.elastic)
    return intensities(images, parameters), labels


def warp(
    images: Tensor, labels: Tensor, grid: Grid, matrix: Array, elastic: Array | None = None
) -> tuple[Tensor, Tensor]:
    """Resample images (linear) and labels (nearest) round the centre of the patch; outside is zero."""
    spacing, patch = np.array(grid.spacing_mm), np.array(grid.patch)
    to_source = (2 / np.array(images.shape[2:]) / spacing)[:, None] * matrix
    # torch counts the coordinates of a grid from the last axis to the first
    theta = (to_source * (spacing * patch / 2))[:, ::-1, ::-1]
    theta = np.concatenate([theta, np.zeros((len(theta), 3, 1))], axis=2)
    points = F.affine_grid(
        torch.from_numpy(theta).to(images), [len(theta), 1, *grid.patch], align_corners=False
    )
    if elastic is not None:
        moved_mm = spread(elastic, grid.patch, images)
        turned = torch.from_numpy(to_source[:, ::-1].copy()).to(images)
        points = points + torch.einsum("nij,njxyz->nxyzi", turned, moved_mm)
    moved = F.grid_sample(images, points, mode="bilinear", align_corners=False)
    marks = F.grid_sample(labels[:, None].to(images), points, mode="nearest", align_corners=False)
    return moved, marks[:, 0].to(labels.dtype)


def intensities(images: Tensor, parameters: Parameters) -> Tensor:
    """Bias field, then noise, blur, brightness, contrast, low resolution, gamma, in nnU-Net's order."""
    images = images.clone()
    if parameters.bias is not None:
        _, _, x, y, z = images.shape
        fields = spread(parameters.bias, (x, y, z), images).exp()
        for b, c in np.argwhere(parameters.bias.any(axis=(2, 3, 4))):
            images[b, c] = change.shade(images[b, c], fields[b, c])
    if parameters.noise_std.any():
        noise = torch.Generator(images.device).manual_seed(parameters.noise_seed)
        strength = torch.from_numpy(parameters.noise_std).to(images)[:, :, None, None, None]
        patches, rows = parameters.noise_of or (len(images), slice(None))
        values = torch.randn((patches, *images.shape[1:]), generator=noise, device=images.device)
        images += strength * values[rows]
    for b, c in np.ndindex(*parameters.gamma.shape):
        images[b, c] = _channel(images[b, c][None, None], parameters, (b, c))[0, 0]
    return images


def _channel(channel: Tensor, parameters: Parameters, at: tuple[int, int]) -> Tensor:
    """One channel of one patch, changed by what is not neutral there."""
    if parameters.blur_sigma[at] != 0:
        channel = change.blur(channel, float(parameters.blur_sigma[at]))
    if parameters.brightness[at] != 1:
        channel = channel * float(parameters.brightness[at])
    if parameters.contrast[at] != 1:
        channel = change.stretch(channel, float(parameters.contrast[at]))
    if parameters.zoom[at] != 1:
        channel = change.coarsen(channel, float(parameters.zoom[at]))
    if parameters.gamma[at] != 1:
        sign = -1 if parameters.inverted[at] else 1
        channel = sign * change.curve(sign * channel, float(parameters.gamma[at]))
    return channel


def _matrix(recipe: Recipe, grid: Grid, random: np.random.Generator) -> Array:
    """Rotation x scaling x flips in millimetres; rotates within the plane of a flat patch only."""
    flat, strength = grid.flat, recipe.strength
    rotates, scales = random.random() < strength.rotate, random.random() < strength.scale
    angles = np.deg2rad(random.uniform(-strength.degrees, strength.degrees, 3)) * rotates
    low, high = strength.scale_range
    zoom = random.uniform(low, 1) if random.random() < 0.5 else random.uniform(1, high)
    flips = random.random(3) < strength.flip
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


def _elastic(
    strength: AugmentSettings, grid: Grid, patches: int, random: np.random.Generator
) -> Array | None:
    """Control points in mm [patches, 3, ...]; nothing moves along a flat axis. None when no patch deforms."""
    chosen = random.random(patches) < strength.elastic
    if not chosen.any():
        return None
    extent = np.array(grid.patch) * np.array(grid.spacing_mm)
    cells = np.maximum(1, np.round(ELASTIC_CELLS * extent / extent.max())).astype(int)
    reach = strength.elastic_strength * extent / cells
    reach[grid.flat] = 0
    size = random.uniform(0, 1, patches) * chosen
    unit = random.uniform(-1, 1, (patches, 3, *(cells + BEYOND)))
    control: Array = unit * reach[:, None, None, None] * size[:, None, None, None, None]
    return control


def _bias(recipe: Recipe, shape: tuple[int, int], random: np.random.Generator) -> Array | None:
    """Control points of log fields [B, C, ...], zero for channels left alone; None when all are."""
    chosen = (random.random(shape) < recipe.strength.bias) & np.array(recipe.mr or [False], dtype=bool)
    if not chosen.any():
        return None
    size = random.uniform(0, recipe.strength.bias_strength, shape) * chosen
    unit = random.uniform(-1, 1, (*shape, *[BIAS_CELLS + BEYOND] * 3))
    control: Array = unit * size[:, :, None, None, None]
    return control
