"""Tables of scores against scikit-learn, with a status wherever a number cannot be had."""

import numpy as np
import pytest
from score_cases import many, patch_row
from sklearn import metrics as reference

from segmake.classification import ScoreSettings
from segmake.metrics.classification.decision import judge
from segmake.metrics.classification.levels import Patches
from segmake.metrics.classification.scores import (
    confusion_rows,
    prediction_rows,
    scores_text,
    summary_rows,
)
from segmake.metrics.statistics import Bootstrap

FAST = Bootstrap(resamples=200)


def judged(rows, **settings):
    return judge(Patches.of(rows, ""), ScoreSettings(**settings)).levels


def cells(rows, level="patch", split="train"):
    return {
        (row["metric"], row["class"]): row for row in rows if (row["level"], row["split"]) == (level, split)
    }


def test_two_classes_are_scored_for_the_positive_one():
    rows = many(60)
    levels = judged(rows)
    found = cells(summary_rows(levels, 10, FAST))
    truth = [row["class"] == "malignant" for row in rows]
    told = {row["group"]: row for row in prediction_rows(levels) if row["level"] == "patch"}
    chance = [float(told[row["group"]]["p_malignant"]) for row in rows]
    called = [told[row["group"]]["decision"] == "malignant" for row in rows]
    score = [float(told[row["group"]]["score_malignant"]) for row in rows]
    expected = {
        "auroc": reference.roc_auc_score(truth, score),
        "ap": reference.average_precision_score(truth, score),
        "accuracy": reference.accuracy_score(truth, called),
        "balanced_accuracy": reference.balanced_accuracy_score(truth, called),
        "precision": reference.precision_score(truth, called),
        "sensitivity": reference.recall_score(truth, called),
        "specificity": reference.recall_score(truth, called, pos_label=0),
        "f1": reference.f1_score(truth, called),
        "mcc": reference.matthews_corrcoef(truth, called),
        "brier": reference.brier_score_loss(truth, chance),
    }
    for metric, value in expected.items():
        assert float(found[metric, "malignant"]["value"]) == pytest.approx(value, abs=1e-4), metric
    assert {name for _, name in found} == {"malignant"}
    auroc = found["auroc", "malignant"]
    assert float(auroc["low"]) < float(auroc["value"]) < float(auroc["high"])
    assert (auroc["n"], auroc["patients"], auroc["positives"], auroc["status"]) == (60, 60, 30, "ok")


def three_classes(count=90, classes=("x", "y", "z")):
    random = np.random.default_rng(0)
    rows = []
    for number in range(count):
        index = number % len(classes)
        logits = dict(zip(classes, random.normal(size=len(classes)), strict=True))
        logits[classes[index]] += 1.5
        rows.append(patch_row(f"p{number:02d}", classes[index], logits))
    return rows


def test_of_more_classes_each_is_scored_and_their_mean_and_all_together():
    rows = three_classes()
    levels = judged(rows)
    found = cells(summary_rows(levels, 10, FAST))
    truth = np.array([row["class"] for row in rows])
    told = {row["group"]: row for row in prediction_rows(levels) if row["level"] == "patch"}
    chances = np.array([[float(told[row["group"]][f"p_{n}"]) for n in "xyz"] for row in rows])
    scores = np.array([[float(told[row["group"]][f"score_{n}"]) for n in "xyz"] for row in rows])
    areas = [reference.roc_auc_score(truth == name, scores[:, k]) for k, name in enumerate("xyz")]
    for name, area in zip("xyz", areas, strict=True):
        assert float(found["auroc", name]["value"]) == pytest.approx(area, abs=1e-4)
    assert float(found["auroc", "macro"]["value"]) == pytest.approx(np.mean(areas), abs=1e-4)
    called = np.array(list("xyz"))[chances.argmax(axis=1)]
    scores = {
        "accuracy": reference.accuracy_score(truth, called),
        "balanced_accuracy": reference.balanced_accuracy_score(truth, called),
        "mcc": reference.matthews_corrcoef(truth, called),
    }
    for metric, value in scores.items():
        assert float(found[metric, "all"]["value"]) == pytest.approx(value, abs=1e-4)
    assert float(found["sensitivity", "macro"]["value"]) == pytest.approx(
        scores["balanced_accuracy"], abs=1e-4
    )
    one_hot = np.array([[n == t for n in "xyz"] for t in truth])
    assert float(found["brier", "all"]["value"]) == pytest.approx(
        ((chances - one_hot) ** 2).sum(axis=1).mean(), abs=1e-4
    )
    assert ("ece", "all") in found
    matrix = {
        (row["truth"], row["decision"]): row["count"]
        for row in confusion_rows(levels)
        if row["level"] == "patch"
    }
    expected = reference.confusion_matrix(truth, called)
    assert [[matrix[a, b] for b in "xyz"] for a in "xyz"] == expected.tolist()


