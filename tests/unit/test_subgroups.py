from math import nan

import pytest

from segmake.metrics.statistics import Bootstrap, Summary
from segmake.metrics.subgroups import COLUMNS, size_levels, subgroup_rows, warn

BOOTSTRAP = Bootstrap(resamples=200)


def score(case, value, metric="dice", label="core", split="train", status="ok"):
    unit = {"truth_ml": "ml", "hd95": "mm"}.get(metric, "ratio")
    row = {"case": case, "value": str(value), "metric": metric, "label": label, "split": split}
    return row | {"unit": unit, "status": status}


def by_level(rows, metric="dice"):
    return {row["level"]: row for row in rows if row["metric"] == metric}


def test_sites_by_hand():
    scores = [score("a", 0.5), score("b", 0.7), score("c", 0.0, status="missed"), score("d", 0.9)]
    sites = {"a": "oslo", "b": "oslo", "c": "bonn", "d": ""}
    rows = subgroup_rows(scores, {}, {"site": sites}, BOOTSTRAP)
    assert [list(row) for row in rows] == [list(COLUMNS)] * 2
    found = by_level(rows)
    assert list(found) == ["bonn", "oslo"]
    assert (found["oslo"]["mean"], found["oslo"]["cases"], found["oslo"]["ok"]) == ("0.6", 2, 2)
    assert (found["bonn"]["mean"], found["bonn"]["missed"], found["bonn"]["ci_low"]) == ("0", 1, "")
    assert found["bonn"]["warning"] == "too few patients (1, at least 10)"


def test_patients_count_not_cases():
    scores = [score(f"c{n}", 0.5) for n in range(12)] + [score("d", 0.5)]
    levels = {f"c{n}": "x" for n in range(12)} | {"d": "y"}
    patients = {f"c{n}": f"p{n % 3}" for n in range(12)}
    found = by_level(subgroup_rows(scores, patients, {"scanner": levels}, BOOTSTRAP))
    assert (found["x"]["cases"], found["x"]["patients"]) == (12, 3)
    assert found["x"]["warning"] == "too few patients (3, at least 10)"


def test_one_level_is_no_subgroup():
    scores = [score("a", 0.5), score("b", 0.7), score("t", 0.7, split="test")]
    sites = {"a": "x", "b": "y", "t": "x"}
    rows = subgroup_rows(scores, {}, {"site": sites, "scanner": dict.fromkeys("abt", "mr")}, BOOTSTRAP)
    assert {(row["split"], row["subgroup"]) for row in rows} == {("train", "site")}
    assert subgroup_rows(scores, {}, {"site": {}}, BOOTSTRAP) == []


def test_thirds_by_true_volume_of_each_label():
    volumes = {"a": 1, "b": 2, "c": 3, "d": 40, "e": 50, "f": 60, "none": 0}
    scores = [score(case, ml, "truth_ml") for case, ml in volumes.items()]
    scores += [score("a", 9, "truth_ml", "whole"), score("b", 8, "truth_ml", "whole")]
    levels = size_levels(scores)
    core = {case: level for (_, label, case), level in levels.items() if label == "core"}
    assert core == {
        **dict.fromkeys("ab", "small"),
        **dict.fromkeys("cd", "medium"),
        **dict.fromkeys("ef", "large"),
    }
    assert (levels["train", "whole", "b"], levels["train", "whole", "a"]) == ("small", "large")


def test_sizes_stand_from_small_to_large():
    scores = [score(f"c{n}", n, "truth_ml") for n in range(1, 10)] + [
        score(f"c{n}", n / 10) for n in range(1, 10)
    ]
    rows = subgroup_rows(scores, {}, {"size": {}}, BOOTSTRAP)
    assert [row["level"] for row in rows if row["metric"] == "dice"] == ["small", "medium", "large"]
    assert [row["mean"] for row in rows if row["metric"] == "dice"] == ["0.2", "0.5", "0.8"]


def test_equal_sizes_are_one_group_and_not_told_apart():
    scores = [score(f"c{n}", 5, "truth_ml") for n in range(6)]
    assert set(size_levels(scores).values()) == {"small"}
    assert subgroup_rows(scores, {}, {"size": {}}, BOOTSTRAP) == []


def test_order_of_rows_changes_no_number():
    scores = [score(f"c{n}", n / 20) for n in range(20)]
    levels = {f"c{n}": "even" if n % 2 == 0 else "odd" for n in range(20)}
    first = by_level(subgroup_rows(scores, {}, {"parity": levels}, BOOTSTRAP))
    assert by_level(subgroup_rows(scores[::-1], {}, {"parity": levels}, BOOTSTRAP)) == first


@pytest.mark.parametrize(
    ("patients", "width", "unit", "warning"),
    [
        (9, 0.01, "ratio", "too few patients (9, at least 10)"),
        (10, 0.1, "ratio", ""),
        (20, 0.2, "ratio", "interval 0.2 wide; about 80 patients would make it 0.1"),
        (20, 5.0, "mm", ""),
        (1, nan, "ratio", "too few patients (1, at least 10)"),
    ],
)
def test_warnings_by_hand(patients, width, unit, warning):
    assert warn(Summary(patients, 0.5, 0.5, 0.1, 0.25, 0.25 + width), unit) == warning
