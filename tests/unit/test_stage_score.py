"""score and delong: files, marks for the FROC, and nothing from test cases."""

import json

import numpy as np
import pytest
from score_cases import many, patch_row

from segmake.classification import DelongJob, ScoreJob
from segmake.dataset.annotations import read_annotations, read_detections, read_scans
from segmake.errors import InputError
from segmake.jobs import FrocJob
from segmake.stages import delong, froc, score
from segmake.tables import read_table, write_table

FILES = {"summary.tsv", "predictions.tsv", "curves.tsv", "confusion.tsv", "decision.json"}


def write(path, rows):
    write_table(path, rows)
    return path


def scored(tmp_path, rows, name="small", **more):
    """Score rows that come in two tables."""
    tables = [write(tmp_path / name / f"{i}.tsv", rows[i::2]) for i in (0, 1)]
    output = tmp_path / "score" / name / "summary.tsv"
    score.run(ScoreJob(tables=tables, output=output, resamples=100, **more))
    return output.parent


def test_all_tables_are_written_and_say_the_same(tmp_path):
    folder = scored(tmp_path, [*many(40), *many(20, seed=1, split="test")])
    assert {path.name for path in folder.iterdir()} == FILES
    summary = {(row["level"], row["split"], row["metric"]): row for row in read_table(folder / "summary.tsv")}
    told = read_table(folder / "predictions.tsv")
    assert len(told) == 2 * 60
    right = [r["class"] == r["decision"] for r in told if (r["level"], r["split"]) == ("patch", "test")]
    assert float(summary["patch", "test", "accuracy"]["value"]) == pytest.approx(np.mean(right))
    counts = [
        r for r in read_table(folder / "confusion.tsv") if (r["level"], r["split"]) == ("patch", "test")
    ]
    assert sum(int(r["count"]) for r in counts if r["truth"] == r["decision"]) == sum(right)
    curve = read_table(folder / "curves.tsv")
    area = next(r for r in curve if (r["level"], r["split"], r["curve"]) == ("patch", "test", "auroc"))
    assert area["y"] == summary["patch", "test", "auroc"]["value"]
    said = json.loads((folder / "decision.json").read_text(encoding="utf-8"))
    assert (said["classes"], said["positive"]) == (["benign", "malignant"], "malignant")
    assert said["patients"] == 40
    assert len(said["cross_fitted"]) == 5


def test_the_same_rows_in_any_order_give_the_same_bytes(tmp_path):
    rows = [*many(30), *many(12, seed=1, split="test")]
    folders = [scored(tmp_path, each, name) for name, each in (("a", rows), ("b", rows[::-1]))]
    for name in FILES:
        assert (folders[0] / name).read_bytes() == (folders[1] / name).read_bytes()


def test_the_truth_of_test_cases_moves_no_rule_and_no_decision(tmp_path):
    tests = many(12, seed=1, split="test")
    lies = [row | {"class": "benign"} for row in tests]
    one, other = (scored(tmp_path, [*many(30), *rows], name) for name, rows in (("a", tests), ("b", lies)))
    assert (one / "decision.json").read_bytes() == (other / "decision.json").read_bytes()
    decisions = [[row["decision"] for row in read_table(f / "predictions.tsv")] for f in (one, other)]
    assert decisions[0] == decisions[1]
    rows = [row for row in read_table(other / "summary.tsv") if row["split"] == "test"]
    assert {row["status"] for row in rows if row["metric"] == "auroc"} == {"no_positives"}


def lesion(case, number, truth, logit, x, **more):
    place = {"x_mm": str(x), "y_mm": "20", "z_mm": "-5"}
    return patch_row(case, truth, (0.0, logit), lesion=str(number), patch=str(number), **place, **more)


