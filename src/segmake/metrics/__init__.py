"""Scores: counts first, distances once, ratios after, and a named policy for empty masks.

Pure functions of arrays, for use without the workflow:

    from segmake import metrics

    metrics.dice(prediction, truth)                         # boolean masks [X, Y, Z]
    metrics.hd95(prediction, truth, spacing_mm=(1, 1, 3))
    metrics.nsd(prediction, truth, (1, 1, 3), tolerance_mm=2)
    metrics.lesion_wise(prediction, truth, (1, 1, 1), metrics.RULES["brats2023"]).lesion_wise_dice
    metrics.score_case(prediction, truth, (1, 1, 3), {"edema": [2], "whole": [1, 2]})  # label maps

What is listed in `__all__` is imported when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from segmake.metrics.lesions import RULES, LesionRule, Lesions, lesion_wise
    from segmake.metrics.pair import (
        assd,
        dice,
        hd,
        hd95,
        iou,
        nsd,
        panoptic_quality,
        precision,
        recall,
        relative_volume_error,
    )
    from segmake.metrics.policy import POLICY, Status
    from segmake.metrics.score import Score, score_case

__all__ = [
    "POLICY",
    "RULES",
    "LesionRule",
    "Lesions",
    "Score",
    "Status",
    "assd",
    "dice",
    "hd",
    "hd95",
    "iou",
    "lesion_wise",
    "nsd",
    "panoptic_quality",
    "precision",
    "recall",
    "relative_volume_error",
    "score_case",
]

_HOMES = {
    "lesions": ("RULES", "LesionRule", "Lesions", "lesion_wise"),
    "policy": ("POLICY", "Status"),
    "score": ("Score", "score_case"),
}


def __getattr__(name: str) -> Any:
    """Import the one module that has the name: most parts of segmake need few of them."""
    if name not in __all__:
        raise AttributeError(f"module {__name__} has no attribute {name!r}")
    home = next((module for module, names in _HOMES.items() if name in names), "pair")
    return getattr(import_module(f"{__name__}.{home}"), name)
