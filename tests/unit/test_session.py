import logging
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from disc_cases import fit_task

from segmake.classification import FitSettings
from segmake.errors import ConfigError
from segmake.learning import session
from segmake.learning.checkpoint import write
from segmake.learning.distributed import ALONE
from segmake.learning.loop import train


@dataclass(frozen=True)
class Job:
    output: Path
    device: str = "cpu"
    gpus: int = 0
    threads: int = 1


@pytest.fixture(autouse=True)
def global_switches_come_back():
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    yield
    torch.set_num_threads(before[0])
    torch.use_deterministic_algorithms(before[1])


def test_a_training_runs_with_its_threads_deterministically(tmp_path, caplog):
    caplog.set_level(logging.INFO, "segmake")
    seen = []

    def work(ranks):
        seen.append((ranks, torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()))
        return {"training_cases": 3}

    assert session.conduct(Job(tmp_path / "model.pt"), ["fit"], work) == {"training_cases": 3}
    assert seen == [(ALONE, 1, True)]
    assert "training on the CPU" in caplog.text


@pytest.mark.skipif(torch.cuda.is_available(), reason="there are GPUs")
def test_gpus_that_are_not_there_are_missed_before_anything_runs(tmp_path):
    job = Job(tmp_path / "model.pt", device="auto", gpus=2)
    with pytest.raises(ConfigError, match="was given gpu: 2, but 0 GPUs are usable here"):
        session.conduct(job, ["fit"], lambda _: pytest.fail("it ran"))


def test_what_decides_the_weights_is_told_by_section_and_name(tmp_path):
    settings = FitSettings(lr=0.5, device="cpu", cache_gb=1, checkpoint_minutes=3)
    facts = session.deciding("fit", settings)
    assert facts["fit.lr"] == 0.5
    assert not {f"fit.{name}" for name in session.IRRELEVANT} & facts.keys()
    assert session.deciding("fit", FitSettings(lr=0.5)) == facts
    assert "fit.lr" not in session.deciding("fit", settings, leave_out=["lr"])


def test_a_start_is_known_by_what_is_in_its_file(tmp_path):
    for name in ("a.pt", "b.pt"):
        write({"weight": torch.ones(2)}, tmp_path / name)
    write({"weight": torch.zeros(2)}, tmp_path / "c.pt")
    a, b, c = (
        session.deciding("fit", FitSettings(init_from=tmp_path / f"{name}.pt"))["fit.init_from"]
        for name in "abc"
    )
    assert a == b != c


def test_a_repeated_course_is_told_by_its_rates_and_whether_it_was_compiled():
    one = session.course([0.1, 0.2], False)
    assert one == session.course([0.1, 0.2], False)
    assert len({course["replayed"] for course in (one, session.course([0.1], False))}) == 2
    assert one != session.course([0.1, 0.2], True)


def test_the_journal_lies_beside_the_model(tmp_path):
    output = tmp_path / "fold-2" / "model.pt"
    journal = session.open_journal(output, 2, FitSettings())
    assert journal.csv == output.parent / "history.csv"
    assert journal.events == session.state_folder(output) / "tensorboard"
    assert journal.display.title == "fold 2"


def test_the_manifest_vouches_for_the_weights(tmp_path):
    task = fit_task(steps=1)
    run = train(task, tmp_path / "state.pt")
    facts = session.facts(task, run, 8)
    assert tuple(facts) == session.FACTS
    assert facts["training_cases"] == 8
    assert facts["reproducibility"]["level"] == "deterministic"
    assert facts["reproducibility"]["weights"] == run.hashes
    clocked = fit_task(minutes=0.001)
    run = train(clocked, tmp_path / "clocked.pt")
    assert session.facts(clocked, run, 8)["reproducibility"]["level"] == "recorded"
    replayed = fit_task(minutes=0.001, replay={"rates": run.rates, "compiled": False})
    run = train(replayed, tmp_path / "replayed.pt")
    assert session.facts(replayed, run, 8)["reproducibility"]["level"] == "deterministic"
