"""Patches of 2D images by the real Snakefile: what is done again after a change, and what a leak stops."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from experiment import Experiment
from PIL import Image

from segmake.tables import read_table

pytestmark = pytest.mark.workflow
FOLDS = "divide/folds.tsv"


def picture(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    coarse = Image.fromarray(np.random.default_rng(seed).integers(0, 255, (9, 9), dtype=np.uint8))
    coarse.resize((40, 40), Image.Resampling.BICUBIC).save(path)


def test_a_change_costs_what_it_touches_and_a_leak_stops(tmp_path: Path) -> None:
    root = tmp_path / "pictures"
    for number in range(12):
        picture(root / ("train", "test")[number % 4 == 3] / "ab"[number % 2] / f"{number}.png", number)
    config = {
        "shards": 2,
        "data": {"layout": "imagefolder", "root": str(root)},
        "models": {},
        "plan": {"folds": 2},
        "slice": {"size": 16},
        "classifiers": {"r": {}},
    }
    experiment = Experiment(tmp_path, config)
    experiment.run(FOLDS)
    table = read_table(experiment.results / FOLDS)
    counts = Counter(row["fold"] for row in table)
    assert (counts[""], sorted((counts["0"], counts["1"]))) == (3, [4, 5])
    guards = {row["guard"]: row["status"] for row in read_table(experiment.results / "divide/guards.tsv")}
    assert guards == {"duplicates": "ok", "shortcut": "ok", "patients": "ok", "group": "warn"}

    assert experiment.planned(FOLDS) == {}
    assert experiment.changed(slice={"size": 24}).planned(FOLDS) == {"slice": 2, "divide": 1}
    assert experiment.changed(divide={"join": True}).planned(FOLDS) == {"divide": 1}

    (root / "test" / "a").mkdir()
    shutil.copy(root / "train" / "a" / "0.png", root / "test" / "a" / "copy.png")
    done = experiment.run(FOLDS, check=False)
    assert done.returncode != 0
    assert "train_a_0 (fold" in experiment.log("divide/divide.log")
    assert "test_a_copy (test)" in experiment.log("divide/divide.log")
    (pair,) = read_table(experiment.results / "divide/duplicates.tsv")
    assert (pair["case"], pair["other"], pair["likeness"]) == ("test_a_copy", "train_a_0", "same")
    touched = [experiment.log(f"slice/shard-0{shard}.log").count("already done") for shard in (0, 1)]
    assert sum(touched) in range(
        4, 12
    )  # only the shard of the new picture was looked at, its others were done
    allowed = experiment.changed(divide={"allow": ["duplicates"]})
    allowed.run(FOLDS)
    assert len(read_table(allowed.results / FOLDS)) == 13
