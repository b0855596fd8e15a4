"""Training under Snakemake: killed again and again, and repeated from an earlier run."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from experiment import CHECKOUT, Experiment

from segmake.tables import read_table

pytestmark = pytest.mark.workflow
SMALL = {
    "shards": 1,
    "data": {"layout": "phantom"},
    "phantom": {"kind": "brats", "count": 4, "test": 0, "size": 32},
    "plan": {
        "folds": 2,
        "spacing_mm": [6, 6, 6],
        "patch": [16, 16, 16],
        "batch": 2,
        "features": [4, 8, 8],
        "strides": [[1] * 3, [2] * 3, [2] * 3],
    },
}


@pytest.mark.slow
def test_killed_twice_at_random_the_model_is_the_same_to_the_byte(tmp_path: Path) -> None:
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(SMALL), encoding="utf-8")
    command = [sys.executable, str(CHECKOUT / "benchmarks" / "kill_training.py"), "--kills", "2"]
    command += ["--steps", "150", "--configfile", str(tmp_path / "small.yaml"), "--output", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    attempts = read_table(tmp_path / "kill_training.tsv")
    assert len(attempts) == 3
    assert attempts[-1]["found"].startswith("step ")


def test_a_job_trains_on_the_gpus_it_is_given(make_experiment: Callable[..., Experiment]) -> None:
    experiment = make_experiment()
    assert "--gpus 2 " in experiment.run("-n", "-p", "--set-resources", "train:gpu=2").stdout
    assert "--gpus 1 " in experiment.changed(train={"device": "cuda"}).run("-n", "-p").stdout


def test_a_run_to_repeat_is_found_fold_by_fold(make_experiment: Callable[..., Experiment]) -> None:
    experiment = make_experiment()
    (experiment.folder / "earlier").mkdir()
    repeated = experiment.changed(train={"replay": "earlier", "folds": [0, 1]})
    printed = repeated.run("-n", "-p").stdout
    for fold in (0, 1):
        assert f"--replay {experiment.folder}/earlier/train/unet/fold-{fold}/model.pt" in printed
