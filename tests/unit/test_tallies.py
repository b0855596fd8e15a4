import math

from segmake.figures.page import Note
from segmake.figures.records import NOTHING, Summary
from segmake.figures.tallies import all_scores, headline, splits


def summary(metric, mean, label="core", split="train", model="unet", missed=0):
    unit = "mm" if metric == "hd95" else "ratio"
    return Summary(
        model, split, label, metric, unit, 5, 4, mean, mean, 0.1, mean - 0.1, mean + 0.1, missed, 2
    )


def cells(table, *names):
    columns = list(table.columns)
    return [[row[columns.index(name)] for name in names] for row in table.rows]


def test_the_headline_says_what_the_table_says():
    (table,) = headline([summary("dice", 0.8, missed=3), summary("hd95", 4.0, missed=3)], "95%")
    assert table.columns == ["Label", "Dice", "HD95 (mm)", "Missed", "False alarms", "Patients", "Cases"]
    assert table.rows == [
        ["core", ("0.800", "[0.700, 0.900]"), ("4.000", "[3.900, 4.100]"), "3", "2", "4", "5"]
    ]
    assert table.caption.endswith("mean over patients [95% interval]")


def test_a_table_per_split_with_held_out_cases_first():
    tables = headline([summary("dice", 0.8), summary("dice", 0.7, split="test")], "95%")
    assert [table.caption.split(" ")[0] for table in tables] == ["Test", "Cross-validation"]


def test_models_stand_below_each_other_per_label_and_the_mean_comes_last():
    rows = [summary("dice", 0.5, label, model=m) for m in ("a", "b") for label in ("mean", "core", "edge")]
    (table,) = headline(rows, "95%")
    assert cells(table, "Label", "Model") == [
        ["core", "a"],
        ["core", "b"],
        ["edge", "a"],
        ["edge", "b"],
        ["mean of labels", "a"],
        ["mean of labels", "b"],
    ]


def test_metrics_a_label_lacks_are_a_dash():
    (table,) = headline([summary("dice", 0.8), summary("nsd", 0.7), summary("dice", 0.75, "mean")], "95%")
    assert cells(table, "NSD") == [[("0.700", "[0.600, 0.800]")], [NOTHING]]


def test_sizes_are_in_the_long_table_only():
    rows = [summary("dice", 0.8), summary("truth_ml", 9.0)]
    assert "True volume" not in " ".join(headline(rows, "95%")[0].columns)
    assert [row[3] for row in all_scores(rows, "95%").rows] == ["Dice", "True volume"]


def test_the_long_table_has_every_number():
    (row,) = all_scores([summary("dice", 0.8)], "90%").rows
    assert row == ["core", "unet", "train", "Dice", "5", "4", "0.800", "[0.700, 0.900]", "0.800", "0.100"]


def test_one_patient_has_no_interval():
    alone = Summary(
        "unet", "test", "core", "dice", "ratio", 1, 1, 0.5, 0.5, math.nan, math.nan, math.nan, 0, 0
    )
    (table,) = headline([alone], "95%")
    assert cells(table, "Dice") == [[("0.500", NOTHING)]]


def test_without_scores_the_page_says_so():
    (note,) = headline([], "95%")
    assert isinstance(note, Note)
    assert note.kind == "warning"


def test_unknown_splits_come_last():
    assert splits([summary("dice", 1, split=s) for s in ("odd", "new", "train", "test")]) == [
        "test",
        "train",
        "new",
        "odd",
    ]
