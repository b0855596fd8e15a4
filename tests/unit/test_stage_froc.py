import logging

import numpy as np
import pytest

from segmake.errors import InputError
from segmake.jobs import FrocJob
from segmake.stages import froc
from segmake.tables import read_table

PLACE = "seriesuid,coordX,coordY,coordZ"


def write(path, column, *rows):
    path.write_text("\n".join([f"{PLACE},{column}", *rows]) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def job(tmp_path):
    """Scan 1.1: nodule found twice, one missed; 1.2: a false positive and one on an irrelevant finding."""
    marks = ["1.1,1,0,0,0.9", "1.1,0,1,0,0.7", "1.2,50,0,0,0.8", "1.2,0,0,0,0.95", "9.9,0,0,0,1"]
    nodules = ["1.1,0,0,0,10", "1.1,-40,0,0,6", "9.9,3,3,3,5"]
    (tmp_path / "scans.csv").write_text("seriesuid\n1.1\n1.2\n\n1.3\n1.4\n", encoding="utf-8")
    return FrocJob(
        candidates=write(tmp_path / "marks.csv", "probability", *marks),
        annotations=write(tmp_path / "annotations.csv", "diameter_mm", *nodules),
        excluded=write(tmp_path / "excluded.csv", "diameter_mm", "1.2,1,0,0,-1"),
        scans=tmp_path / "scans.csv",
        output=tmp_path / "froc.tsv",
        curve=tmp_path / "curve.tsv",
        resamples=50,
    )


def measures(job):
    return {row["measure"]: row for row in read_table(job.output) if row["measure"] != "sensitivity"}


def test_the_table_by_hand(job, caplog):
    with caplog.at_level(logging.INFO, "segmake"):
        froc.run(job)
    points = [row for row in read_table(job.output) if row["measure"] == "sensitivity"]
    assert [row["fp_per_scan"] for row in points] == ["0.125", "0.25", "0.5", "1.0", "2.0", "4.0", "8.0"]
    assert [row["value"] for row in points] == ["0.5"] * 7
    counts = {name: row["value"] for name, row in measures(job).items()}
    assert counts == {
        "cpm": "0.5",
        "scans": "4",
        "nodules": "2",
        "found": "1",
        "false_positives": "1",
        "doubles": "1",
        "ignored": "1",
    }
    assert "1 rows of" in caplog.text
    curve = [(row["threshold"], row["fp_per_scan"], row["sensitivity"]) for row in read_table(job.curve)]
    assert curve == [("inf", "0", "0"), ("0.9", "0", "0.5"), ("0.8", "0.25", "0.5")]


def test_without_excluded_findings_their_marks_are_false(job):
    froc.run(job.model_copy(update={"excluded": None}))
    assert (measures(job)["false_positives"]["value"], measures(job)["ignored"]["value"]) == ("2", "0")


def test_without_a_list_the_scans_of_the_tables_count(job, caplog):
    with caplog.at_level(logging.WARNING, "segmake"):
        froc.run(job.model_copy(update={"scans": None}))
    assert measures(job)["scans"]["value"] == "3"
    assert "without --scans the 3 scans" in caplog.text


def test_the_same_bytes_again(job):
    froc.run(job)
    first = job.output.read_bytes()
    froc.run(job)
    assert job.output.read_bytes() == first


def test_no_nodule_is_said(job, tmp_path):
    (tmp_path / "scans.csv").write_text("1.3\n", encoding="utf-8")
    with pytest.raises(InputError, match="has no nodule in these scans"):
        froc.run(job)


@pytest.mark.data
def test_a_detector_that_knows_the_annotations_finds_all(tmp_path, shared_data):
    annotations = shared_data / "luna16_annotations" / "annotations.csv"
    lines = annotations.read_text(encoding="utf-8").splitlines()[1:]
    random = np.random.default_rng(0)
    marks = []
    for line in lines:
        scan, x, y, z, _ = line.split(",")
        marks.append(f"{scan},{x},{y},{z},{random.random():.6f}")
    scans = sorted({line.split(",")[0] for line in lines})
    (tmp_path / "scans.csv").write_text("\n".join(scans), encoding="utf-8")
    job = FrocJob(
        candidates=write(tmp_path / "marks.csv", "probability", *marks),
        annotations=annotations,
        scans=tmp_path / "scans.csv",
        output=tmp_path / "froc.tsv",
        resamples=20,
    )
    froc.run(job)
    found = measures(job)
    assert (found["nodules"]["value"], found["cpm"]["value"]) == ("1186", "1")
    assert found["false_positives"]["value"] == "0"
    half = [mark for number, mark in enumerate(marks) if number % 2]
    froc.run(job.model_copy(update={"candidates": write(tmp_path / "half.csv", "probability", *half)}))
    assert 0.5 <= float(measures(job)["cpm"]["value"]) < 0.52  # a mark may lie in two nodules
