import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from rank_cases import ALL, course, every_step, make
from torch import nn
from torch.distributed import TCPStore

from segmake.errors import ConfigError
from segmake.learning.distributed import ALONE, Ranks, Share, environment, joined, sum_counts, together
from segmake.learning.loop import train


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """What two processes that trained all cases together found, and the folder of their states."""
    folder = tmp_path_factory.mktemp("two")
    store = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    script = str(Path(__file__).with_name("rank_cases.py"))
    processes = [
        subprocess.Popen(
            [sys.executable, script, str(folder)],
            env=environment(rank, 2, store.port),
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    try:
        said = [process.communicate(timeout=300)[1] for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert [process.returncode for process in processes] == [0, 0], said
    return [json.loads((folder / f"{rank}.json").read_text()) for rank in range(2)], folder


@pytest.mark.slow
@pytest.mark.parametrize("name", ALL)
def test_the_same_batch_gives_the_same_losses_and_weights_as_one_process(tmp_path, monkeypatch, two, name):
    every_step(monkeypatch)
    alone, shared = course(train(make(name), tmp_path / "state.pt")), two[0][0][name]
    assert len(alone["losses"]) == 5
    assert shared["losses"] == pytest.approx(alone["losses"], abs=1e-4)
    assert shared["figure"] == pytest.approx(alone["figure"], abs=1e-3)
    for mine, theirs in zip(alone["weights"], shared["weights"], strict=True):
        np.testing.assert_allclose(theirs, mine, rtol=0, atol=1e-3)


@pytest.mark.slow
def test_both_processes_hold_the_same_run(two):
    first, second = two[0]
    assert first == second


@pytest.mark.slow
def test_as_many_processes_give_the_same_weights_again(two):
    first = two[0][0]
    assert first["again"]["digest"] == first["uneven"]["digest"]


@pytest.mark.slow
def test_a_signal_to_one_process_stops_all_and_they_go_on_exactly(two):
    stopped = two[0][0]["stopped"]
    assert "SIGTERM after step 3" in stopped["said"]
    assert stopped["digest"] == two[0][0]["uneven"]["digest"]
    assert stopped["processes"] == [2]


@pytest.mark.slow
def test_another_number_of_processes_goes_on_and_is_remembered(tmp_path, monkeypatch, two):
    every_step(monkeypatch)
    path = tmp_path / "state.pt"
    path.write_bytes((two[1] / "uneven.pt").read_bytes())
    finished = train(make("uneven"), path)
    assert course(finished)["digest"] == two[0][0]["uneven"]["digest"]  # nothing is trained again
    assert finished.processes == [2]
    path.write_bytes((two[1] / "part.pt").read_bytes())
    longer = train(make("uneven"), path)
    assert longer.processes == [2, 1]
    losses = [row["loss"] for row in longer.history.rows]
    assert losses == pytest.approx(two[0][0]["uneven"]["losses"], abs=1e-4)


def test_a_batch_is_divided_without_gap_or_overlap():
    shares = [Share.of(7, 2, Ranks(rank, 3)) for rank in range(3)]
    assert [share.rows for share in shares] == [[0, 3, 6], [1, 4], [2, 5]]
    assert [share.sizes for share in shares] == [[2, 1], [1, 1], [1, 1]]
    assert all(share.weights == [4 / 7, 3 / 7] for share in shares)
    assert Share.of(4, 1, ALONE) == Share([0, 1, 2, 3], [4], [1.0])


def test_every_process_needs_a_patch():
    with pytest.raises(ConfigError, match="its 4 patches, got 2 in each of 3 processes; lower it or raise"):
        Share.of(4, 2, Ranks(0, 3))


def test_one_process_needs_nobody():
    network = nn.Linear(2, 1)
    network(torch.ones(1, 2)).sum().backward()
    before = network.weight.grad.clone()
    ALONE.sum_gradients(network)
    ALONE.wait()
    assert torch.equal(network.weight.grad, before)
    assert ALONE.largest(1.5, -2.0) == [1.5, -2.0]
    assert ALONE.agree(3)
    assert ALONE.from_local_first([1]) == [1]
    assert not ALONE.orphaned
    assert sum_counts(np.array([1.0, 2.0]), ALONE).tolist() == [1, 2]
    assert not together()
    with joined() as ranks:
        assert ranks == ALONE


def test_whose_starter_is_gone_is_an_orphan():
    assert not Ranks(0, 2, parent=os.getppid()).orphaned
    assert Ranks(0, 2, parent=os.getppid() + 1).orphaned


def test_normalising_over_a_batch_takes_all_of_it_or_is_refused():
    network = nn.Sequential(nn.Conv3d(1, 2, 1), nn.BatchNorm3d(2))
    assert ALONE.whole(network) is network
    with pytest.raises(ConfigError, match=r"2 processes can do together on GPUs alone; train it in one"):
        Ranks(0, 2).whole(network)
    plain = nn.Sequential(nn.Conv3d(1, 2, 1), nn.InstanceNorm3d(2))
    assert Ranks(0, 2).whole(plain) is plain


def test_a_process_is_told_its_place_as_torchrun_does():
    told = environment(1, 4, 29500)
    assert {name: told[name] for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_PORT")} == {
        "RANK": "1",
        "WORLD_SIZE": "4",
        "LOCAL_RANK": "1",
        "MASTER_PORT": "29500",
    }
    assert told["PATH"] == os.environ["PATH"]
