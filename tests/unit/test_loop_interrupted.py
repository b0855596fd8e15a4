import logging

import pytest
import torch
from loop_cases import digest, losses, stop_after, task

from segmake.learning import loop
from segmake.learning.interruption import Stopped
from segmake.learning.loop import train

SHORT = {"steps": 24}


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    torch.set_num_threads(1)
    run = train(task(**SHORT), tmp_path_factory.mktemp("undisturbed") / "state.pt")
    return digest(run), losses(run)


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
    original = loop.average

    def die(run, decay):
        if run.step == 7:
            raise KeyboardInterrupt
        original(run, decay)

    often = {"checkpoint_minutes": 1e-9}
    with monkeypatch.context() as patch:
        patch.setattr(loop, "average", die)
        with pytest.raises(KeyboardInterrupt):
            train(task(**often), tmp_path / "state.pt")
    resumed = train(task(**often), tmp_path / "state.pt")
    assert digest(resumed) == digest(plain)


@pytest.mark.parametrize("step", [1, 19, 20])
def test_interrupted_anywhere_equals_undisturbed(tmp_path, monkeypatch, undisturbed, step):
    with monkeypatch.context() as patch:
        stop_after(patch, step)
        with pytest.raises(Stopped):
            train(task(**SHORT), tmp_path / "state.pt")
    resumed = train(task(**SHORT), tmp_path / "state.pt")
    assert (digest(resumed), losses(resumed)) == undisturbed


def test_a_stop_at_every_step_equals_undisturbed(tmp_path, monkeypatch, undisturbed):
    stops = 0
    for step in range(1, 24):
        with monkeypatch.context() as patch:
            stop_after(patch, step)
            with pytest.raises(Stopped):
                train(task(**SHORT), tmp_path / "state.pt")
            stops += 1
    resumed = train(task(**SHORT), tmp_path / "state.pt")
    assert stops == 23
    assert (digest(resumed), losses(resumed)) == undisturbed


def test_being_stopped_is_no_failure_of_the_user(tmp_path, monkeypatch):
    stop_after(monkeypatch, 1)
    with pytest.raises(Stopped) as caught:
        train(task(), tmp_path / "state.pt")
    assert caught.value.exit_code == 75


def test_sgd_learns_and_resumes_exactly(tmp_path, monkeypatch):
    options = {"optimizer": "sgd", "schedule": "poly", "momentum": 0.9, "steps": 40}
    plain = train(task(**options), tmp_path / "plain.pt")
    assert plain.history.rows[-1]["loss"] < plain.history.rows[0]["loss"]
    with monkeypatch.context() as patch:
        stop_after(patch, 7)
        with pytest.raises(Stopped):
            train(task(**options), tmp_path / "state.pt")
    assert digest(train(task(**options), tmp_path / "state.pt")) == digest(plain)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of torch within its own compiler
def test_compiled_training_resumes_exactly_and_leaves_no_trace_in_names(tmp_path, monkeypatch):
    options = {"compile": "always", "steps": 8, "deep_supervision": False}
    plain = train(task(**options), tmp_path / "plain.pt")
    assert plain.compiled is True
    assert not [name for name in plain.network.state_dict() if "_orig_mod" in name]
    with monkeypatch.context() as patch:
        stop_after(patch, 6)
        with pytest.raises(Stopped):
            train(task(**options), tmp_path / "state.pt")
    assert digest(train(task(**options), tmp_path / "state.pt")) == digest(plain)