@pytest.fixture
def detected(tmp_path):
    """Two malignant nodules, one found and one missed; a benign one that is called; a scan of nothing."""
    rows = [
        lesion("s1", 1, "malignant", 3.0, 10),
        lesion("s1", 2, "benign", 1.0, 60),
        lesion("s2", 1, "benign", -2.0, 10),
        patch_row("s3", "", None, case_class="benign") | {"x_mm": "", "y_mm": "", "z_mm": ""},
        lesion("n1", 1, "", 1.0, 10, split="new"),
    ]
    places = [
        ("s1", -10, -20, -5, 8, "malignant"),
        ("s1", -60, -20, -5, 8, "benign"),
        ("s2", -90, -20, -5, 8, "malignant"),
        ("elsewhere", 0, 0, 0, 8, "malignant"),
    ]
    names = ("case", "coordX", "coordY", "coordZ", "diameter_mm", "class")
    table = write(tmp_path / "places.tsv", [dict(zip(names, place, strict=True)) for place in places])
    return scored(tmp_path, rows, lesions=table)


def test_marks_nodules_and_scans_are_what_luna16_takes(detected):
    assert {path.name for path in detected.iterdir()} == FILES | {"marks.csv", "nodules.csv", "scans.csv"}
    marks = read_detections(detected / "marks.csv")
    assert sorted((m.case, m.centre_mm) for m in marks) == [
        ("n1", (-10, -20, -5)),
        ("s1", (-60, -20, -5)),
        ("s1", (-10, -20, -5)),
        ("s2", (-10, -20, -5)),
    ]
    best = max((m for m in marks if m.case == "s1"), key=lambda m: m.probability)
    assert best.centre_mm == (-10, -20, -5)
    assert [n.case for n in read_annotations(detected / "nodules.csv")] == ["s1", "s2"]
    assert read_scans(detected / "scans.csv") == ["s1", "s2", "s3"]


def test_the_froc_counts_the_missed_nodule_and_the_benign_mark(detected, tmp_path):
    job = FrocJob(
        candidates=detected / "marks.csv",
        annotations=detected / "nodules.csv",
        scans=detected / "scans.csv",
        output=tmp_path / "froc.tsv",
        resamples=20,
    )
    froc.run(job)
    rows = {(row["measure"], row.get("fp_per_scan", "")): row["value"] for row in read_table(job.output)}
    counts = {name: int(rows[name, ""]) for name in ("scans", "nodules", "found", "false_positives")}
    assert counts == {"scans": 3, "nodules": 2, "found": 1, "false_positives": 2}
    assert float(rows["sensitivity", "0.125"]) == 0.5


def test_without_patches_there_is_a_sentence(tmp_path):
    with pytest.raises(InputError, match="hold no class probabilities; run slice, fit and classify"):
        scored(tmp_path, [])


def test_only_test_cases_are_scored_without_calibration_and_it_is_said(tmp_path, caplog):
    folder = scored(tmp_path, many(12, split="test"))
    assert "no out-of-fold patch with a class is there to learn from" in caplog.text
    said = json.loads((folder / "decision.json").read_text(encoding="utf-8"))
    assert (said["temperature"], said["patches"]) == ([1.0], 0)


def test_two_classifiers_are_compared(tmp_path):
    good, bad = (scored(tmp_path, many(60, seed=3, shift=s), n) for n, s in (("good", 3.0), ("bad", 0.2)))
    job = DelongJob(
        predictions=[good / "predictions.tsv", bad / "predictions.tsv"], output=tmp_path / "comparison.tsv"
    )
    delong.run(job)
    rows = read_table(job.output)
    assert [row["level"] for row in rows] == ["patch", "patient"]
    assert {row["verdict"] for row in rows} == {"good is better"}


def test_a_comparison_that_cannot_be_made_is_explained(tmp_path):
    one = scored(tmp_path, many(12)) / "predictions.tsv"
    output = tmp_path / "comparison.tsv"
    with pytest.raises(InputError, match="a comparison needs two classifiers, got small"):
        delong.run(DelongJob(predictions=[one], output=output))
    with pytest.raises(InputError, match="two tables are of classifier 'small'"):
        delong.run(DelongJob(predictions=[one, one], output=output))
    with pytest.raises(InputError, match="is no table of predictions; give"):
        delong.run(DelongJob(predictions=[one, one.with_name("summary.tsv")], output=output))
