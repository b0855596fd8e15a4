"""What a metric is worth when a mask is empty: one table, so that no case leaves a mean in silence.

Four things can happen to a structure in a case:

    status        truth   prediction
    ok            some    some
    missed        some    none        the structure is there and was not found
    false_alarm   none    some        it is not there and something was segmented
    both_empty    none    none        it is not there and nothing was segmented: right

A metric's formula holds for `ok`. Elsewhere most formulas are 0/0 or infinite, and the value is declared
here: perfect for `both_empty`, the worst possible for `missed` and `false_alarm`. The worst distance is the
diagonal of the image in mm: no two surfaces in it are further apart. Reinke et al. ask that this be decided
and stated: "Understanding metric-related pitfalls in image analysis validation", Nat Methods 21 (2024).

Metrics of lesions have the status of the lesions that are scored, not of the mask: where all that is there
is too small to be scored and nothing false was found, it is `both_empty`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from math import inf

from segmake.metrics.counts import Counts


class Status(StrEnum):
    """What happened to a structure in a case; in tables by these words."""

    OK = "ok"
    MISSED = "missed"
    FALSE_ALARM = "false_alarm"
    BOTH_EMPTY = "both_empty"


DIAGONAL = inf
"""Stands in the table for the diagonal of the image."""


@dataclass(frozen=True)
class Rule:
    """Unit of a metric and its value on empty masks; None where its formula holds on empty masks too."""

    unit: str
    both_empty: float | None
    missed: float | None
    false_alarm: float | None

    def value(self, status: Status, diagonal_mm: float) -> float | None:
        """Return the declared value, or None when the formula decides."""
        if status is Status.OK:
            return None
        value = {
            Status.BOTH_EMPTY: self.both_empty,
            Status.MISSED: self.missed,
            Status.FALSE_ALARM: self.false_alarm,
        }[status]
        return diagonal_mm if value == DIAGONAL else value


SHARE = Rule("ratio", both_empty=1.0, missed=0.0, false_alarm=0.0)
DISTANCE = Rule("mm", both_empty=0.0, missed=DIAGONAL, false_alarm=DIAGONAL)
VOLUME = Rule("ml", both_empty=None, missed=None, false_alarm=None)
COUNT = Rule("count", both_empty=None, missed=None, false_alarm=None)

POLICY: dict[str, Rule] = {
    "dice": SHARE,
    "iou": SHARE,
    "precision": SHARE,
    "recall": SHARE,
    "nsd": SHARE,
    "hd": DISTANCE,
    "hd95": DISTANCE,
    "assd": DISTANCE,
    "truth_ml": VOLUME,
    "prediction_ml": VOLUME,
    "volume_error_ml": VOLUME,
    # missed is -1 by the formula; a false alarm would be infinite and counts as far off the other way
    "relative_volume_error": Rule("ratio", both_empty=0.0, missed=None, false_alarm=1.0),
    "lesion_wise_dice": SHARE,
    # the formula gives the penalty of the rule (`metrics.lesions`)
    "lesion_wise_hd95": Rule("mm", both_empty=0.0, missed=None, false_alarm=None),
    "lesion_f1": SHARE,
    "lesion_sensitivity": SHARE,
    "lesion_false_positives": COUNT,
    "scored_lesions": COUNT,
    "panoptic_quality": SHARE,
}


def status_of(counts: Counts) -> Status:
    """Say what happened."""
    if counts.truth and counts.prediction:
        return Status.OK
    if counts.truth:
        return Status.MISSED
    return Status.FALSE_ALARM if counts.prediction else Status.BOTH_EMPTY
