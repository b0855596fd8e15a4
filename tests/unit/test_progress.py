import io
import logging
import sys

import pytest

from segmake.progress import tell, tell_case, track


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def stderr_is(monkeypatch, stream):
    """Put a stream in the place of standard error (in the test: pytest's own comes after fixtures)."""
    monkeypatch.setattr(sys, "stderr", stream)
    return stream


def test_steps_pass_through_without_a_terminal(monkeypatch):
    pipe = stderr_is(monkeypatch, io.StringIO())
    assert list(track(iter("abc"), 3, "convert")) == ["a", "b", "c"]
    assert pipe.getvalue() == ""


def test_a_terminal_gets_a_bar_that_reaches_the_end(monkeypatch):
    terminal = stderr_is(monkeypatch, Terminal())
    assert list(track(iter("abc"), 3, "convert")) == ["a", "b", "c"]
    shown = terminal.getvalue()
    assert "convert" in shown
    assert "3/3" in shown


@pytest.mark.parametrize("stream", [io.StringIO, Terminal])
def test_steps_are_taken_one_by_one(stream, monkeypatch):
    stderr_is(monkeypatch, stream())
    taken = []
    steps = track((taken.append(n) or n for n in range(3)), 3, "x")
    assert taken == []
    assert next(steps) == 0
    assert taken == [0]
    steps.close()


def test_an_error_in_a_step_comes_through(monkeypatch):
    stderr_is(monkeypatch, Terminal())

    def steps():
        yield 1
        raise KeyError("inside")

    with pytest.raises(KeyError, match="inside"):
        list(track(steps(), 2, "x"))


def test_lines_are_information_in_a_log(monkeypatch, caplog):
    stderr_is(monkeypatch, io.StringIO())
    caplog.set_level(logging.DEBUG, "segmake")
    tell("%s %d", "case", 3)
    assert [(r.levelno, r.getMessage()) for r in caplog.records] == [(logging.INFO, "case 3")]


def test_lines_are_details_under_a_bar(monkeypatch, caplog):
    stderr_is(monkeypatch, Terminal())
    caplog.set_level(logging.DEBUG, "segmake")
    tell("%s %d", "case", 3)
    assert [(r.levelno, r.getMessage()) for r in caplog.records] == [(logging.DEBUG, "case 3")]


@pytest.mark.parametrize(
    ("changes", "line", "level"),
    [
        ({}, "convert 1/2 a 0.5 s", "INFO"),
        ({"skipped": "yes"}, "convert 1/2 a already done", "INFO"),
        ({"status": "failed", "reason": "it broke"}, "convert 1/2 a failed: it broke", "ERROR"),
        ({"status": "excluded", "reason": "no label"}, "convert 1/2 a is left out: no label", "WARNING"),
    ],
)
def test_a_case_is_told_by_its_row(monkeypatch, caplog, changes, line, level):
    stderr_is(monkeypatch, io.StringIO())
    caplog.set_level("DEBUG", "segmake")
    row = {"case": "a", "status": "ok", "reason": "", "seconds": "0.5"} | changes
    tell_case(row, "convert 1/2 a")
    assert [(record.getMessage(), record.levelname) for record in caplog.records] == [(line, level)]
    assert "skipped" not in row
