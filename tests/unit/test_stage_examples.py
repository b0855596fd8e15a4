"""The examples stage on a small results folder."""

import json

import nibabel as nib
import numpy as np
import pytest
from plan_cases import small_plan

from segmake.cli import main
from segmake.figures.slices import read_slices
from segmake.stages.examples import choose
from segmake.tables import read_table, write_table

RANKED = [(name, place / 10) for place, name in enumerate("abcdefgh")]
VALUES = {"a": 0.9, "b": 0.0, "c": 0.8, "d": 0.5}


def chosen(*numbers, ranked=RANKED):
    found = choose(ranked, *numbers)
    return {
        rank: "".join(case for case, of, _, _ in found if of == rank) for rank in ("worst", "median", "best")
    }


def test_the_worst_the_middle_and_the_best_are_chosen_each_once():
    assert chosen(2, 2, 2) == {"worst": "ab", "median": "de", "best": "hg"}
    assert chosen(1, 1, 1) == {"worst": "a", "median": "d", "best": "h"}
    assert choose(RANKED, 1, 0, 1) == [("a", "worst", 1, 0.0), ("h", "best", 1, 0.7)]


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (0, {"worst": "", "median": "", "best": ""}),
        (1, {"worst": "a", "median": "", "best": ""}),
        (4, {"worst": "abc", "median": "", "best": "d"}),
        (7, {"worst": "abc", "median": "d", "best": "gfe"}),
    ],
)
def test_of_few_cases_the_worst_come_first_then_the_best(count, expected):
    assert chosen(3, 3, 3, ranked=RANKED[:count]) == expected


def save(path, data, affine):
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(data, affine), path)


@pytest.fixture
def results(tmp_path):
    """Four cases; the prediction of one lies on another grid."""
    mask = np.zeros((12, 14, 10), np.uint8)
    mask[3:7, 4:9, 2:6] = 1
    flipped = np.diag([-1.0, -1.0, 1.0, 1.0])
    flipped[:2, 3] = 11, 13  # the same grid seen as LPS
    rows, scores = [], []
    for name, value in VALUES.items():
        save(tmp_path / f"convert/{name}.nii.gz", mask + np.arange(10, dtype=np.float32), np.eye(4))
        save(tmp_path / f"convert/{name}_label.nii.gz", mask, np.eye(4))
        row = {
            "case": name,
            "path": f"{name}.nii.gz",
            "label": f"{name}_label.nii.gz",
            "status": "ok",
            "reason": "",
        }
        rows.append(row)
        prediction = mask[::-1, ::-1] if name != "c" else mask[:5]
        save(tmp_path / f"predict/unet/{name}.nii.gz", prediction, flipped)
        state = {"split": "train", "fold": "0", "unit": "ratio", "status": "ok"}
        scores.append({"case": name, "label": "core", "metric": "dice", "value": value} | state)
    write_table(tmp_path / "convert/shard-00.tsv", rows)
    write_table(tmp_path / "predict/unet/shard-00.tsv", [row | {"label": ""} for row in rows])
    write_table(tmp_path / "evaluate/unet/metrics.tsv", scores)
    (tmp_path / "plan").mkdir()
    small_plan(labels={"core": 1}, folds={}).save(tmp_path / "plan/plan.json")
    return tmp_path


def run(root, **numbers):
    words = ["--plan", "plan/plan.json", "--cases", "convert/shard-00.tsv", "--predictions"]
    words += ["predict/unet/shard-00.tsv", "--metrics", "evaluate/unet/metrics.tsv"]
    words += ["--output", "examples/unet/examples.tsv"]
    settings = [word for name, number in numbers.items() for word in (f"--{name}", str(number))]
    paths = [str(root / word) if "/" in word else word for word in words]
    assert main(["examples", *paths, *settings]) == 0
    return {row["case"]: row for row in read_table(root / "examples/unet/examples.tsv")}


def test_slices_show_truth_and_prediction_in_one_orientation(results):
    row = run(results, worst=1, median=0, best=1)["a"]
    assert (row["rank"], row["place"], row["mean_dice"]) == ("best", "1", "0.9")
    assert (row["split"], row["fold"], row["channel"], row["status"]) == ("train", "0", "t1", "ok")
    slices = read_slices(results / "examples/unet/a.npz")
    assert slices.labels == {"core": 1}
    for plane in slices.planes:
        assert plane.truth.any()
        assert np.array_equal(plane.truth, plane.prediction)


def test_a_case_on_two_grids_is_a_row_that_says_so(results):
    found = run(results, worst=1, median=1, best=2)
    assert found["c"]["status"] == "failed"
    assert "one grid" in found["c"]["reason"]
    assert found["b"]["status"] == "ok"


def test_a_case_without_a_prediction_is_a_row_that_says_so(results):
    (results / "predict/unet/shard-00.tsv").write_text("case\tpath\tstatus\n", encoding="utf-8")
    found = run(results, worst=1, median=0, best=0)
    assert "not in the given tables" in found["b"]["reason"]


def test_a_second_run_does_nothing_and_another_choice_forgets_the_old_one(results, capsys):
    run(results, worst=2, median=0, best=0)
    files = {path.name: path.stat().st_mtime_ns for path in (results / "examples/unet").glob("*.npz")}
    assert set(files) == {"b.npz", "d.npz"}
    run(results, worst=2, median=0, best=0)
    assert {p.name: p.stat().st_mtime_ns for p in (results / "examples/unet").glob("*.npz")} == files
    run(results, worst=1, median=0, best=0)
    left = {path.name for path in (results / "examples/unet").iterdir()}
    assert left == {"b.npz", "b.json", "examples.tsv", "examples.manifest.json"}


def test_the_record_holds_the_hash_of_the_slices(results):
    run(results, worst=1, median=0, best=0)
    record = json.loads((results / "examples/unet/b.json").read_text(encoding="utf-8"))
    assert set(record["files"]) == {"b.npz"}
