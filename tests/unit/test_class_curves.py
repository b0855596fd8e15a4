"""Points of the curves that a figure is drawn from."""

import numpy as np
from score_cases import many

from segmake.classification import ScoreSettings
from segmake.metrics.classification import curves
from segmake.metrics.classification.curves import curve_rows
from segmake.metrics.classification.decision import judge
from segmake.metrics.classification.levels import Patches


def points(rows, curve, level="patch", split="train"):
    levels = judge(Patches.of(rows, ""), ScoreSettings()).levels
    return [
        [float(row[name] or "nan") for name in ("x", "y", "low", "high", "extra")]
        for row in curve_rows(levels, 5)
        if (row["level"], row["split"], row["curve"]) == (level, split, curve)
    ]


def test_the_roc_begins_and_ends_in_the_corners():
    found = points(many(60), "roc")
    assert found[0][:2] == [0, 0]
    assert found[-1][:2] == [1, 1]
    assert found[0][4] == np.inf
    steps = np.diff(np.array(found)[:, :2], axis=0)
    assert (steps >= 0).all()


def test_precision_ends_at_the_share_of_positives():
    found = points(many(60), "pr")
    assert found[-1][:2] == [1, 0.5]


def test_reliability_counts_every_row_once():
    found = np.array(points(many(60), "reliability"))
    assert found[:, 4].sum() == 60
    assert ((found[:, 2] <= found[:, 1]) & (found[:, 1] <= found[:, 3])).all()


def test_the_decision_curve_has_acting_on_all_beside_it():
    model, everyone = (np.array(points(many(200), name)) for name in ("decision", "decision_all"))
    assert model[:, 0].tolist() == everyone[:, 0].tolist() == [round(0.01 * n, 2) for n in range(1, 100)]
    assert (
        model[49, 1] > 0.15
    )  # a useful model at a half, where acting on all half of whom are ill is worth 0
    assert abs(everyone[49, 1]) < 1e-6


def test_one_class_alone_has_no_roc():
    rows = [*many(30), *(row | {"class": "benign"} for row in many(12, split="test"))]
    assert points(rows, "roc", split="test") == []
    assert points(rows, "pr", split="test") == []
    assert len(points(rows, "decision", split="test")) == 99


def test_long_curves_are_thinned_and_keep_their_ends(monkeypatch):
    monkeypatch.setattr(curves, "MOST_POINTS", 10)
    found = points(many(300), "pr")
    assert len(found) == 10
    assert found[-1][0] == 1
