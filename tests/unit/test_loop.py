import hashlib
import logging
import os
import signal
import threading

import numpy as np
import pytest
import torch
from learning_cases import ball
from plan_cases import small_plan

from segmake.errors import InputError, SegmakeError
from segmake.learning import loop
from segmake.learning.checkpoint import tensors
from segmake.learning.interruption import Stopped
from segmake.learning.loop import Task, train
from segmake.learning.sampling import Case
from segmake.settings import TrainSettings


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def task(seed=0, training=None, plan=None, **changes):
    settings = TrainSettings(**({"steps": 10, "precision": "fp32"} | changes))
    cases = training or [ball(i) for i in range(4)]
    identity = {"seed": seed} | settings.model_dump(mode="json", exclude={"checkpoint_minutes"})
    return Task(plan or small_plan(), settings, seed, cases, [ball(9)], identity)


def digest(run):
    content = hashlib.sha256()
    for network in (run.network, run.averaged):
        for name, value in tensors(network).items():
            content.update(name.encode() + value.numpy().tobytes())
    return content.hexdigest()


def losses(run):
    return [(row["step"], row["lr"], row["loss"], row.get("val_dice")) for row in run.history.rows]


def stop_after(monkeypatch, steps):
    """Send SIGTERM to this process while step number `steps` is being worked on."""
    original = loop._average

    def average(run, decay):
        if run.step + 1 == steps:
            os.kill(os.getpid(), signal.SIGTERM)
        original(run, decay)

    monkeypatch.setattr(loop, "_average", average)


def test_overfits_one_phantom(tmp_path):
    plan = small_plan(features=[8, 8, 8], batch=1)
    cases = [ball(0)]
    settings = {"steps": 100, "lr": 1e-2, "flip": [], "ema": 0.8}
    whole = task(training=cases, plan=plan, **settings)
    run = train(Task(whole.plan, whole.settings, 0, cases, cases, whole.identity), tmp_path / "state.pt")
    assert run.history.last("val_dice") > 0.95
    assert run.history.last("loss") < 0.5 * run.history.rows[0]["loss"]


def test_same_seed_same_weights_and_another_seed_others(tmp_path):
    runs = [train(task(seed), tmp_path / f"{i}.pt") for i, seed in enumerate([0, 0, 1])]
    assert digest(runs[0]) == digest(runs[1]) != digest(runs[2])
    assert losses(runs[0]) == losses(runs[1])
    assert (tmp_path / "0.pt").exists()


def test_stopped_and_resumed_equals_undisturbed(tmp_path, monkeypatch, caplog):
    caplog.set_level(logging.INFO, "segmake")
    plain = train(task(), tmp_path / "plain.pt")
    with monkeypatch.context() as patch:
        stop_after(patch, 5)
        with pytest.raises(Stopped, match="SIGTERM after step 5"):
            train(task(), tmp_path / "state.pt")
    resumed = train(task(), tmp_path / "state.pt")
    assert "going on after step 5" in caplog.text
    assert digest(resumed) == digest(plain)
    assert losses(resumed) == losses(plain)
    assert resumed.step == plain.step == 10


def test_dropout_resumes_exactly_too(tmp_path, monkeypatch):
    options = {"options": {"dropout": 0.3}, "steps": 6}
    plain = train(task(**options), tmp_path / "plain.pt")
    with monkeypatch.context() as patch:
        stop_after(patch, 2)
        with pytest.raises(Stopped):
            train(task(**options), tmp_path / "state.pt")
    assert digest(train(task(**options), tmp_path / "state.pt")) == digest(plain)


def test_a_killed_run_goes_on_from_its_last_checkpoint(tmp_path, monkeypatch):
    plain = train(task(), tmp_path / "plain.pt")
    original = loop._average

    def die(run, decay):
        if run.step == 7:
            raise KeyboardInterrupt
        original(run, decay)

    often = {"checkpoint_minutes": 1e-9}
    with monkeypatch.context() as patch:
        patch.setattr(loop, "_average", die)
        with pytest.raises(KeyboardInterrupt):
            train(task(**often), tmp_path / "state.pt")
    resumed = train(task(**often), tmp_path / "state.pt")
    assert digest(resumed) == digest(plain)


def test_a_finished_run_is_not_trained_again(tmp_path, monkeypatch):
    first = train(task(), tmp_path / "state.pt")
    monkeypatch.setattr(loop, "_augment", None)
    again = train(task(), tmp_path / "state.pt")
    assert digest(again) == digest(first)
    assert again.history == first.history


def test_a_changed_setting_starts_clean_and_says_so(tmp_path, caplog):
    caplog.set_level(logging.INFO, "segmake")
    train(task(), tmp_path / "state.pt")
    changed = train(task(lr=1e-3), tmp_path / "state.pt")
    assert "(lr changed); starting clean" in caplog.text
    assert digest(changed) == digest(train(task(lr=1e-3), tmp_path / "fresh.pt"))


def test_a_broken_state_is_explained(tmp_path):
    (tmp_path / "state.pt").write_bytes(b"nonsense")
    with pytest.raises(InputError, match="delete it to start clean"):
        train(task(), tmp_path / "state.pt")


def test_a_loss_that_is_not_a_number_is_explained(tmp_path):
    bad = ball(0)
    broken = Case("bad", np.full_like(bad.image, np.nan), bad.label, bad.foreground)
    with pytest.raises(SegmakeError, match=r"the loss became nan at step 1 .* lower train\.lr"):
        train(task(training=[broken]), tmp_path / "state.pt")


def test_minutes_stop_the_run_and_record_its_steps(tmp_path):
    run = train(task(minutes=0.01), tmp_path / "state.pt")
    assert run.seconds >= 0.6
    assert run.history.rows[-1]["step"] == run.step > 1


def test_region_heads_learn(tmp_path):
    plan = small_plan(regions={"whole": [1, 2], "core": [1]})
    run = train(task(plan=plan, steps=120, lr=1e-2), tmp_path / "state.pt")
    assert run.history.rows[-1]["loss"] < 0.7 * run.history.rows[0]["loss"]


def test_averaging_follows_closely_at_first_and_off_means_equal(tmp_path):
    run = train(task(ema=0.0), tmp_path / "state.pt")
    assert all(
        torch.equal(a, b) for a, b in zip(run.network.parameters(), run.averaged.parameters(), strict=True)
    )
    averaged = train(task(ema=0.9), tmp_path / "other.pt")
    pairs = zip(averaged.network.parameters(), averaged.averaged.parameters(), strict=True)
    assert any(not torch.equal(a, b) for a, b in pairs)


def test_training_runs_in_a_thread(tmp_path):
    results = []
    thread = threading.Thread(target=lambda: results.append(train(task(steps=2), tmp_path / "state.pt")))
    thread.start()
    thread.join()
    assert results[0].step == 2
