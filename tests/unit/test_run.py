import logging
import math

import pytest
import torch
from torch import nn

from segmake.errors import InputError
from segmake.learning.history import History
from segmake.learning.run import GOOD_STEPS, Run, Setback, average, mark_good, restore, save

CPU = torch.device("cpu")


def run(seed=0):
    torch.manual_seed(seed)
    network = nn.Linear(3, 1)
    made = Run(network, nn.Linear(3, 1), torch.optim.AdamW(network.parameters(), fused=True))
    network(torch.ones(1, 3)).sum().backward()
    made.optimizer.step()
    return made


def filled():
    made = run()
    made.step, made.seconds, made.compiled, made.rates = 7, 3.5, True, [1 / 3, 0.1]
    made.history = History([{"step": 5, "loss": 0.5}], [0.25])
    made.setbacks = [Setback(3, 0.1, math.nan, math.inf, ["a"])]
    return made


def equal(one, other):
    first, second = one.state_dict(), other.state_dict()
    return all(torch.equal(first[name], second[name]) for name in first)


def test_round_trip_keeps_everything(tmp_path, caplog):
    caplog.set_level(logging.INFO, "segmake")
    kept, found = filled(), run(1)
    mark_good(kept)
    save(kept, {"a": 1}, tmp_path / "state.pt")
    restore(found, {"a": 1}, tmp_path / "state.pt", CPU)
    assert equal(found.network, kept.network)
    assert equal(found.averaged, kept.averaged)
    for one, other in zip(found.network.parameters(), kept.network.parameters(), strict=True):
        assert all(
            torch.equal(v, kept.optimizer.state[other][n]) for n, v in found.optimizer.state[one].items()
        )
    assert (found.step, found.seconds, found.compiled, found.rates) == (7, 3.5, True, [1 / 3, 0.1])
    assert found.history == kept.history
    assert repr(found.setbacks) == repr(kept.setbacks)  # NaN is not equal to itself
    assert found.good["about"] == kept.good["about"]
    assert "going on after step 7 (0.1 minutes)" in caplog.text


def test_equal_runs_are_equal_files(tmp_path):
    for name in ("a.pt", "b.pt"):
        save(filled(), {"a": 1}, tmp_path / name)
    assert (tmp_path / "a.pt").read_bytes() == (tmp_path / "b.pt").read_bytes()


@pytest.mark.parametrize("identity", [{"a": 2}, {"a": 1, "b": None, "c": 0}, {}])
def test_the_state_of_another_task_is_left_alone(tmp_path, caplog, identity):
    caplog.set_level(logging.INFO, "segmake")
    save(filled(), {"a": 1}, tmp_path / "state.pt")
    found = run(1)
    restore(found, identity, tmp_path / "state.pt", CPU)
    assert found.step == 0
    assert equal(found.network, run(1).network)
    assert "changed); starting clean" in caplog.text


def test_no_state_is_a_new_run(tmp_path):
    found = run()
    restore(found, {}, tmp_path / "state.pt", CPU)
    assert found.step == 0


def test_a_state_without_its_parts_is_explained(tmp_path):
    torch.save({"identity": "{}"}, tmp_path / "state.pt")
    with pytest.raises(InputError, match=r"not a usable state .* delete it to start clean"):
        restore(run(), {}, tmp_path / "state.pt", CPU)


def test_the_good_state_moves_with_the_steps_and_is_a_copy():
    made = run()
    made.step = GOOD_STEPS + 37  # resumed without one
    mark_good(made)
    first = made.good["network"]["weight"].clone()
    with torch.no_grad():
        made.network.weight += 1
    made.step += 1
    mark_good(made)
    assert torch.equal(made.good["network"]["weight"], first)
    made.step = 2 * GOOD_STEPS
    mark_good(made)
    assert torch.equal(made.good["network"]["weight"], made.network.weight)


def test_a_finished_state_needs_nothing_to_go_back_to(tmp_path):
    made = filled()
    mark_good(made)
    made.finished = True
    save(made, {}, tmp_path / "state.pt")
    found = run()
    restore(found, {}, tmp_path / "state.pt", CPU)
    assert found.finished
    assert found.good == {}


def test_the_average_is_warmed_up():
    made = run()
    nn.init.constant_(made.network.weight, 1.0)
    nn.init.constant_(made.averaged.weight, 0.0)
    average(made, 0.99)  # decay 1/10 at step 0
    assert made.averaged.weight[0, 0].item() == pytest.approx(0.9)
    made.step = 10**6
    average(made, 0.99)
    assert made.averaged.weight[0, 0].item() == pytest.approx(0.901)
