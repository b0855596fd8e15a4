import pytest

from segmake.metrics.counts import Counts
from segmake.metrics.policy import POLICY, Status, status_of

DIAGONAL_MM = 123.0


@pytest.mark.parametrize(
    ("counts", "status"),
    [
        (Counts(tp=0, fp=0, fn=0, tn=8), "both_empty"),
        (Counts(tp=0, fp=0, fn=3, tn=5), "missed"),
        (Counts(tp=0, fp=3, fn=0, tn=5), "false_alarm"),
        (Counts(tp=1, fp=0, fn=0, tn=7), "ok"),
        (Counts(tp=0, fp=2, fn=2, tn=4), "ok"),
    ],
)
def test_status(counts, status):
    assert status_of(counts) == status


# the whole table; None: the formula decides
TABLE = {
    "dice": (1.0, 0.0, 0.0),
    "iou": (1.0, 0.0, 0.0),
    "precision": (1.0, 0.0, 0.0),
    "recall": (1.0, 0.0, 0.0),
    "nsd": (1.0, 0.0, 0.0),
    "hd": (0.0, DIAGONAL_MM, DIAGONAL_MM),
    "hd95": (0.0, DIAGONAL_MM, DIAGONAL_MM),
    "assd": (0.0, DIAGONAL_MM, DIAGONAL_MM),
    "truth_ml": (None, None, None),
    "prediction_ml": (None, None, None),
    "volume_error_ml": (None, None, None),
    "relative_volume_error": (0.0, None, 1.0),
    "lesion_wise_dice": (1.0, 0.0, 0.0),
    "lesion_wise_hd95": (0.0, None, None),
    "lesion_f1": (1.0, 0.0, 0.0),
    "lesion_sensitivity": (1.0, 0.0, 0.0),
    "lesion_false_positives": (None, None, None),
    "scored_lesions": (None, None, None),
    "panoptic_quality": (1.0, 0.0, 0.0),
}


def test_the_table_covers_every_metric():
    assert list(POLICY) == list(TABLE)


@pytest.mark.parametrize("metric", TABLE)
def test_what_each_metric_is_worth(metric):
    rule = POLICY[metric]
    fates = (Status.BOTH_EMPTY, Status.MISSED, Status.FALSE_ALARM)
    assert tuple(rule.value(status, DIAGONAL_MM) for status in fates) == TABLE[metric]
    assert rule.value(Status.OK, DIAGONAL_MM) is None


def test_units():
    units = {metric: rule.unit for metric, rule in POLICY.items()}
    assert units["hd95"] == "mm"
    assert units["volume_error_ml"] == "ml"
    assert units["dice"] == units["relative_volume_error"] == "ratio"
