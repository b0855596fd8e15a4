from segmake.metrics.lesions import LesionRule
from segmake.metrics.policy import Status
from segmake.metrics.rows import COLUMNS, complete, long_rows
from segmake.metrics.score import LESION_METRICS, METRICS, Score


def row(label, metric, value="0.5"):
    return {"case": "a", "label": label, "metric": metric, "value": value, "unit": "ratio", "status": "ok"}


def test_a_score_as_a_row():
    score = Score("core", "dice", 2 / 3, "ratio", Status.OK)
    assert long_rows("a", [score], {}) == [
        dict(zip(COLUMNS, ("a", "core", "dice", "0.666667", "ratio", "ok"), strict=True))
    ]
    (filed,) = long_rows("a", [score], {"split": "test", "fold": "1"})
    assert list(filed) == ["case", "split", "fold", *COLUMNS[1:]]


def test_a_label_that_a_case_lacks_was_rightly_left_empty_there():
    found = {
        "a": [row("10", "dice"), row("10", "iou"), row("2", "dice")],
        "b": [row("2", "dice")],
        "c": [],
    }
    done = complete(found, 1.0, None)
    assert [(r["label"], r["metric"]) for r in done["a"]] == [("2", "dice"), ("10", "dice"), ("10", "iou")]
    assert [r["label"] for r in done["b"]] == ["2", *["10"] * len(METRICS)]
    added = {r["metric"]: r for r in done["b"][1:]}
    assert {r["status"] for r in added.values()} == {"both_empty"}
    assert [added[name]["value"] for name in ("dice", "hd95", "truth_ml")] == ["1", "0", "0"]
    assert len(done["c"]) == 2 * len(METRICS)


def test_lesions_that_a_case_lacks_too():
    done = complete({"a": [row("1", "dice")], "b": []}, {"1": 2.0}, LesionRule())
    added = {r["metric"]: r["value"] for r in done["b"]}
    assert list(added) == [*METRICS, *LESION_METRICS]
    assert (added["lesion_wise_dice"], added["lesion_false_positives"], added["scored_lesions"]) == (
        "1",
        "0",
        "0",
    )


def test_nothing_stays_nothing():
    assert complete({}, 1.0, None) == {}
