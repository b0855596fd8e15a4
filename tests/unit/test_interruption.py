import os
import signal
import threading

import pytest

from segmake.cli import main
from segmake.errors import SegmakeError
from segmake.learning.interruption import Stopped, StopRequest


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGUSR1"])
def test_a_signal_is_remembered_instead_of_killing(name):
    with StopRequest() as stop:
        assert stop.name == ""
        os.kill(os.getpid(), getattr(signal, name))
        assert stop.name == name


def test_handlers_come_back():
    before = signal.getsignal(signal.SIGTERM)
    with StopRequest():
        assert signal.getsignal(signal.SIGTERM) != before
    assert signal.getsignal(signal.SIGTERM) == before


def test_handlers_come_back_after_an_error():
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(ValueError, match="inside"), StopRequest():
        raise ValueError("inside")
    assert signal.getsignal(signal.SIGINT) == before


def test_outside_the_main_thread_it_does_nothing():
    names = []

    def work():
        with StopRequest() as stop:
            names.append(stop.name)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert names == [""]


def test_being_stopped_is_explained_to_the_user():
    assert issubclass(Stopped, SegmakeError)


def test_the_command_line_then_says_try_again(monkeypatch, capsys):
    def stop(job):
        raise Stopped("training was stopped by SIGUSR1 after step 3; run it again to go on")

    monkeypatch.setattr("segmake.stages.train.run", stop)
    assert main(["train", "--tables", "a.tsv", "--plan", "plan.json", "--output", "model.pt"]) == 75
    assert "segmake: training was stopped by SIGUSR1 after step 3" in capsys.readouterr().err
