import logging

import numpy as np
import pytest
from plan_cases import small_plan

from segmake.errors import CasesFailed
from segmake.jobs import EvaluateJob
from segmake.stages import evaluate
from segmake.tables import read_table, write_table
from segmake.volume.geometry import from_canonical, to_canonical
from segmake.volume.nifti import write_nifti
from segmake.volume.volume import Volume

LABELS = {"core": 1, "edema": 4}
REGIONS = {"whole": [1, 4]}
OBLIQUE = np.array([[1.1, 0.2, 0, -9], [-0.15, 1.9, 0.1, 4], [0, -0.1, 0.8, 20], [0, 0, 0, 1.0]])
LPS = np.diag([-1.1, -1.9, 0.8, 1.0])


def labels(shift=0):
    data = np.zeros((1, 14, 12, 10), dtype=np.int16)
    data[0, 3 + shift : 9 + shift, 3:9, 3:7] = 4
    data[0, 4 + shift : 7 + shift, 4:7, 4:6] = 1
    return data


@pytest.fixture
def plan(tmp_path):
    path = tmp_path / "plan" / "plan.json"
    path.parent.mkdir()
    small_plan(labels=LABELS, regions=REGIONS, median_shape=(14, 12, 10)).save(path)
    return path


class Results:
    """A results folder with cases converted and predicted."""

    def __init__(self, root, plan):
        self.root = root
        self.truths, self.predictions = [], []
        self.job = EvaluateJob(
            table=root / "convert/shard-00.tsv",
            predictions=root / "predict/unet/shard-00.tsv",
            plan=plan,
            output=root / "evaluate/unet/shard-00.tsv",
        )

    def add(self, case, prediction=None, truth=None, **columns):
        row = {"case": case, "status": "ok", "path": f"{case}.nii.gz", "label": "", "group": f"p-{case}"}
        row |= {"split": "train"} | columns
        if truth is not None:
            row["label"] = f"{case}_label.nii.gz"
            write_nifti(self.job.table.parent / row["label"], truth)
        self.truths.append(row)
        if prediction is not None:
            self.predictions.append({"case": case, "status": "ok", "path": f"{case}.nii.gz", "fold": "2"})
            write_nifti(self.job.predictions.parent / f"{case}.nii.gz", prediction)

    def run(self, **changes):
        write_table(self.job.table, self.truths, ["case", "status", "path", "label"])
        write_table(self.job.predictions, self.predictions, ["case", "status", "path", "fold"])
        evaluate.run(self.job.model_copy(update=changes))
        return {row["case"]: row for row in read_table(self.job.output)}

    def scores(self, case):
        rows = read_table(self.job.output.parent / f"{case}.tsv")
        return {(row["label"], row["metric"]): row for row in rows}


@pytest.fixture
def results(tmp_path, plan):
    return Results(tmp_path, plan)


def test_long_rows_and_columns_by_hand(results):
    results.add("a", Volume(labels(2), OBLIQUE), Volume(labels(), OBLIQUE))
    row = results.run()["a"]
    found = results.scores("a")
    # moved by 2 of 6 voxels; the core of 3 x 3 x 2 keeps a third and is covered by edema elsewhere
    assert found["whole", "dice"]["value"] == "0.666667"
    assert found["core", "dice"]["value"] == "0.333333"
    assert " ".join(found["core", "dice"]) == "case split fold label metric value unit status"
    hd95 = found["core", "hd95"]
    assert (hd95["split"], hd95["fold"], hd95["unit"], hd95["status"]) == ("train", "2", "mm", "ok")
    assert {label for label, _ in found} == {"core", "edema", "whole"}
    mean = (float(found["core", "dice"]["value"]) + float(found["edema", "dice"]["value"])) / 2
    assert float(row["dice_mean"]) == pytest.approx(mean, abs=1e-5)
    assert (row["group"], row["split"], row["fold"], row["ok"], row["missed"]) == (
        "p-a",
        "train",
        "2",
        "2",
        "0",
    )


