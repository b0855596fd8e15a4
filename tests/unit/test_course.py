"""How far a run is, and how long the rest may take."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from operation_cases import Run

from segmake.operations.course import STEPS, Stage, follow, total_seconds
from segmake.operations.roster import State
from segmake.training import TrainSettings


def stamp(seconds_ago: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(time.time() - seconds_ago))


def stage_of(run: Run, **more: int) -> Stage:
    (stage,) = follow(run.roster(**more), alive=True)
    return stage


def test_jobs_and_cases_are_counted_by_stage(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.done(run.job("convert", "00"), rows="ok failed excluded excluded")
    run.done(run.job("convert", "01"), rows="ok failed")
    run.job("plan", "")
    convert, plan = follow(run.roster(), alive=True)
    assert convert.jobs == {State.DONE: 2, State.RUNNING: 0, State.FAILED: 0, State.LEFT: 0}
    assert (convert.failed_cases, convert.excluded_cases, convert.seconds_left) == (2, 2, 0.0)
    assert (plan.jobs[State.LEFT], plan.seconds_left) == (1, None)
    assert total_seconds([convert, plan]) is None
    assert total_seconds([convert]) == 0.0


@pytest.mark.parametrize(
    ("allowed", "seconds"),
    [
        ({}, 80),
        ({"cores": 8}, 40),
        ({"cores": 2}, 80),
        ({"jobs_at_once": 100}, 20),
        ({"jobs_at_once": 3}, 80 / 3),
    ],
)
def test_the_rest_takes_what_the_others_took(tmp_path: Path, allowed: dict[str, int], seconds: float) -> None:
    run = Run(tmp_path)
    for number in range(7):
        job = run.job("convert", f"{number:02d}", threads=4)
        if number < 3:
            run.done(job, seconds=(5, 20, 1000)[number])  # the median, not the mean
    assert stage_of(run, **allowed).seconds_left == pytest.approx(seconds)


def test_a_running_shard_is_as_far_as_its_log(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.begun(
        run.job("convert", "00"), f"{stamp(30)},123 convert 1/4 a 3 s\n{stamp(1)},123 convert 3/4 b 2 s\n"
    )
    stage = stage_of(run)
    (job,) = stage.running
    assert (job.job, job.progress) == ("00", 0.75)
    assert job.words.endswith("convert 3/4 b 2 s")
    assert job.seconds == pytest.approx(30, abs=2)
    assert stage.seconds_left == pytest.approx(10, abs=1)


@pytest.mark.parametrize(
    ("words", "progress", "told"),
    [
        (("--steps", "400"), 0.25, "100 of 400 steps, loss 1.5, validation Dice 0.7"),
        (("--minutes", "4", "--steps", "400"), 0.5, "2 of 4 minutes, loss 1.5, validation Dice 0.7"),
        ((), 100 / STEPS, f"100 of {STEPS} steps, loss 1.5, validation Dice 0.7"),
    ],
)
def test_a_training_is_as_far_as_its_history(
    tmp_path: Path, words: tuple[str, ...], progress: float, told: str
) -> None:
    run = Run(tmp_path)
    history = "train/unet/fold-0/history.csv"
    job = run.job("train", "unet, 0", outputs=("train/unet/fold-0/model.pt", history), words=words)
    run.begun(job, f"{stamp(60)},1 training on the CPU\n")
    run.write(history, "step,minutes,lr,loss,val_dice\n50,1,0.1,2,0.7\n100,2,0.1,1.5,\n")
    stage = stage_of(run)
    assert (stage.running[0].progress, stage.running[0].words) == (progress, told)
    assert stage.seconds_left == pytest.approx(60 * (1 / progress - 1), rel=0.05)


def test_a_job_that_says_nothing_is_not_foretold(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.begun(run.job("tune", "unet"), "")
    stage = stage_of(run)
    assert (stage.running[0].progress, stage.running[0].words, stage.seconds_left) == (None, "", None)


def test_a_training_without_flags_takes_the_steps_of_the_settings() -> None:
    assert TrainSettings.model_fields["steps"].default == STEPS
