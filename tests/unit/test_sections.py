import math

from segmake.figures import sections
from segmake.figures.page import Link, Note, Table
from segmake.figures.passports import Passport
from segmake.figures.records import NOTHING, Score
from segmake.figures.sections import Failure
from segmake.plan import Normalisation, Plan

NBSP = "\N{NO-BREAK SPACE}\N{MULTIPLICATION SIGN}\N{NO-BREAK SPACE}"


def case(name, shape=(10, 20, 30), **changes):
    fields = {"split": "train", "group": "p1", "spacing_mm": (1, 1, 2.5), "orientation": "LPS"}
    fields |= {"labels_ml": {"core": 1.5, "edge": 0.0}, "oblique_degrees": 12.345}
    return Passport(name, shape=shape, **fields | changes)


def score(name, status, metric="dice", label="core"):
    return Score("unet", "test", "", name, label, metric, 0.0, "ratio", status)


def tables(blocks):
    return [block for block in blocks if isinstance(block, Table)]


def texts(blocks):
    return [block.text for block in blocks if isinstance(block, Note)]


def test_failed_and_excluded_cases_are_told_apart_with_stage_and_reason():
    failed = [Failure("convert", "a", "bad grid"), Failure("predict unet", "b", "no memory")]
    blocks = sections.failures([*failed, Failure("convert", "c", "no image", excluded=True)], {}, [], {})
    first, second = tables(blocks)
    assert first.rows == [["a", "convert", "bad grid"], ["b", "predict unet", "no memory"]]
    assert second.rows == [["c", "convert", "no image"]]
    assert texts(blocks) == [
        "2 cases failed: not in the scores.",
        "1 case cannot take part: not in the scores.",
    ]


def test_a_case_that_failed_twice_counts_once():
    failed = [Failure("predict a", "x", "r"), Failure("predict b", "x", "r")]
    assert texts(sections.failures(failed, {}, [], {})) == ["1 case failed: not in the scores."]


def test_missed_labels_and_false_alarms_are_named_once():
    scores = [score("a", "missed"), score("a", "missed", "nsd"), score("b", "false_alarm"), score("c", "ok")]
    (table,) = tables(sections.failures([], {}, scores, {}))
    assert table.rows == [
        ["a", "unet", "test", "core", "missed"],
        ["b", "unet", "test", "core", "false alarm"],
    ]


def test_cases_without_a_score_are_named_with_the_reason():
    (table,) = tables(sections.failures([], {"z": "why z", "a": "why a"}, [], {"z": "there.html"}))
    assert table.rows == [["a", "why a"], [Link("z", "there.html"), "why z"]]


def test_when_all_went_well_the_page_says_so():
    assert texts(sections.failures([], {}, [score("a", "ok")], {})) == [
        "No case failed, none was excluded.",
        "No label was missed, and there was no false alarm.",
    ]


def test_the_passport_has_ranges_over_the_cases():
    other = case("b", (30, 20, 10), labels_ml={"core": 0.5}, spacing_mm=(1, 1, 2.500001))
    (ranges,) = tables(sections.passport([case("a"), other]))
    assert ["Voxels along x", "2", "10", "20", "30"] in ranges.rows
    assert ["Spacing (mm) along z", "2", "2.5", "2.5", "2.5"] in ranges.rows
    assert ["Volume of core (ml)", "2", "0.500", "1.000", "1.500"] in ranges.rows
    assert ["Volume of edge (ml)", "0", *[NOTHING] * 3] in ranges.rows


def test_every_case_has_its_grid_intensities_and_volumes():
    (table,) = tables(sections.every_case([case("a", intensities={"ct": (-1024.0, 3.14159, 32767.0)})]))
    grid = [f"10{NBSP}20{NBSP}30", f"1{NBSP}1{NBSP}2.5", "LPS", "12.3"]
    assert table.rows == [["a", "train", "p1", *grid, "-1024 to 32767", "1.500", "0.000"]]
    assert "Site" not in table.columns
    assert table.numeric == {"Oblique (degrees)", "ct (0.5 to 99.5%)", "core (ml)", "edge (ml)"}


def test_what_an_old_record_lacks_is_a_dash():
    (table,) = tables(sections.every_case([case("a", site="Oslo"), Passport("b")]))
    assert table.rows[0][3] == "Oslo"
    assert table.rows[1] == ["b", "", "", "", NOTHING, NOTHING, "", *[NOTHING] * 3]


def test_long_tables_are_folded_then_cut():
    (few,) = tables(sections.every_case([case(str(i)) for i in range(sections.OPEN_ROWS + 1)]))
    assert few.folded
    blocks = sections.every_case([case(str(i)) for i in range(sections.MOST_ROWS + 5)])
    assert len(tables(blocks)[0].rows) == sections.MOST_ROWS
    assert f"{sections.MOST_ROWS} of {sections.MOST_ROWS + 5}" in texts(blocks)[0]


def test_an_empty_data_set_is_a_warning():
    for (note,) in (sections.passport([]), sections.every_case([])):
        assert note.kind == "warning"


def test_each_choice_of_the_plan_stands_with_its_reason():
    plan = Plan(
        channels={"t1": "mr"},
        labels={"core": 1, "edge": 2},
        regions={"whole": [1, 2]},
        spacing_mm=(1, 1, 2.5),
        patch=(32, 32, 16),
        batch=2,
        features=[16, 32, 64],
        kernels=[(3, 3, 3)],
        strides=[(1, 1, 1), (2, 2, 1)],
        normalisation={
            "t1": Normalisation(scheme="zscore"),
            "ct": Normalisation(scheme="ct", lower=-900, upper=300),
        },
        crop="nonzero",
        folds={"a": 0, "b": 1, "c": 0},
        median_shape=(40, 40, 20),
        reasons={"patch": "it fits", "folds": "by patient"},
    )
    (table,) = sections.plan_choices(plan)
    rows = {row[0]: row[1:] for row in table.rows}
    assert rows["patch"] == [f"32{NBSP}32{NBSP}16", "it fits"]
    assert rows["features"] == ["16, 32, 64", ""]
    assert rows["strides"] == [f"1{NBSP}1{NBSP}1, 2{NBSP}2{NBSP}1", ""]
    assert rows["regions"] == ["whole: 1 + 2", ""]
    assert rows["folds (cases in each)"] == ["fold 0: 2, fold 1: 1", "by patient"]
    assert rows["normalisation"] == ["t1: zscore; ct: ct (lower: -900, upper: 300)", ""]


def test_training_runs_end_with_the_mean_of_the_last_losses():
    history = [
        {"step": float(i), "minutes": i / 10, "loss": float(i), "val_dice": math.nan} for i in range(40)
    ]
    table = sections.training_runs({("unet", "fold-0"): history})
    assert table.rows == [["unet", "fold-0", "39", "3.9", "38.500"]]
    history[-1]["val_dice"] = 0.75
    assert sections.training_runs({("unet", "fold-0"): history}).rows[0][-1] == "0.750"


def test_an_empty_history_is_a_row_of_dashes():
    table = sections.training_runs({("unet", "fold-0"): []})
    assert table.rows == [["unet", "fold-0", NOTHING, NOTHING, NOTHING]]
