"""Seeds and numbers of cases in the DAG: which trainings there are, and what adding one costs."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from experiment import Experiment

pytestmark = pytest.mark.workflow
Make = Callable[..., Experiment]


def trainings(experiment: Experiment) -> dict[str, str]:
    """Folder of each training of a dry run -> the flags that tell it from the others."""
    text = experiment.run("-n", "-p").stdout
    found = {}
    for command in re.findall(r"^.*segmake .* train --tables .*$", text, re.MULTILINE):
        output = re.search(r"--output train/(\S+)/model.pt", command)
        assert output
        marks = re.findall(r"(--seed \d+|--cases \S+)", command)
        found[output[1]] = " ".join(marks)
    return found


def test_seeds_and_cases_expand_to_exactly_these_trainings(make_experiment: Make) -> None:
    models = {"unet": {"seeds": [0, 7]}, "curve": {"cases": [1, "all"], "folds": [0, 1]}}
    many = make_experiment().changed(models=models)
    assert trainings(many) == {
        "unet/fold-0": "",
        "unet.seed-7/fold-0": "--seed 7",
        "curve.cases-1/fold-0": "--cases '[1]'",
        "curve.cases-1/fold-1": "--cases '[1]'",
        "curve/fold-0": "",
        "curve/fold-1": "",
    }
    planned = many.planned()
    assert (planned["train"], planned["predict"], planned["summarize"], planned["compare"]) == (6, 8, 4, 1)


def test_replicates_reach_the_comparison(make_experiment: Make) -> None:
    models = {"unet": {"seeds": [0, 7], "cases": [1, "all"]}}
    text = make_experiment().changed(models=models).run("-n", "-p").stdout
    command = next(line for line in text.splitlines() if " compare --metrics " in line)
    assert '--replicates \'[["unet.cases-1", "unet.cases-1.seed-7"], ["unet", "unet.seed-7"]]\'' in command


def test_a_seed_that_is_added_trains_once_more_and_nothing_again(make_experiment: Make) -> None:
    experiment = make_experiment().changed(train={"steps": 1})
    target = "train/unet/fold-0/model.pt"
    experiment.run(target)
    more = experiment.changed(train={"seeds": [0, 1]})
    assert trainings(more) == {"unet.seed-1/fold-0": "--seed 1"}
    assert more.planned(target) == {}
    assert trainings(more.changed(seed=1)) == {"unet/fold-0": "--seed 1", "unet.seed-0/fold-0": ""}
