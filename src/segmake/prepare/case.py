"""One case made ready: the same steps before training and before prediction.

The order is nnU-Net's: crop, normalise, resample. Normalising first keeps a case's statistics free of
resampling, and both commute up to rounding because resampling is linear.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from segmake.errors import GeometryError, InputError
from segmake.plan import IGNORED, Plan, Triple
from segmake.prepare.chance import choose
from segmake.prepare.crop import crop, nonzero_box, nonzero_mask
from segmake.prepare.fingerprint import count_values
from segmake.prepare.intensity import normalise
from segmake.volume.components import fill_holes
from segmake.volume.geometry import crop_affine, new_spacing
from segmake.volume.interpolation import axis_orders, resample_classes, resample_image
from segmake.volume.volume import Affine, Array, Volume


@dataclass(frozen=True, eq=False)
class Prepared:
    """A case on the plan's grid.

    data: float32 [C, X, Y, Z]; affine: of its grid; crop_start, crop_shape: the box of the canonical
    volume that the grid covers, in its voxels.
    """

    data: Array
    affine: Affine
    crop_start: Triple
    crop_shape: Triple

    @property
    def shape(self) -> Triple:
        """Grid size in x, y, z."""
        _, x, y, z = self.data.shape
        return x, y, z


def prepare(image: Volume, plan: Plan) -> Prepared:
    """Crop, normalise and resample a canonical image as the plan says.

    Raises:
        InputError: the image does not have the plan's channels.
    """
    if image.data.shape[0] != len(plan.channels):
        raise InputError(
            f"the model takes {len(plan.channels)} channels ({', '.join(plan.channels)}), got "
            f"{image.data.shape[0]}; give one image per channel, in this order"
        )
    schemes = [plan.normalisation[name] for name in plan.channels]
    masked = any(scheme.masked for scheme in schemes)
    mask = nonzero_mask(image.data) if plan.crop == "nonzero" or masked else None
    box = ((0, 0, 0), image.shape) if mask is None or plan.crop == "none" else nonzero_box(mask)
    body = fill_holes(crop(mask, box)) if mask is not None and masked else None
    data = normalise(crop(image.data, box), schemes, body)
    affine = crop_affine(image.affine, box[0])
    shape, affine = new_spacing(box[1], affine, plan.spacing_mm)
    ratio = _ratio(image, plan)
    data = resample_image(data, shape, ratio, axis_orders(plan.order, image.spacing_mm, plan.spacing_mm))
    return Prepared(data, affine, *box)


def prepare_label(label: Volume, prepared: Prepared, plan: Plan) -> Array:
    """Class indices (uint8 [X, Y, Z]) of a label map, on the grid of its prepared image.

    Raises:
        InputError: the map holds a value that the plan does not name.
        GeometryError: the map does not reach as far as the image.
    """
    inside = crop(label.data[0], (prepared.crop_start, prepared.crop_shape))
    if inside.shape != prepared.crop_shape:
        raise GeometryError(
            f"a label map covers its image, but this one is {label.shape} and the image reaches from voxel "
            f"{prepared.crop_start} over {prepared.crop_shape}; convert the case again"
        )
    index = class_index(inside, plan.label_values, plan.ignore)
    orders = axis_orders(1, label.spacing_mm, plan.spacing_mm)
    return resample_classes(index, prepared.shape, _ratio(label, plan), orders)


def _ratio(volume: Volume, plan: Plan) -> list[float]:
    return [new / old for new, old in zip(plan.spacing_mm, volume.spacing_mm, strict=True)]


def class_index(values: Array, known: Sequence[int], ignore: int | None = None) -> Array:
    """Class index (uint8) of each label value: its place in `known`, or `IGNORED`."""
    found = count_values(values)
    unknown = [value for value in found if value not in known and value != ignore]
    if unknown:
        raise InputError(
            f"the label map holds the value {unknown[0]} in {found[unknown[0]]} voxels, but the plan knows "
            f"{sorted(known)}; name it in data.labels or map it with data.label_map"
        )
    index = np.zeros(values.shape, dtype=np.uint8)
    for place, value in enumerate(known):
        if value in found and place:
            index[values == value] = place
    if ignore in found:
        index[values == ignore] = IGNORED
    return index


def foreground_locations(index: Array, classes: int, per_class: int, seed_key: str) -> Array:
    """Voxels of each foreground class, at most `per_class` drawn by `seed_key`.

    Returns:
        int16 [N, 4]: class index (1 .. classes - 1), x, y, z; ascending.
    """
    rows = []
    for value in range(1, classes):
        flat = np.flatnonzero(index == value)
        flat = flat[choose(flat.size, per_class, f"{seed_key}/{value}")]
        rows.append(np.stack([np.full(flat.size, value), *np.unravel_index(flat, index.shape)], axis=1))
    if not rows:
        return np.zeros((0, 4), dtype=np.int16)
    return np.concatenate(rows).astype(np.int16)
