import logging
import threading

import pytest
import torch
from learning_cases import ball
from loop_cases import digest, losses, stop_after, task
from plan_cases import small_plan

from segmake.errors import ConfigError, InputError
from segmake.learning import loop
from segmake.learning.interruption import Stopped
from segmake.learning.loop import train


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_overfits_one_phantom(tmp_path):
    plan = small_plan(features=[8, 8, 8], batch=1)
    cases = [ball(0)]
    settings = {"steps": 100, "lr": 1e-2, "flip": [], "ema": 0.8}
    run = train(task(training=cases, validation=cases, plan=plan, **settings), tmp_path / "state.pt")
    assert run.history.last("val_dice") > 0.95
    assert run.history.last("loss") < 0.5 * run.history.rows[0]["loss"]


def test_same_seed_same_weights_and_another_seed_others(tmp_path):
    runs = [train(task(seed), tmp_path / f"{i}.pt") for i, seed in enumerate([0, 0, 1])]
    assert digest(runs[0]) == digest(runs[1]) != digest(runs[2])
    assert losses(runs[0]) == losses(runs[1])
    assert (tmp_path / "0.pt").exists()


def test_a_finished_run_is_not_trained_again(tmp_path, monkeypatch):
    first = train(task(), tmp_path / "state.pt")
    monkeypatch.setattr(loop, "_learn", None)
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


def test_minutes_stop_the_run_and_record_its_steps(tmp_path):
    run = train(task(minutes=0.03), tmp_path / "state.pt")
    assert run.seconds >= 1.8
    assert run.history.rows[-1]["step"] == run.step > 1


def test_a_run_by_the_clock_is_repeated_exactly(tmp_path):
    first = train(task(minutes=0.01), tmp_path / "first.pt")
    replay = {"rates": first.rates, "compiled": first.compiled}
    again = train(task(minutes=0.01, replay=replay), tmp_path / "again.pt")
    assert digest(again) == digest(first)
    assert losses(again) == losses(first)


@pytest.mark.parametrize("parts", [2, 3])
def test_accumulated_gradients_are_those_of_the_whole_batch(tmp_path, parts):
    options = {"steps": 1, "batch_dice": False, "ema": 0.0, "optimizer": "sgd", "warmup": 0.0}
    plan = small_plan(batch=4)
    whole = train(task(plan=plan, **options), tmp_path / "whole.pt")
    split = train(task(plan=plan, accumulate=parts, **options), tmp_path / "split.pt")
    for a, b in zip(whole.network.parameters(), split.network.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-6)
    assert split.history.last("loss") == pytest.approx(whole.history.last("loss"), abs=1e-6)


def test_a_batch_has_no_more_parts_than_patches(tmp_path):
    with pytest.raises(ConfigError, match=r"at most its 2 patches, got 3"):
        train(task(accumulate=3), tmp_path / "state.pt")


def test_whether_to_compile_is_decided_once_and_kept(tmp_path, monkeypatch):
    tried = []
    monkeypatch.setattr(loop.compiling, "compile_network", lambda *_: tried.append(1) or True)
    monkeypatch.setattr(loop.compiling, "pays", lambda _: True)
    with monkeypatch.context() as patch:
        stop_after(patch, 7)
        with pytest.raises(Stopped):
            train(task(), tmp_path / "state.pt")
    assert len(tried) == 1
    monkeypatch.setattr(loop.compiling, "pays", lambda _: False)
    assert train(task(), tmp_path / "state.pt").compiled is True
    assert len(tried) == 2  # the resumed process compiles again, without asking again
    assert train(task(), tmp_path / "short.pt").compiled is False
    assert train(task(replay={"rates": [0.1] * 6, "compiled": True}), tmp_path / "r.pt").compiled is True


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
