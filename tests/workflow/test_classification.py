"""The 2D branch by the real Snakefile: pictures alone, and nodules that a 3D model found."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from experiment import Experiment
from PIL import Image

from segmake.cli import main
from segmake.tables import read_table, write_table

pytestmark = pytest.mark.workflow
SQUARE = 10
SHEET = ("case", "group", "site", "split", "ct", "label", "class")


def pictures(root: Path, count: int) -> None:
    """Grey pictures of noise in a folder per class; those of `ill` have a bright square somewhere."""
    random = np.random.default_rng(0)
    for number in range(count):
        class_, split = ("well", "ill")[number % 2], "test" if number < 8 else "train"
        grey = random.normal(90, 20, (40, 40))
        if class_ == "ill":
            row, column = random.integers(0, 40 - SQUARE, 2)
            grey[row : row + SQUARE, column : column + SQUARE] += 90
        path = root / split / class_ / f"{number:02d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(grey.clip(0, 255).astype(np.uint8)).save(path)


def test_a_folder_of_pictures_becomes_scores_and_maps(tmp_path: Path) -> None:
    pictures(tmp_path / "pictures", 48)
    config = {
        "shards": 1,
        "data": {"layout": "imagefolder", "root": str(tmp_path / "pictures")},
        "models": {},
        "plan": {"folds": 2},
        "slice": {"size": 32, "classes": ["well", "ill"]},
        "fit": {
            "network": "resnet10",
            "folds": [0],
            "steps": 40,
            "batch": 16,
            "lr": 2e-3,
            "augment": "light",
        },
        "classifiers": {"plain": {}},
        "classify": {"explain": 2},
        "score": {"resamples": 200},
    }
    experiment, target = Experiment(tmp_path, config), "score/plain/summary.tsv"
    experiment.run(target)
    results = experiment.results
    scores = {(row["level"], row["split"], row["metric"]): row for row in read_table(results / target)}
    assert {split for _, split, _ in scores} == {"test", "train"}
    assert int(scores["patient", "train", "auroc"]["n"]) == 20
    assert float(scores["patient", "train", "auroc"]["value"]) > 0.85
    assert scores["patient", "test", "auroc"]["status"] == "few_patients"
    told = json.loads((results / "score/plain/decision.json").read_text(encoding="utf-8"))
    assert (told["positive"], told["patches"]) == ("ill", 20)
    assert len(list((results / "classify/plain/explain/shard-00").glob("*.png"))) == 2
    assert experiment.planned(target) == {}
    assert experiment.changed(score={"threshold": "half"}).planned(target) == {"score": 1}
    assert experiment.changed(classify={"mirror": True}).planned(target) == {"classify": 1, "score": 1}
    two = experiment.changed(classifiers={"hasty": {"steps": 1}})
    assert two.planned("score/comparison.tsv") == {"fit": 1, "classify": 1, "score": 1, "delong": 1}


def test_nodules_that_a_3d_model_found_are_classified_and_those_it_missed_count(tmp_path: Path) -> None:
    """The 3D model is a folder of label maps: the truth, with nothing in one malignant case."""
    phantoms = tmp_path / "phantoms"
    words = ["phantom", "--kind", "luna", "--count", "8", "--size", "40", "--test", "4"]
    assert main([*words, "--output", str(phantoms / "shard-00.tsv")]) == 0
    (tmp_path / "found").mkdir()
    for row in read_table(phantoms / "shard-00.tsv"):
        label = nib.load(phantoms / row["label"])
        kept = np.asarray(label.dataobj) * (row["case"] != "luna-001")
        image = nib.Nifti1Image(kept.astype(np.uint8), label.affine)
        nib.save(image, tmp_path / f"found/{row['case']}.nii.gz")
    rows = read_table(phantoms / "shard-00.tsv")
    absolute = [row | {name: str(phantoms / row[name]) for name in ("ct", "label")} for row in rows]
    write_table(tmp_path / "cases.tsv", [{name: row[name] for name in SHEET} for row in absolute])
    config = {
        "shards": 1,
        "data": {"cases": str(tmp_path / "cases.tsv"), "channels": {"ct": "ct"}, "labels": {"nodule": 1}},
        "models": {"theirs": {"external": str(tmp_path / "found")}},
        "plan": {"folds": 2},
        "slice": {
            "source": "prediction",
            "lesions": str(phantoms / "annotations.csv"),
            "classes": ["benign", "malignant"],
            "unmatched": "benign",
            "size": 32,
        },
        "fit": {"network": "resnet10", "folds": [0], "steps": 2, "batch": 4},
        "classifiers": {"small": {}},
    }
    experiment = Experiment(tmp_path, config)
    experiment.run("score/small/froc.tsv")
    folder = experiment.results / "score/small"
    patients = {r["group"]: r for r in read_table(folder / "predictions.tsv") if r["level"] == "patient"}
    missed = patients["luna-001"]
    assert (missed["class"], float(missed["p_malignant"]), missed["lesion"]) == ("malignant", 0, "")
    assert {row["split"] for row in patients.values()} == {"train", "test"}
    assert len(patients) == 4 + 2  # test cases, and the training cases that fold 0 kept
    with (folder / "nodules.csv").open(encoding="utf-8") as stream:
        nodules = [line.split(",")[0] for line in stream][1:]
    counts = {
        row["measure"]: row["value"] for row in read_table(folder / "froc.tsv") if not row["fp_per_scan"]
    }
    assert int(counts["scans"]) == 6
    assert int(counts["nodules"]) == len(nodules) > nodules.count("luna-001") > 0
    assert int(counts["found"]) == len(nodules) - nodules.count("luna-001")
