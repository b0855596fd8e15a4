"""Panoptic quality: how many objects were recognised, times how well they were outlined."""

from __future__ import annotations

from math import nan

from segmake.metrics.components import meetings
from segmake.metrics.counts import Mask, check_shapes, joint_box
from segmake.volume.components import components

SAME = 0.5
"""Parts of both masks with an intersection over union above this are one object; no part can have two."""


def panoptic_quality(prediction: Mask, truth: Mask) -> float:
    """Sum of the IoU of matched parts / (TP + FP / 2 + FN / 2); NaN when both masks are empty.

    A part of the prediction and one of the truth match when their IoU is above 0.5. Parts are 26-connected.

    Source: Kirillov et al., "Panoptic segmentation", CVPR 2019; recommended for instances by Maier-Hein,
    Reinke et al., "Metrics reloaded", Nat Methods 21 (2024).

    Args:
        prediction: boolean [X, Y, Z].
        truth: boolean [X, Y, Z].

    Raises:
        GeometryError: the shapes differ.
    """
    check_shapes(prediction, truth)
    box = joint_box(prediction, truth)
    found, true = components(prediction[box]), components(truth[box])
    if not found.count and not true.count:
        return nan
    met = meetings(found, true)
    together = found.sizes()[met.first] + true.sizes()[met.second] - met.voxels
    iou = met.voxels / together
    # matches + half of what has none, on both sides, is half of all parts
    return float(iou[iou > SAME].sum() / ((found.count + true.count) / 2))
