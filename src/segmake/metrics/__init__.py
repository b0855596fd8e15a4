"""Scores: counts first, distances once, ratios after, and a named policy for empty masks.

Pure functions of arrays, for use without the workflow:

    from segmake import metrics

    metrics.dice(prediction, truth)                         # boolean masks [X, Y, Z]
    metrics.hd95(prediction, truth, spacing_mm=(1, 1, 3))
    metrics.nsd(prediction, truth, (1, 1, 3), tolerance_mm=2)
    metrics.lesion_wise(prediction, truth, (1, 1, 1), metrics.RULES["brats2023"]).lesion_wise_dice
    metrics.score_case(prediction, truth, (1, 1, 3), {"edema": [2], "whole": [1, 2]})  # label maps
    metrics.score_detections([metrics.match_marks(marks, nodules, irrelevant)], rng).cpm
    metrics.sign_flip_p(differences, rng, 10_000)           # one per patient

What is listed in `__all__` is imported when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from segmake.metrics.candidates import Findings, Marks, Matches, components_as_candidates, match_marks
    from segmake.metrics.froc import Froc, score_detections
    from segmake.metrics.lesions import RULES, LesionRule, Lesions, lesion_wise
    from segmake.metrics.noise import SeedNoise, seed_noise
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
    from segmake.metrics.ranking import Ranking, rank_models
    from segmake.metrics.score import Score, score_case
    from segmake.metrics.significance import cohen_dz, holm, rank_biserial, sign_flip_p, wilcoxon_p
    from segmake.metrics.statistics import bca_interval, patient_means

__all__ = [
    "POLICY",
    "RULES",
    "Findings",
    "Froc",
    "LesionRule",
    "Lesions",
    "Marks",
    "Matches",
    "Ranking",
    "Score",
    "SeedNoise",
    "Status",
    "assd",
    "bca_interval",
    "cohen_dz",
    "components_as_candidates",
    "dice",
    "hd",
    "hd95",
    "holm",
    "iou",
    "lesion_wise",
    "match_marks",
    "nsd",
    "panoptic_quality",
    "patient_means",
    "precision",
    "rank_biserial",
    "rank_models",
    "recall",
    "relative_volume_error",
    "score_case",
    "score_detections",
    "seed_noise",
    "sign_flip_p",
    "wilcoxon_p",
]

_HOMES = {
    "candidates": ("Findings", "Marks", "Matches", "components_as_candidates", "match_marks"),
    "froc": ("Froc", "score_detections"),
    "lesions": ("RULES", "LesionRule", "Lesions", "lesion_wise"),
    "policy": ("POLICY", "Status"),
    "noise": ("SeedNoise", "seed_noise"),
    "ranking": ("Ranking", "rank_models"),
    "score": ("Score", "score_case"),
    "significance": ("cohen_dz", "holm", "rank_biserial", "sign_flip_p", "wilcoxon_p"),
    "statistics": ("bca_interval", "patient_means"),
}


def __getattr__(name: str) -> Any:
    """Import the one module that has the name: most parts of segmake need few of them."""
    if name not in __all__:
        raise AttributeError(f"module {__name__} has no attribute {name!r}")
    home = next((module for module, names in _HOMES.items() if name in names), "pair")
    return getattr(import_module(f"{__name__}.{home}"), name)
