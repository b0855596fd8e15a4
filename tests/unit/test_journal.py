import pytest
import torch
from torch import nn

from segmake.learning import journal
from segmake.learning.journal import Journal
from segmake.learning.run import Run


class Notes:
    def __init__(self):
        self.told = []
        self.closed = False

    def add(self, step, scalars):
        self.told.append((step, scalars))

    def close(self):
        self.closed = True


@pytest.fixture
def run():
    network = nn.Linear(1, 1)
    return Run(network, network, torch.optim.SGD(network.parameters()))


def go(run, steps, loss):
    for _ in range(steps):
        run.step += 1
        run.seconds += 1.5
        run.history.recent.append(loss)
    run.history.close_row(run.step, run.seconds, 0.5)


def test_every_new_row_is_told_once_and_the_last_again(run, tmp_path):
    notes = Notes()
    with Journal(csv=tmp_path / "history.csv", others=[notes]) as told:
        told.start(run, 0.0, batch=2)
        go(run, 20, 4.0)
        told.show(run, 0.5)
        told.show(run, 0.5)
        go(run, 20, 2.0)
        told.show(run, 1.0)
        run.history.close_row(40, 60.0, 0.5, measured=0.75)
        told.finish(run)
    row = {"minutes": 1.0, "lr": 0.5, "loss": 2.0}
    assert notes.told == [
        (20, {"minutes": 0.5, "lr": 0.5, "loss": 4.0}),
        (40, row),
        (40, row | {"val_dice": 0.75}),
    ]
    assert notes.closed
    assert (tmp_path / "history.csv").read_text() == run.history.to_csv()


def test_the_history_is_a_file_while_it_grows_but_not_at_every_row(run, tmp_path, monkeypatch):
    clock = [100.0]
    monkeypatch.setattr(journal.time, "perf_counter", lambda: clock[0])
    with Journal(csv=tmp_path / "history.csv") as told:
        told.start(run, 0.0, 2)
        found = []
        for second in (0.0, 1.0, 7.0):
            clock[0] = 100 + second
            go(run, 20, 1.0)
            told.show(run, 0.1)
            found.append(len((tmp_path / "history.csv").read_text().splitlines()) - 1)
    assert found == [1, 1, 3]


def test_rows_of_before_are_not_told_again_and_a_new_event_file_begins(run, tmp_path):
    notes = Notes()
    go(run, 20, 4.0)
    with Journal(events=tmp_path / "events", others=[notes]) as told:
        told.start(run, 0.5, 2)
        go(run, 20, 3.0)
        told.show(run, 0.9)
        run.history.rows.pop()
        run.step = 20
        told.start(run, 0.5, 2)  # back after a divergence
        go(run, 20, 2.0)
        told.show(run, 0.9)
    assert [(step, row["loss"]) for step, row in notes.told] == [(40, 3.0), (40, 2.0)]
    assert len(list((tmp_path / "events").iterdir())) == 2


def test_without_places_it_writes_nothing(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with Journal() as told:
        told.start(run, 0.0, 2)
        go(run, 20, 4.0)
        told.show(run, 0.5)
        told.finish(run)
    assert list(tmp_path.iterdir()) == []