def test_classes_that_do_not_exclude_each_other_have_a_matrix_each():
    rows = []
    for number in range(40):
        name = ["none", "a", "b", "a|b"][number % 4]
        logits = {"a": 1.0 if "a" in name else -1.0, "b": 0.1 * (number % 7) - 0.3}
        rows.append(patch_row(f"p{number:02d}", name, logits, head="sigmoid"))
    levels = judged(rows)
    found = cells(summary_rows(levels, 10, FAST))
    assert {name for _, name in found} == {"a", "b", "macro"}
    assert float(found["accuracy", "a"]["value"]) == 1
    assert found["accuracy", "a"]["status"] == "no_spread"
    both = [row for row in confusion_rows(levels) if (row["level"], row["class"]) == ("patch", "a")]
    assert {(row["truth"], row["decision"]): row["count"] for row in both} == {
        ("other", "other"): 20,
        ("other", "a"): 0,
        ("a", "other"): 0,
        ("a", "a"): 20,
    }
    told = prediction_rows(levels)
    assert {row["class"] for row in told} == {"none", "a", "b", "a|b"}
    assert "" not in {row["decision"] for row in told}


def test_a_split_of_one_class_has_a_status_and_no_number():
    rows = [*many(30), *(row | {"class": "benign"} for row in many(12, seed=3, split="test"))]
    found = cells(summary_rows(judged(rows), 10, FAST), split="test")
    assert (found["auroc", "malignant"]["value"], found["auroc", "malignant"]["status"]) == (
        "",
        "no_positives",
    )
    assert found["sensitivity", "malignant"]["status"] == "no_positives"
    assert float(found["specificity", "malignant"]["value"]) >= 0
    only = [row | {"class": "malignant"} for row in many(12, seed=3, split="test")]
    found = cells(summary_rows(judged([*many(30), *only]), 10, FAST), split="test")
    assert found["specificity", "malignant"]["status"] == "no_negatives"
    three = [row for row in three_classes() if row["class"] != "z"]
    found = cells(summary_rows(judged(three), 10, FAST))
    assert found["auroc", "z"]["status"] == found["auroc", "macro"]["status"] == "no_positives"


def test_unknown_and_new_rows_are_predicted_and_not_scored():
    rows = [*many(30), patch_row("new-1", "malignant", (0.0, 1.0), split="new", fold="")]
    levels = judged(rows)
    assert {row["split"] for row in summary_rows(levels, 10, FAST)} == {"train"}
    new = [row for row in prediction_rows(levels) if row["split"] == "new"]
    assert [row["level"] for row in new] == ["patch", "patient"]
    assert {row["class"] for row in new} == {""}
    assert all(float(row["p_malignant"]) > 0.5 for row in new)


def test_few_patients_have_values_without_intervals():
    found = cells(summary_rows(judged(many(8)), 10, FAST))
    assert {row["status"] for row in found.values()} <= {"few_patients", "undefined"}
    assert {row["low"] for row in found.values()} == {""}


def test_the_text_has_a_line_per_level_and_class():
    rows = summary_rows(judged([*many(30), *many(6, seed=2, split="test")]), 10, FAST)
    text = scores_text([{name: str(cell) for name, cell in row.items()} for row in rows]).splitlines()
    assert [line.split()[:4] for line in text[1:]] == [
        ["test", "patch", "malignant", "6"],
        ["train", "patch", "malignant", "30"],
        ["test", "patient", "malignant", "6"],
        ["train", "patient", "malignant", "30"],
    ]
    area = next(row for row in rows if (row["split"], row["metric"]) == ("train", "auroc"))
    assert f"{float(area['value']):.3f} [{float(area['low']):.3f}, {float(area['high']):.3f}]" in text[2]
    assert "[" not in text[1]


def test_parts_with_temperatures_of_their_own_are_ranked_alike():
    rows = many(20, scale=3.0)
    levels = judged(rows)
    area = float(cells(summary_rows(levels, 10, FAST))["auroc", "malignant"]["value"])
    truth = [row["class"] == "malignant" for row in rows]
    logits = [float(row["logit_malignant"]) for row in rows]
    assert area == pytest.approx(reference.roc_auc_score(truth, logits), abs=1e-6)
