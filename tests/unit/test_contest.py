"""Classifiers compared on what they share."""

import numpy as np
import pytest

from segmake.metrics.classification.contest import contest_rows
from segmake.metrics.classification.delong import areas, difference


def predictions(gain, count=60, seed=0, classes=("benign", "malignant"), **more):
    random = np.random.default_rng(seed)
    rows = []
    for number in range(count):
        truth = number % len(classes)
        scores = random.normal(size=len(classes))
        scores[truth] += gain
        chances = np.exp(scores) / np.exp(scores).sum()
        row = {"level": "patient", "split": "test", "class": classes[truth], "group": f"p{number:03d}"}
        row |= {"case": "", "lesion": "", "patch": "", "fold": ""}
        rows.append(row | {f"score_{n}": f"{c:.6g}" for n, c in zip(classes, chances, strict=True)} | more)
    return rows


def test_a_pair_is_that_of_delong():
    one, other = predictions(1.0), predictions(0.5, seed=1)
    (row,) = contest_rows({"a": one, "b": other}, 0.95)
    truth = np.array([r["class"] == "malignant" for r in one])
    scores = np.array([[float(r["score_malignant"]) for r in each] for each in (one, other)])
    found = areas(truth, scores, [r["group"] for r in one])
    test = difference(found, 0, 1, 0.95)
    assert float(row["auroc"]) == pytest.approx(found.values[0], abs=1e-5)
    assert float(row["difference"]) == pytest.approx(test.value, abs=1e-5)
    assert (float(row["ci_low"]), float(row["p"])) == (
        pytest.approx(test.low, rel=1e-4),
        pytest.approx(test.p, rel=1e-4),
    )
    assert (row["classifier"], row["other"], row["class"], row["units"]) == ("a", "b", "malignant", 60)


def test_only_shared_units_count_in_whatever_order():
    one, other = predictions(2.0), predictions(0.0, seed=1)
    (whole,) = contest_rows({"a": one, "b": other[::-1]}, 0.95)
    (part,) = contest_rows({"a": one[:40], "b": other}, 0.95)
    assert (whole["units"], part["units"]) == (60, 40)
    assert whole["verdict"] == "a is better"
    (reverse,) = contest_rows({"b": other, "a": one}, 0.95)
    assert reverse["verdict"] == "a is better"
    assert float(reverse["difference"]) == -float(whole["difference"])


def test_p_values_are_adjusted_over_pairs_and_classes():
    names = ("x", "y", "z")
    tables = {
        name: predictions(g, 90, s, names) for name, g, s in (("a", 1.0, 0), ("b", 0.5, 1), ("c", 0.9, 2))
    }
    rows = contest_rows(tables, 0.95)
    assert len(rows) == 3 * 3
    smallest = min(rows, key=lambda row: float(row["p"]))
    assert float(smallest["p_holm"]) == pytest.approx(min(1, 9 * float(smallest["p"])), rel=1e-4)
    assert all(float(row["p_holm"]) >= float(row["p"]) for row in rows)


def test_what_forbids_a_claim_is_said():
    few = contest_rows({"a": predictions(1, 8), "b": predictions(0, 8, 1)}, 0.95)
    assert few[0]["verdict"] == "too few patients (under 10)"
    same = contest_rows({"a": predictions(1), "b": predictions(1)}, 0.95)
    assert (same[0]["p"], same[0]["verdict"]) == ("", "no difference shown")
    benign = [row | {"class": "benign"} for row in predictions(1)]
    alone = contest_rows({"a": benign, "b": predictions(0, seed=1)}, 0.95)
    assert (alone[0]["auroc"], alone[0]["verdict"]) == ("", "one class alone")
    unknown = [row | {"class": ""} for row in predictions(1)]
    assert contest_rows({"a": unknown, "b": predictions(1)}, 0.95) == []
