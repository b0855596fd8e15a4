import math

import pytest

from segmake.errors import InputError
from segmake.figures.records import (
    NOTHING,
    metric_title,
    number,
    rank_cases,
    read_history,
    read_scores,
    read_summary,
)

ROW = {
    "case": "a",
    "split": "train",
    "fold": "1",
    "label": "core",
    "metric": "dice",
    "value": "0.5",
    "unit": "ratio",
    "status": "ok",
}
SUMMARY = {
    "split": "test",
    "label": "core",
    "metric": "hd95",
    "unit": "mm",
    "cases": "9",
    "patients": "7",
    "mean": "3.25",
    "median": "3",
    "sd": "0.5",
    "ci_low": "",
    "ci_high": "",
    "ok": "6",
    "both_empty": "0",
    "missed": "2",
    "false_alarm": "1",
}


def scores(*entries):
    return read_scores([ROW | {"case": c, "label": lab, "value": v} for c, lab, v in entries], "unet")


def test_a_row_becomes_a_score():
    (score,) = read_scores([ROW], "unet")
    assert (score.model, score.case, score.fold, score.label, score.value) == ("unet", "a", "1", "core", 0.5)


def test_an_empty_value_is_not_a_number():
    (score,) = read_scores([ROW | {"value": ""}], "unet")
    assert math.isnan(score.value)


def test_a_summary_row_keeps_counts_and_missing_intervals():
    (summary,) = read_summary([SUMMARY], "unet")
    assert (summary.cases, summary.patients, summary.missed, summary.false_alarms) == (9, 7, 2, 1)
    assert (summary.mean, summary.median, summary.sd) == (3.25, 3.0, 0.5)
    assert math.isnan(summary.low)
    assert math.isnan(summary.high)


def test_a_damaged_value_is_explained():
    with pytest.raises(InputError, match=r"metrics of unet .*'much'.* run evaluate"):
        read_scores([ROW | {"value": "much"}], "unet")


def test_a_missing_column_is_named():
    with pytest.raises(InputError, match="'patients'"):
        read_summary([{k: v for k, v in SUMMARY.items() if k != "patients"}], "unet")


def test_cases_are_ranked_by_their_mean_over_the_labels_asked_for():
    found = scores(("b", "core", "0.9"), ("b", "edge", "0.5"), ("a", "core", "0.2"), ("a", "whole", "1.0"))
    assert rank_cases(found, {"core", "edge"}) == [("a", 0.2), ("b", pytest.approx(0.7))]


def test_equal_cases_are_ranked_by_name_and_a_case_without_value_is_not():
    found = scores(("z", "core", "0.5"), ("y", "core", "0.5"), ("x", "core", ""))
    assert [case for case, _ in rank_cases(found, {"core"})] == ["y", "z"]


def test_history_cells_may_be_empty():
    (row,) = read_history([{"step": "10", "loss": "0.5", "val_dice": ""}])
    assert row["step"] == 10
    assert math.isnan(row["val_dice"])


@pytest.mark.parametrize("row", [{"loss": "1"}, {"step": "one"}])
def test_a_history_of_another_kind_is_explained(row):
    with pytest.raises(InputError, match="run train again"):
        read_history([row])


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.91249, "0.912"), (-0.0001, "0.000"), (-1.5, "-1.500"), (math.nan, NOTHING), (math.inf, "∞")],
)
def test_numbers_have_three_decimals(value, text):
    assert number(value) == text


@pytest.mark.parametrize(
    ("metric", "unit", "title"),
    [("dice", "ratio", "Dice"), ("hd95", "mm", "HD95 (mm)"), ("boundary_iou", "", "boundary iou")],
)
def test_metrics_have_titles_with_units(metric, unit, title):
    assert metric_title(metric, unit) == title
