"""Post-processing stands between predict and evaluate when it is asked for."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from experiment import Experiment

from segmake.postprocessing import read_recipe
from segmake.tables import read_table

pytestmark = pytest.mark.workflow


@pytest.mark.slow
def test_label_maps_are_cleaned_before_they_are_scored(make_experiment: Callable[..., Experiment]) -> None:
    asked = make_experiment().changed(
        postprocess={"candidates": ["largest"]}, train={"folds": [0, 1], "steps": 2}
    )
    planned = asked.planned()
    assert (planned["tune"], planned["postprocess"], planned["evaluate"]) == (1, 2, 2)
    asked.run("--until", "summarize")
    recipe = read_recipe(asked.results / "postprocess" / "unet" / "recipe.json")
    assert {entry.label for entry in recipe.evidence} == {"necrosis", "edema", "enhancing"}
    assert recipe.steps == []  # six patients decide nothing
    rows = read_table(asked.results / "postprocess" / "unet" / "shard-00.tsv")
    assert {row["status"] for row in rows} == {"ok"}
    again = asked.changed(postprocess={"candidates": ["largest", "holes"]}).planned("--until", "evaluate")
    assert set(again) == {"tune", "postprocess", "evaluate"}
