import logging
import math

from segmake.learning.history import Display, History


def test_a_row_holds_the_mean_loss_since_the_last():
    history = History()
    history.recent += [1.0, 2.0, 6.0]
    history.close_row(3, seconds=90, lr=0.1)
    history.recent += [4.0]
    history.close_row(4, seconds=120, lr=0.2, measured=0.5)
    assert history.rows[0] == {"step": 3, "minutes": 1.5, "lr": 0.1, "loss": 3.0}
    assert history.rows[1] == {"step": 4, "minutes": 2.0, "lr": 0.2, "loss": 4.0, "val_dice": 0.5}
    assert history.recent == []


def test_closing_again_without_a_new_loss_only_adds_the_dice():
    history = History()
    history.recent += [3.0]
    history.close_row(20, seconds=60, lr=0.1)
    history.close_row(20, seconds=60, lr=0.1, measured=0.5)
    assert history.rows == [{"step": 20, "minutes": 1.0, "lr": 0.1, "loss": 3.0, "val_dice": 0.5}]


def test_csv_leaves_what_was_not_measured_empty():
    history = History()
    history.recent += [1.0]
    history.close_row(1, seconds=0, lr=0.003)
    history.recent += [0.25]
    history.close_row(2, seconds=30, lr=0.001, measured=0.75)
    assert history.to_csv() == "step,minutes,lr,loss,val_dice\n1,0,0.003,1,\n2,0.5,0.001,0.25,0.75\n"


def test_last_looks_back_to_the_latest_measurement():
    history = History(rows=[{"step": 1, "val_dice": 0.25}, {"step": 2, "loss": 0.5}])
    assert history.last("val_dice") == 0.25
    assert history.last("step") == 2
    assert math.isnan(history.last("lr"))


def test_summary_says_nothing_about_the_clock():
    history = History(rows=[{"step": 2, "minutes": 9.0, "lr": 0.1, "loss": 0.5}])
    assert history.summary() == {"step": 2, "loss": 0.5}


def test_without_a_terminal_there_is_a_line_per_twentieth(caplog):
    caplog.set_level(logging.INFO, "segmake")
    history = History(rows=[{"loss": 0.5, "val_dice": 0.75}])
    display = Display("fold 3")
    display.start(0.0)
    for step in range(1, 41):
        display.show(step / 40, step, seconds=step * 4.0, batch=2, history=history)
    assert len(caplog.messages) == 20
    assert caplog.messages[0] == (
        "fold 3: step 2, loss 0.500, val Dice 0.750, 0.5 patches/s, 2.5 minutes left"
    )


def test_the_pace_is_that_of_the_last_steps(caplog):
    caplog.set_level(logging.INFO, "segmake")
    display = Display("fold 0")
    display.start(0.0)
    for step in range(1, 41):  # slow until step 20, then four steps a second
        display.show(step / 40, step, 10.0 * step if step <= 20 else 200 + (step - 20) / 4, 2, History())
    assert caplog.messages[-1] == "fold 0: step 40, 8 patches/s, 0.0 minutes left"


def test_a_resumed_run_does_not_repeat_lines(caplog):
    caplog.set_level(logging.INFO, "segmake")
    display = Display("fold 0")
    display.start(0.5)
    display.show(0.51, 51, 1.0, 2, History())
    assert caplog.messages == []


def test_on_a_terminal_a_bar_shows_the_same(monkeypatch, capsys):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    display = Display("fold 0")
    display.start(0.25)
    display.show(0.5, 10, 5.0, 4, History(rows=[{"loss": 0.5, "val_dice": 0.75}]))
    display.bar.refresh()
    display.close()
    last = capsys.readouterr().err.split("\r")[-1]
    assert "fold 0:  50%" in last
    assert "step 10, loss 0.500, val Dice 0.750, 8 patches/s" in last
