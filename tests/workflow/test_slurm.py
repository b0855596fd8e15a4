"""The real Snakefile on a real Slurm: the same results as here, whatever Slurm does to the jobs."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from experiment import CHECKOUT, Experiment, content, new_experiment
from slurm_node import SlurmNode, missing

pytestmark = [
    pytest.mark.slurm,
    pytest.mark.slow,
    pytest.mark.workflow,
    pytest.mark.skipif(bool(missing()), reason=missing() or "Slurm is here"),
]
RESULTS = (
    "convert/*.nii.gz",
    "plan/plan.json",
    "resample/*.b2nd",
    "train/*/*/model.pt",
    "predict/*/*.nii.gz",
    "evaluate/*/metrics.tsv",
    "evaluate/*/summary.tsv",
)
STEPS = 300
PATIENCE_SECONDS = 600
# What one node without accounting needs, and what makes it quick to notice an end.
HERE = ("--slurm-status-command", "squeue", "--slurm-no-account", "--slurm-keep-successful-logs")
QUICK = ("--slurm-init-seconds-before-status-checks", "7", "--latency-wait", "5")
# Enough at the second attempt only: 60 MB is less than Python with Snakemake in it.
TIGHT = ("--set-resources", "convert:mem_mb=60*attempt**4", "train:gpu=1", "train:slurm_partition=gpu")


@dataclass(frozen=True)
class OnSlurm:
    """A run through the profile, its training disturbed on the way, and what Slurm said of it."""

    experiment: Experiment
    output: str
    training: str
    accounts: dict[str, list[str]]
    resumed: list[int]


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SlurmNode]:
    """A Slurm of our own."""
    slurm = SlurmNode(tmp_path_factory.mktemp("slurm") / "node")
    slurm.start()
    yield slurm
    slurm.stop()


@pytest.fixture(scope="module")
def local(phantoms: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Future[Experiment]]:
    """The same experiment in one shard on this machine, while Slurm mostly waits."""
    experiment = _experiment(phantoms, tmp_path_factory.mktemp("local") / "run").changed(shards=1)

    def finish() -> Experiment:
        experiment.run("--until", "summarize")
        return experiment

    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(finish)


@pytest.fixture(scope="module")
def on_slurm(node: SlurmNode, phantoms: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OnSlurm]:
    """A run in two shards whose training Slurm requeues and cancels, and Snakemake tries again."""
    experiment = _experiment(phantoms, tmp_path_factory.mktemp("on_slurm") / "run")
    log = (experiment.folder / "snakemake.log").open("w+", encoding="utf-8")
    with (
        log,
        subprocess.Popen(
            _command(experiment), cwd=experiment.folder, env=node.environment, stdout=log, stderr=log
        ) as process,
    ):
        try:
            training, resumed = _disturb(node, experiment, process)
            process.wait(PATIENCE_SECONDS)
        finally:
            process.kill()
        log.seek(0)
        output = log.read()
    assert process.returncode == 0, f"{output}\n{node.logs()}"
    return OnSlurm(experiment, output, training, _accounts(node), [*resumed, _resumed(experiment)])


def _experiment(phantoms: Path, folder: Path) -> Experiment:
    made = new_experiment(phantoms, folder, count=4)
    return made.changed(train={"steps": STEPS, "device": "cpu", "checkpoint_minutes": 0.005})


def _command(experiment: Experiment) -> list[str]:
    """Snakemake through the profile, one thread a job as in the run to compare with."""
    words = experiment.command("--until", "summarize", *HERE, *QUICK, *TIGHT)
    place = words.index("--cores")
    words[place : place + 2] = ["--workflow-profile", str(CHECKOUT / "workflow/profiles/slurm")]
    return [*words, "--max-threads", "1"]


def _disturb(node: SlurmNode, run: Experiment, process: subprocess.Popen[bytes]) -> tuple[str, list[int]]:
    """Requeue the training, then cancel it; what Slurm knew of it, and the step it went on from."""
    state = run.results / "train/unet/fold-0/state/state.pt"
    _wait(process, state.exists)
    identity = _running(node, "rule_train")
    known = node.command("scontrol", "--details", "show", "job", identity)
    node.command("scontrol", "requeue", identity)
    _wait(process, lambda: _resumed(run) >= 0)
    first = _resumed(run)
    age = state.stat().st_mtime_ns
    _wait(process, lambda: state.stat().st_mtime_ns > age)
    node.command("scancel", identity)
    return known, [first]


def _wait(process: subprocess.Popen[bytes], ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        if ready():
            return
        time.sleep(0.05)
    raise TimeoutError("the training did not come so far")


def _running(node: SlurmNode, comment: str) -> str:
    """Number of the job that runs a rule."""
    lines = node.command("squeue", "-h", "-t", "running", "-o", "%i|%k").splitlines()
    return next(line.split("|")[0] for line in lines if comment in line)


def _resumed(experiment: Experiment) -> int:
    """Step that the training of the newest attempt went on from; -1: it began."""
    log = experiment.results / "logs/train/unet/fold-0.log"
    found = re.findall(r"going on after step (\d+)", log.read_text(encoding="utf-8") if log.exists() else "")
    return int(found[-1]) if found else -1


def _accounts(node: SlurmNode) -> dict[str, list[str]]:
    """How the jobs of each rule ended, in their order."""
    ends: dict[str, list[str]] = {}
    for line in sorted(node.command("squeue", "-h", "-t", "all", "-o", "%i|%k|%T").splitlines()):
        _, comment, state = line.split("|")
        ends.setdefault(comment.partition("_wildcards")[0], []).append(state)
    return ends


def _results(experiment: Experiment) -> dict[str, bytes]:
    return {name: data for pattern in RESULTS for name, data in content(experiment.results, pattern).items()}


def test_results_are_those_of_a_run_on_this_machine(local: Future[Experiment], on_slurm: OnSlurm) -> None:
    expected, found = _results(local.result()), _results(on_slurm.experiment)
    assert len(expected) > 20
    assert found.keys() == expected.keys()
    assert [name for name in expected if found[name] != expected[name]] == []


def test_a_gpu_is_scheduled_for_the_training_on_its_partition(on_slurm: OnSlurm) -> None:
    assert "Partition=gpu" in on_slurm.training
    assert "TresPerJob=gres:gpu:1" in on_slurm.training
    assert "GRES=gpu:fake:1(IDX:0)" in on_slurm.training


def test_training_goes_on_after_a_requeue_and_after_a_cancel(on_slurm: OnSlurm) -> None:
    requeued, retried = on_slurm.resumed
    assert 0 < requeued < retried < STEPS
    assert on_slurm.accounts["rule_train"] == ["CANCELLED", "COMPLETED"]


def test_a_job_over_its_memory_is_tried_again_with_more(on_slurm: OnSlurm) -> None:
    ends = on_slurm.accounts["rule_intake_convert"]
    assert sorted(ends) == ["COMPLETED", "COMPLETED", "FAILED", "FAILED"]
