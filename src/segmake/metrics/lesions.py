"""Scores per lesion: a missed lesion and an invented one each weigh as much as a found one, however small.

The rule is that of the BraTS 2023 challenges, as the organisers wrote it (rachitsaluja/BraTS-2023-Metrics;
the parameters are in `RULES`):

1. The truth is dilated, only to say what is one lesion: parts whose dilations join are merged. Scores are
   taken on the truth as it was drawn.
2. Every part of the prediction that touches the dilated lesion is its match; together they are compared with
   the lesion. One part may match several lesions.
3. Lesions up to a volume are not scored, found or not; their matches are not false alarms.
4. Parts that match no lesion are false alarms.
5. score = (sum over scored lesions + sum over false alarms) / (scored lesions + false alarms). A missed
   lesion and a false alarm are worth Dice 0 and the penalty in mm. Without either the case is right:
   Dice 1, 0 mm.

Parts are 26-connected. Volumes are in mm3, as in the script: on the challenges' 1 mm grids that is voxels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import dist, prod

import numpy as np
import numpy.typing as npt

from segmake.metrics.components import Meetings, dilate, meetings
from segmake.metrics.counts import Box, Counts, Mask, check_shapes, joint_box
from segmake.metrics.surface import hd_mm, surface_distances
from segmake.volume.components import Components, components

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class LesionRule:
    """What is one lesion, which are scored, and what a missed one costs."""

    dilation: int = 0
    """Steps by which the truth grows (18 neighbours each)."""
    ignored_mm3: float = 0.0
    """Truth lesions up to this volume are not scored."""
    penalty_mm: float | None = None
    """Distance that a missed lesion and a false alarm are worth; None: the diagonal of the image."""


RULES = {
    "overlap": LesionRule(),
    "brats2023": LesionRule(dilation=3, ignored_mm3=50.0, penalty_mm=374.0),
    "brats2023-men": LesionRule(dilation=1, ignored_mm3=50.0, penalty_mm=374.0),
    "brats2023-met": LesionRule(dilation=1, ignored_mm3=2.0, penalty_mm=374.0),
}
"""Rules by name. overlap: any shared voxel is a match, every lesion counts. brats2023: adult glioma (GLI),
sub-Saharan Africa (SSA) and paediatrics (PED); -men: meningioma; -met: metastases."""


@dataclass(frozen=True, eq=False)
class Lesions:
    """What became of the lesions of a case."""

    dice: Floats
    """Of each scored lesion against its matches; 0 where it was missed."""
    hd95_mm: Floats
    """Of each scored lesion against its matches; the penalty where it was missed."""
    found: int
    """Scored lesions with a match."""
    false_alarms: int
    """Parts of the prediction that match no lesion."""
    penalty_mm: float

    @property
    def missed(self) -> int:
        """Scored lesions without a match."""
        return len(self.dice) - self.found

    @property
    def counts(self) -> Counts:
        """Found lesions, false alarms and missed lesions as TP, FP and FN; there is no TN."""
        return Counts(self.found, self.false_alarms, self.missed, 0)

    @property
    def lesion_wise_dice(self) -> float:
        """Mean of Dice over lesions, and 0 for each false alarm; 1 when there is neither."""
        return self._mean(self.dice, 0.0, 1.0)

    @property
    def lesion_wise_hd95_mm(self) -> float:
        """Mean of HD95 over lesions, and the penalty for each false alarm; 0 when there is neither."""
        return self._mean(self.hd95_mm, self.penalty_mm, 0.0)

    def _mean(self, values: Floats, false_alarm: float, neither: float) -> float:
        number = len(values) + self.false_alarms
        return (float(values.sum()) + false_alarm * self.false_alarms) / number if number else neither


def lesion_wise(
    prediction: Mask, truth: Mask, spacing_mm: Sequence[float], rule: LesionRule | None = None
) -> Lesions:
    """Score each lesion of a case.

    Args:
        prediction: boolean [X, Y, Z].
        truth: boolean [X, Y, Z].
        spacing_mm: voxel size along x, y, z.
        rule: see `RULES`; any shared voxel is a match when absent.

    Raises:
        GeometryError: the shapes differ.
    """
    check_shapes(prediction, truth)
    rule = with_penalty(rule or LesionRule(), truth.shape, spacing_mm)
    # Cropping is exact: what dilation would join outside of the box, it joins inside as well.
    box = joint_box(prediction, truth)
    prediction, truth = np.ascontiguousarray(prediction[box]), np.ascontiguousarray(truth[box])
    merged, parts = components(dilate(truth, rule.dilation)), components(prediction)
    sizes = merged.sizes(truth)
    touching = meetings(merged, parts)
    scored = np.flatnonzero(sizes * prod(spacing_mm) > rule.ignored_mm3)
    scored = scored[scored > 0]
    found = np.isin(scored, touching.first)
    dice, hd95 = np.zeros(len(scored)), np.full(len(scored), rule.penalty_mm, dtype=np.float64)
    dice[found] = _dice(merged, parts, truth, touching)[scored[found]]
    pairs = _cut_out(merged, parts, truth, touching, scored[found])
    hd95[found] = [hd_mm(surface_distances(one, other, spacing_mm), 95.0) for one, other in pairs]
    false_alarms = parts.count - len(np.unique(touching.second))
    return Lesions(dice, hd95, int(found.sum()), false_alarms, float(rule.penalty_mm or 0.0))


def with_penalty(rule: LesionRule, shape: Sequence[int], spacing_mm: Sequence[float]) -> LesionRule:
    """State the penalty of a rule that leaves it to the image: its diagonal."""
    if rule.penalty_mm is not None:
        return rule
    return replace(
        rule, penalty_mm=dist((0, 0, 0), [n * mm for n, mm in zip(shape, spacing_mm, strict=True)])
    )


def _dice(merged: Components, parts: Components, truth: Mask, touching: Meetings) -> Floats:
    """Dice [lesions + 1] of each lesion against all its matches together."""
    shared = meetings(merged, parts, truth)
    common = np.bincount(shared.first, shared.voxels, minlength=merged.count + 1)
    matches = np.bincount(touching.first, parts.sizes()[touching.second], minlength=merged.count + 1)
    dice: Floats = 2 * common / np.maximum(merged.sizes(truth) + matches, 1)
    return dice


def _cut_out(
    merged: Components, parts: Components, truth: Mask, touching: Meetings, chosen: npt.NDArray[np.intp]
) -> Iterator[tuple[Mask, Mask]]:
    """For each chosen lesion its matches and the lesion itself, in the box that holds them."""
    lesion_boxes, part_boxes = merged.boxes(), parts.boxes()
    for lesion in chosen:
        matches = touching.second[touching.first == lesion]
        box = _union([lesion_boxes[lesion - 1], *(part_boxes[match - 1] for match in matches)])
        yield parts.among(matches, box), (merged.parts[box] == lesion) & truth[box]


def _union(boxes: Sequence[Box]) -> Box:
    return tuple(
        slice(min(span.start for span in axis), max(span.stop for span in axis))
        for axis in zip(*boxes, strict=True)
    )
