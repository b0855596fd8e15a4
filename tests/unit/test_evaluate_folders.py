"""`segmake evaluate` on two folders, by itself."""

import json
import sys

import numpy as np
import pytest
import SimpleITK as sitk

from segmake.cli import main
from segmake.jobs import EvaluateJob
from segmake.metrics.score import LESION_METRICS, METRICS
from segmake.tables import read_table
from segmake.volume.geometry import to_canonical
from segmake.volume.nifti import write_nifti
from segmake.volume.volume import Volume

LPS = np.diag([-1.0, -2.0, 3.0, 1.0])


def labels(shift=0, value=1):
    data = np.zeros((1, 14, 12, 10), dtype=np.int16)
    data[0, 3 + shift : 9 + shift, 3:9, 3:7] = 4
    data[0, 4 + shift : 7 + shift, 4:7, 4:6] = value
    return Volume(data, LPS)


class Folders:
    def __init__(self, root):
        self.prediction, self.truth, self.output = root / "prediction", root / "truth", root / "scores.tsv"

    def add(self, case, prediction=None, truth=None):
        for folder, volume in ((self.prediction, prediction), (self.truth, truth)):
            folder.mkdir(exist_ok=True)
            if volume is not None:
                write_nifti(folder / f"{case}.nii.gz", volume)

    def run(self, *flags):
        given = ["--prediction", self.prediction, "--truth", self.truth, "--output", self.output]
        return main(["evaluate", *map(str, given), *flags])

    def scores(self):
        rows = read_table(self.output)
        assert list(rows[0]) == ["case", "label", "metric", "value", "unit", "status"]
        return {(row["case"], row["label"], row["metric"]): row for row in rows}


@pytest.fixture
def folders(tmp_path):
    return Folders(tmp_path)


@pytest.fixture
def two(folders):
    folders.add("b", labels(2), labels())
    folders.add("a", labels(), labels())
    return folders


def test_every_case_label_and_metric_by_hand(two):
    assert two.run() == 0
    found = two.scores()
    assert list(found) == [(case, label, metric) for case in "ab" for label in "14" for metric in METRICS]
    assert found["b", "1", "dice"] == {
        "case": "b",
        "label": "1",
        "metric": "dice",
        "value": "0.333333",
        "unit": "ratio",
        "status": "ok",
    }
    assert found["b", "1", "hd"]["value"] == "2"
    assert found["b", "1", "truth_ml"]["value"] == "0.108"
    assert found["a", "4", "nsd"]["value"] == "1"


def test_named_labels_and_regions(two):
    regions = {"whole": [1, 4], "core": [1]}
    assert two.run("--regions", json.dumps(regions)) == 0
    assert {label for _, label, _ in two.scores()} == {"whole", "core"}
    assert two.run("--labels", '{"edema": 4}', "--regions", json.dumps(regions)) == 0
    assert list(dict.fromkeys(label for _, label, _ in two.scores())) == ["edema", "whole", "core"]


def test_labels_are_those_of_all_cases_together(two):
    two.add("c", labels(value=7), labels(value=0))
    assert two.run() == 0
    found = two.scores()
    assert list(dict.fromkeys(label for case, label, _ in found if case == "a")) == ["1", "4", "7"]
    assert (found["a", "7", "dice"]["value"], found["a", "7", "dice"]["status"]) == ("1", "both_empty")
    assert (found["c", "7", "dice"]["value"], found["c", "7", "dice"]["status"]) == ("0", "false_alarm")
    assert found["c", "1", "dice"]["status"] == "both_empty"


def test_formats_and_orientations_may_differ(folders):
    folders.add("a", labels())
    canonical = to_canonical(labels())
    image = sitk.GetImageFromArray(canonical.data[0].transpose(2, 1, 0).astype(np.uint8))
    image.SetSpacing(canonical.spacing_mm)
    image.SetOrigin((canonical.affine[:3, 3] * (-1, -1, 1)).tolist())
    image.SetDirection((-1, 0, 0, 0, -1, 0, 0, 0, 1))
    sitk.WriteImage(image, folders.truth / "a.mha")
    assert folders.run() == 0
    assert {row["value"] for (_, _, metric), row in folders.scores().items() if metric == "dice"} == {"1"}


