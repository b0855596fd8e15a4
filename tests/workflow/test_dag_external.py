"""A model of another program beside one of ours: taken in, scored, compared."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from experiment import Experiment

from segmake.tables import read_table

pytestmark = pytest.mark.workflow


@pytest.mark.slow
def test_label_maps_of_another_program_are_scored_and_compared(
    make_experiment: Callable[..., Experiment], tmp_path: Path
) -> None:
    ours = make_experiment()
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    ours.run("--until", "convert")
    for label in (ours.results / "convert").glob("*_label.nii.gz"):
        shutil.copy(label, theirs / label.name.replace("_label", ""))
    both = ours.changed(models={"small": {}, "theirs": {"external": str(theirs)}})
    planned = both.planned()
    assert {name: planned[name] for name in ("train", "predict", "external", "evaluate", "compare")} == {
        "train": 1,
        "predict": 2,
        "external": 2,
        "evaluate": 4,
        "compare": 1,
    }
    both.run()
    rows = read_table(ours.results / "evaluate" / "theirs" / "metrics.tsv")
    dice = {row["value"] for row in rows if row["metric"] == "dice"}
    assert {float(value) for value in dice} == {1.0}
    ranks = read_table(ours.results / "evaluate" / "ranking.tsv")
    assert {row["model"] for row in ranks} == {"small", "theirs"}
    assert both.planned() == {}
    (theirs / label.name.replace("_label", "")).unlink()
    assert both.planned()["external"] == 2
