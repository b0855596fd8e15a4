"""Weights to start from, augmentation, networks: what of them reaches the commands, what re-runs."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from experiment import Experiment

pytestmark = pytest.mark.workflow
Make = Callable[..., Experiment]


def command(experiment: Experiment, stage: str) -> str:
    """A command of a dry run."""
    found = re.search(rf"^.*segmake .* {stage} .*$", experiment.run("-n", "-p").stdout, re.MULTILINE)
    assert found
    return found[0]


def test_a_preset_is_one_word_of_the_command(make_experiment: Make) -> None:
    experiment = make_experiment().changed(train={"augment": "strong"})
    assert """--augment '{"preset":"strong"}'""" in command(experiment, "train")


def test_a_network_outside_of_monai_is_trusted_because_the_configuration_names_it(
    make_experiment: Make,
) -> None:
    experiment = make_experiment()
    assert "--trust" not in command(experiment, "predict")
    named = experiment.changed(models={"own": {"network": "my.nets.Own"}})
    assert "--trust my.nets.Own" in command(named, "predict")


def test_an_ignored_value_reaches_those_who_read_labels(make_experiment: Make) -> None:
    experiment = make_experiment().changed(data={"ignore": 9})
    assert "--ignore 9" in command(experiment, "convert")
    assert "--ignore 9" in command(experiment, "plan")


def test_other_weights_to_start_from_train_again(make_experiment: Make) -> None:
    experiment = make_experiment().changed(train={"steps": 1})
    target = "train/unet/fold-0/model.pt"
    experiment.run(target)
    start = experiment.folder / "start.pt"
    start.write_bytes((experiment.results / target).read_bytes())
    second = experiment.changed(train={"init_from": "start.pt"})
    assert f"--init_from {start}" in command(second, "train")
    assert second.planned(target) == {"train": 1}
    second.run(target)
    assert "100.0% of the parameters come from" in second.log("train/unet/fold-0.log")
    assert second.planned(target) == {}
    start.write_bytes(start.read_bytes() + b" ")
    assert second.planned(target) == {"train": 1}