def test_distances_are_in_mm_of_the_oblique_grid(results):
    spacing_mm = np.linalg.norm(OBLIQUE[:3, 0])
    results.add("a", Volume(labels(1), OBLIQUE), Volume(labels(), OBLIQUE))
    results.run()
    assert float(results.scores("a")["whole", "hd95"]["value"]) == pytest.approx(spacing_mm, rel=1e-4)


def test_a_prediction_on_the_native_grid_meets_the_canonical_truth(results):
    """The source may be LPS: the same anatomy scores 1 whatever the order its voxels are stored in."""
    native = Volume(labels(), LPS)
    results.add("a", native, to_canonical(native))
    assert results.run()["a"]["dice_mean"] == "1"
    assert not np.array_equal(to_canonical(native).data, from_canonical(to_canonical(native), LPS).data)


def test_labels_keep_their_original_values(results):
    prediction = labels()
    prediction[prediction == 4] = 2  # not a label of the plan
    results.add("a", Volume(prediction, OBLIQUE), Volume(labels(), OBLIQUE))
    row = results.run()["a"]
    found = results.scores("a")
    assert found["edema", "dice"] | {"value": "0", "status": "missed"} == found["edema", "dice"]
    assert found["core", "dice"]["value"] == "1"
    assert (row["dice_mean"], row["ok"], row["missed"]) == ("0.5", "1", "1")


def test_cases_without_truth_or_prediction_are_left_out_and_named(results, caplog):
    results.add("a", Volume(labels(), OBLIQUE), Volume(labels(), OBLIQUE))
    results.add("no-truth", Volume(labels(), OBLIQUE), split="new")
    results.add("no-prediction", truth=Volume(labels(), OBLIQUE))
    with caplog.at_level(logging.INFO, "segmake"):
        rows = results.run()
    assert list(rows) == ["a"]
    assert "no-truth: it has no truth" in caplog.text
    assert "no-prediction: it has no prediction" in caplog.text


@pytest.mark.parametrize("how", ["shape", "place"])
def test_a_prediction_on_another_grid_fails_the_case_and_keeps_the_others(results, how):
    other = Volume(labels()[:, 1:], OBLIQUE)
    if how == "place":
        moved = OBLIQUE.copy()
        moved[0, 3] += 0.5
        other = Volume(labels(), moved)
    results.add("bad", other, Volume(labels(), OBLIQUE))
    results.add("good", Volume(labels(), OBLIQUE), Volume(labels(), OBLIQUE))
    with pytest.raises(CasesFailed, match="prediction and truth of bad must lie on one grid"):
        results.run()
    rows = results.run(on_error="exclude")
    assert (rows["bad"]["status"], rows["good"]["status"]) == ("failed", "ok")


def test_a_new_prediction_is_scored_again_and_an_old_one_is_not(results, monkeypatch):
    results.add("a", Volume(labels(), OBLIQUE), Volume(labels(), OBLIQUE))
    results.add("b", Volume(labels(), OBLIQUE), Volume(labels(), OBLIQUE))
    first = results.run()
    done = []
    score = evaluate.score_case
    monkeypatch.setattr(evaluate, "score_case", lambda *given: done.append(1) or score(*given))
    assert results.run() == first
    assert not done
    write_nifti(results.job.predictions.parent / "b.nii.gz", Volume(labels(1), OBLIQUE))
    second = results.run()
    assert len(done) == 1
    assert second["a"] == first["a"]
    assert float(second["b"]["dice_mean"]) < 1


def test_another_tolerance_scores_every_case_again(results):
    results.add("a", Volume(labels(1), OBLIQUE), Volume(labels(), OBLIQUE))
    results.run(nsd_tolerance_mm=0.1)
    strict = float(results.scores("a")["whole", "nsd"]["value"])
    results.run(nsd_tolerance_mm=2.0)
    assert strict < float(results.scores("a")["whole", "nsd"]["value"]) == 1.0


def test_the_same_bytes_every_time(results):
    results.add("a", Volume(labels(1), OBLIQUE), Volume(labels(), OBLIQUE))
    results.run()
    path = results.job.output.parent / "a.tsv"
    first = path.read_bytes()
    path.unlink()
    results.run()
    assert path.read_bytes() == first
