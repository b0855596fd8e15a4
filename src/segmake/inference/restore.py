"""Head logits on the prepared grid -> label values on the canonical grid."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from segmake.plan import Plan
from segmake.volume.interpolation import resample_scores
from segmake.volume.volume import Array


def restore_labels(
    logits: Array,
    plan: Plan,
    crop_start: Sequence[int],
    crop_shape: Sequence[int],
    shape: Sequence[int],
    spacing_mm: Sequence[float],
) -> Array:
    """Label values int16 [*shape] of the canonical image.

    logits: [H, X, Y, Z] on the prepared grid; crop_start, crop_shape: the box that was prepared;
    shape, spacing_mm: of the canonical image. Outside of the box is background.

    Scores go through linear interpolation class by class with a running arg-max, so that two float arrays
    of the image's size are in memory, never one per class.
    """
    # Softmax heads are the class scores already.
    scores = np.tensordot(np.array(plan.decoder(), np.float32), logits, axes=1) if plan.sigmoid else logits
    ratio = [native / target for native, target in zip(spacing_mm, plan.spacing_mm, strict=True)]
    best = np.full(tuple(crop_shape), -np.inf, dtype=np.float32)
    label = np.zeros(tuple(crop_shape), dtype=np.int16)
    for value, score in zip(plan.label_values, resample_scores(scores, crop_shape, ratio), strict=True):
        wins = score > best
        label[wins] = value
        np.maximum(best, score, out=best)
    result = np.zeros(tuple(shape), dtype=np.int16)
    box = tuple(slice(b, b + n) for b, n in zip(crop_start, crop_shape, strict=True))
    result[box] = label
    return result
