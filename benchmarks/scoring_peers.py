"""Dice, HD95 and NSD by other libraries, for `evaluate_vs_peers.py`.

Each function imports its library and returns one that scores: (prediction, truth, masks by region) -> values.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

SPACING_MM = (1.0, 1.0, 1.0)
TOLERANCE_MM = 1.0
Masks = dict[str, tuple[np.ndarray, np.ndarray]]
"""Region -> (prediction, truth)."""
Values = dict[str, tuple[float, float, float]]
"""Region -> (Dice, HD95, NSD)."""


def monai(subvoxels: bool) -> Callable[..., Values]:
    """MONAI's functions on a batch of one with a channel per region."""
    import torch
    from monai.metrics import compute_dice, compute_hausdorff_distance, compute_surface_dice

    torch.set_num_threads(1)

    def score(_: np.ndarray, __: np.ndarray, masks: Masks) -> Values:
        pair = [torch.from_numpy(np.stack([m[side] for m in masks.values()]))[None] for side in (0, 1)]
        how = {"include_background": True, "spacing": SPACING_MM}
        dice = compute_dice(*pair)[0]
        hd95 = compute_hausdorff_distance(*pair, percentile=95, **how)[0]
        nsd = compute_surface_dice(*pair, [TOLERANCE_MM] * len(masks), use_subvoxels=subvoxels, **how)[0]
        return {r: (float(dice[i]), float(hd95[i]), float(nsd[i])) for i, r in enumerate(masks)}

    return score


def surface_distance() -> Callable[..., Values]:
    """DeepMind's reference implementation, a region at a time."""
    import surface_distance as reference

    def score(_: np.ndarray, __: np.ndarray, masks: Masks) -> Values:
        values = {}
        for region, (prediction, truth) in masks.items():
            found = reference.compute_surface_distances(truth, prediction, SPACING_MM)
            values[region] = (
                float(reference.compute_dice_coefficient(truth, prediction)),
                float(reference.compute_robust_hausdorff(found, 95)),
                float(reference.compute_surface_dice_at_tolerance(found, TOLERANCE_MM)),
            )
        return values

    return score


def simpleitk() -> Callable[..., Values]:
    """The usual recipe: overlap filter, Maurer distance maps, values on the contours."""
    import SimpleITK as sitk

    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)

    def distances(one: Any, other: Any) -> np.ndarray:
        apart = sitk.Abs(sitk.SignedMaurerDistanceMap(other, squaredDistance=False, useImageSpacing=True))
        contour = sitk.LabelContour(one, fullyConnected=True)
        return sitk.GetArrayFromImage(apart)[sitk.GetArrayFromImage(contour) > 0]

    def score(_: np.ndarray, __: np.ndarray, masks: Masks) -> Values:
        values = {}
        for region, pair in masks.items():
            prediction, truth = (sitk.GetImageFromArray(mask.astype(np.uint8)) for mask in pair)
            overlap = sitk.LabelOverlapMeasuresImageFilter()
            overlap.Execute(prediction, truth)
            both = [distances(prediction, truth), distances(truth, prediction)]
            near = sum(int((apart <= TOLERANCE_MM).sum()) for apart in both) / sum(map(len, both))
            hd95 = max(float(np.percentile(apart, 95)) for apart in both)
            values[region] = (overlap.GetDiceCoefficient(), hd95, near)
        return values

    return score
