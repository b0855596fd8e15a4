from math import nan

import pytest

from segmake.metrics.statistics import Bootstrap
from segmake.metrics.summary import rounded, summary_rows, summary_text

BOOTSTRAP = Bootstrap(seed=0, resamples=200, confidence=0.95)


def score(case, value, label="core", metric="dice", split="train", status="ok"):
    unit = "mm" if metric == "hd95" else "ratio"
    texts = {"case": case, "split": split, "label": label, "metric": metric, "unit": unit, "status": status}
    return texts | {"fold": "0", "value": str(value)}


def case(name, dice_mean, group=None, split="train", **fates):
    counts = dict.fromkeys(("ok", "missed", "false_alarm", "both_empty"), "0")
    counts |= {fate: str(n) for fate, n in fates.items()}
    return {"case": name, "group": group or name, "split": split, "dice_mean": str(dice_mean)} | counts


def by_key(rows):
    return {(row["split"], row["label"], row["metric"]): row for row in rows}


def test_values_are_rounded_to_six_digits():
    assert rounded(0.123456789) == "0.123457"
    assert rounded(1234567.0) == "1.23457e+06"
    assert rounded(-0.0) == "0"
    assert rounded(nan) == ""


def test_a_row_by_hand():
    scores = [score("a", 0.5), score("b", 0.7), score("c", 0.0, status="missed")]
    row = summary_rows(scores, [case("a", 0.5), case("b", 0.7), case("c", 0.0)], BOOTSTRAP)[0]
    assert (row["cases"], row["patients"], row["unit"]) == (3, 3, "ratio")
    assert (row["mean"], row["median"], row["sd"]) == ("0.4", "0.5", "0.360555")
    assert float(row["ci_low"]) < 0.4 < float(row["ci_high"])
    assert (row["ok"], row["missed"], row["false_alarm"], row["both_empty"]) == (2, 1, 0, 0)


def test_a_missed_case_is_in_the_mean():
    good = [score(name, 0.9) for name in "abc"]
    cases = [case(name, 0.9) for name in "abcd"]
    found = summary_rows([*good, score("d", 0.0, status="missed")], cases, BOOTSTRAP)[0]
    assert (found["mean"], found["cases"]) == ("0.675", 4)


def test_scans_of_one_patient_count_once():
    scores = [score("a1", 0.0), score("a2", 0.2), score("b", 0.9)]
    cases = [case("a1", 0.0, group="a"), case("a2", 0.2, group="a"), case("b", 0.9)]
    row = summary_rows(scores, cases, BOOTSTRAP)[0]
    assert (row["cases"], row["patients"], row["mean"]) == (3, 2, "0.5")


def test_splits_labels_and_metrics_stand_apart():
    scores = [score("a", 0.5), score("a", 3.0, metric="hd95"), score("a", 0.9, label="whole")]
    scores.append(score("t", 0.1, split="test"))
    found = by_key(summary_rows(scores, [case("a", 0.7), case("t", 0.1, split="test")], BOOTSTRAP))
    assert list(found) == [
        ("test", "core", "dice"),
        ("test", "mean", "dice"),
        ("train", "core", "dice"),
        ("train", "core", "hd95"),
        ("train", "whole", "dice"),
        ("train", "mean", "dice"),
    ]
    assert found["test", "core", "dice"]["mean"] == "0.1"
    assert found["train", "core", "hd95"]["unit"] == "mm"


def test_the_mean_over_labels_comes_from_the_cases_and_counts_all_fates():
    cases = [case("a", 0.4, ok=1, missed=1), case("b", 0.8, ok=2)]
    row = by_key(summary_rows([score("a", 0.8), score("b", 0.8)], cases, BOOTSTRAP))["train", "mean", "dice"]
    assert (row["mean"], row["cases"], row["ok"], row["missed"]) == ("0.6", 2, 3, 1)


def test_one_patient_has_no_interval():
    row = summary_rows([score("a", 0.5)], [case("a", 0.5)], BOOTSTRAP)[0]
    assert (row["mean"], row["sd"], row["ci_low"], row["ci_high"]) == ("0.5", "", "", "")
    assert row["ci_method"] == ""


def test_failed_cases_are_counted_in_their_split_or_in_all_where_it_is_not_known():
    scores = [score("a", 0.5), score("t", 0.1, split="test")]
    cases = [case("a", 0.5), case("t", 0.1, split="test")]
    found = by_key(summary_rows(scores, cases, BOOTSTRAP, ["train", "train", "", "new"]))
    assert {key[0]: row["failed"] for key, row in found.items()} == {"train": 3, "test": 1}
    assert {row["failed"] for row in summary_rows(scores, cases, BOOTSTRAP)} == {0}


def test_the_method_of_an_interval_is_named():
    scores = [score(name, value) for name, value in zip("abc", (0.1, 0.5, 0.6), strict=True)]
    assert (
        summary_rows(scores, [case("a", 0.5, group="p")] * 3 + [case("b", 1), case("c", 1)], BOOTSTRAP)[0][
            "ci_method"
        ]
        == "bca"
    )


def test_an_interval_depends_on_its_own_row_alone():
    scores = [score(name, value) for name, value in zip("abcd", (0.1, 0.5, 0.6, 0.9), strict=True)]
    cases = [case(name, 0.5) for name in "abcd"]
    alone = by_key(summary_rows(scores, cases, BOOTSTRAP))["train", "core", "dice"]
    more = [score(name, 0.3, label="before") for name in "abcd"]
    beside = by_key(summary_rows(more + scores[::-1], cases[::-1], BOOTSTRAP))["train", "core", "dice"]
    assert alone == beside
    other = by_key(summary_rows(scores, cases, Bootstrap(seed=1, resamples=200)))["train", "core", "dice"]
    assert other["ci_low"] != alone["ci_low"]


@pytest.fixture
def text():
    scores = [score("a", 0.5), score("b", 0.75), score("a", 4, metric="hd95"), score("b", 6, metric="hd95")]
    scores += [score("c", 0.0, label="long name", split="test", status="missed")]
    cases = [case("a", 0.5, ok=1), case("b", 0.75, ok=1), case("c", 0.0, split="test", missed=1)]
    rows = [{key: str(value) for key, value in row.items()} for row in summary_rows(scores, cases, BOOTSTRAP)]
    return summary_text(rows)


def test_the_text_has_a_line_per_split_and_label(text):
    lines = text.splitlines()
    assert [line.split("  ")[0] for line in lines] == ["split", "test", "test", "train", "train"]
    assert "long name  1" in lines[1]
    assert lines[1].split()[-3:] == ["1", "0", "0"]


def test_the_text_shows_means_with_intervals_where_there_are_some(text):
    line = next(line for line in text.splitlines() if line.startswith("train  core"))
    assert "0.625 [0.500, 0.750]" in line
    assert "5.00 [4.00, 6.00]" in line
    assert "0.000 " in text.splitlines()[1]


def test_the_text_is_aligned(text):
    lines = text.splitlines()
    column = lines[0].index("missed")
    assert all(line[column - 1] == " " and line[column] != " " for line in lines)