def test_what_cannot_be_scored_is_a_row_and_exit_2_after_the_others(two, capsys):
    two.add("damaged", labels(), labels())
    (two.prediction / "damaged.nii.gz").write_bytes(b"no image")
    two.add("elsewhere", Volume(labels().data[:, 1:], LPS), labels())
    two.add("missing", truth=labels())
    two.add("extra", labels())
    assert two.run() == 2
    found = two.scores()
    fates = {case: row["status"] for (case, label, _), row in found.items() if not label}
    assert fates == {
        "damaged": "failed",
        "elsewhere": "failed",
        "extra": "no_truth",
        "missing": "no_prediction",
    }
    assert found["a", "1", "dice"]["value"] == "1"
    said = capsys.readouterr().err
    assert "3 of 5 cases have no score (damaged: " in said
    assert "elsewhere must lie on one grid, got (13, 12, 10) and (14, 12, 10) voxels" in said
    assert "missing: it has no prediction" in said
    assert "leaves out extra: it has no truth" in said
    assert two.run("--on_error", "exclude") == 0
    assert two.scores() == found


def test_two_threads_write_the_same_bytes(two):
    for number in range(5):
        two.add(f"more-{number}", labels(number % 3), labels())
    assert two.run() == 0
    alone = two.output.read_bytes()
    assert two.run("--threads", "2") == 0
    assert two.output.read_bytes() == alone


def test_lesions_are_scored_by_the_rule_that_is_named(two):
    assert two.run("--lesion", "brats2023") == 0
    found = two.scores()
    assert {metric for _, _, metric in found} == {*METRICS, *LESION_METRICS}
    assert found["b", "1", "scored_lesions"]["value"] == "1"  # 18 voxels of 6 mm3
    assert two.run("--lesion", "brats2024") == 2


def test_tolerance_per_label(two):
    assert two.run("--nsd_tolerance_mm", '{"1": 2, "4": 0.5}') == 0
    found = two.scores()
    assert float(found["b", "4", "nsd"]["value"]) < float(found["b", "1", "nsd"]["value"]) == 1


@pytest.mark.parametrize("flags", [("--labels", '{"core": 1, "edema": 4}'), ()])
def test_a_label_without_a_tolerance_is_named(two, capsys, flags):
    assert two.run("--nsd_tolerance_mm", '{"core": 2}', *flags) == 2
    assert "nsd_tolerance_mm" in (said := capsys.readouterr().err)
    assert "core" in said


def test_parquet_holds_the_same_numbers(two):
    parquet = pytest.importorskip("pyarrow.parquet", reason="pip install pyarrow")
    two.add("missing", truth=labels())
    assert two.run("--on_error", "exclude") == 0
    rows = read_table(two.output)
    two.output = two.output.with_suffix(".parquet")
    assert two.run("--on_error", "exclude") == 0
    table = parquet.read_table(two.output)
    assert table.schema.field("value").type == "double"
    expected = [row | {"value": float(row["value"]) if row["value"] else None} for row in rows]
    assert table.to_pylist() == expected


def test_a_format_that_cannot_be_written_is_said_before_any_work(two, capsys, monkeypatch):
    two.output = two.output.with_suffix(".csv")
    assert two.run() == 2
    assert "ends in .tsv or .parquet, got scores.csv" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    two.output = two.output.with_suffix(".parquet")
    assert two.run() == 2
    assert "pip install 'segmake[parquet]'" in capsys.readouterr().err


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"prediction": "p"},
        {"prediction": "p", "truth": "t", "plan": "plan.json"},
        {"table": "t", "predictions": "p"},
        {"table": "t", "predictions": "p", "plan": "plan.json", "labels": {"core": 1}},
    ],
)
def test_two_folders_or_tables_and_nothing_between(given):
    with pytest.raises(ValueError, match="evaluate takes two folders"):
        EvaluateJob(output="o.tsv", **given)
