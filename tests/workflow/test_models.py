"""Several models in one DAG: compared, ranked, told apart from another seed, split into subgroups."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from experiment import Experiment

from segmake.tables import read_table, write_table

pytestmark = pytest.mark.workflow
Make = Callable[..., Experiment]
MODELS = {"small": {"seeds": [0, 1]}, "fast": {"lr": 0.02}}


def two_models(experiment: Experiment) -> Experiment:
    """The experiment with two models, one of them under two seeds, and a column for subgroups."""
    path = experiment.folder / "cases.tsv"
    rows = read_table(path)
    write_table(path, [row | {"scanner": f"scanner of {row['case']}"} for row in rows])
    return experiment.changed(models=MODELS, evaluate={"subgroups": ["scanner", "size"], "resamples": 50})


@pytest.mark.slow
def test_more_permutations_only_compare_again_and_subgroups_only_summarize(make_experiment: Make) -> None:
    experiment = two_models(make_experiment())
    experiment.run()
    compared = read_table(experiment.results / "evaluate/comparison.tsv")
    assert {(row["model"], row["other"]) for row in compared} == {("fast", "small")}
    assert {row["label"] for row in compared} == {"necrosis", "edema", "enhancing", "mean"}
    assert all(float(row["seed_noise"]) >= 0 for row in compared)
    assert {row["verdict"] for row in compared} == {"too few patients (under 10)"}
    ranked = read_table(experiment.results / "evaluate/ranking.tsv")
    assert {row["model"] for row in ranked} == {"small", "fast"}
    groups = read_table(experiment.results / "evaluate/small.seed-1/subgroups.tsv")
    scores = read_table(experiment.results / "evaluate/small.seed-1/metrics.tsv")
    trained = {row["case"] for row in scores if row["split"] == "train"}
    levels = {row["level"] for row in groups if row["subgroup"] == "scanner"}
    assert levels == {f"scanner of {case}" for case in trained}
    page = (experiment.results / "report/index.html").read_text(encoding="utf-8")
    assert "Models and subgroups" in page
    assert "too few patients (under 10)" in page
    assert experiment.planned() == {}
    more = experiment.changed(evaluate={"permutations": 20})
    pages = dict.fromkeys(("figures", "describe", "report", "crate"), 1)
    assert more.planned() == {"compare": 1} | pages
    fewer = experiment.changed(evaluate={"subgroups": ["size"]})
    assert fewer.planned() == {"summarize": 3, "compare": 1, "examples": 3} | pages
