import logging
import math

from segmake.learning.history import Display, History


def test_a_row_holds_the_mean_loss_since_the_last():
    history = History()
    history.recent += [1.0, 2.0, 6.0]
    history.close_row(3, seconds=90, lr=0.1)
    history.recent += [4.0]
    history.close_row(4, seconds=120, lr=0.2, val_dice=0.5)
    assert history.rows[0] == {"step": 3, "minutes": 1.5, "lr": 0.1, "loss": 3.0}
    assert history.rows[1] == {"step": 4, "minutes": 2.0, "lr": 0.2, "loss": 4.0, "val_dice": 0.5}
    assert history.recent == []


def test_closing_again_without_a_new_loss_only_adds_the_dice():
    history = History()
    history.recent += [3.0]
    history.close_row(20, seconds=60, lr=0.1)
    history.close_row(20, seconds=60, lr=0.1, val_dice=0.5)
    assert history.rows == [{"step": 20, "minutes": 1.0, "lr": 0.1, "loss": 3.0, "val_dice": 0.5}]


def test_csv_leaves_what_was_not_measured_empty():
    history = History()
    history.recent += [1.0]
    history.close_row(1, seconds=0, lr=0.003)
    history.recent += [0.25]
    history.close_row(2, seconds=30, lr=0.001, val_dice=0.75)
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
    with Display("fold 3", 0.0) as display:
        for step in range(1, 41):
            display.show(step / 40, step, seconds=step * 3.0, history=history)
    assert len(caplog.messages) == 20
    assert caplog.messages[0] == (
        "fold 3: step 2, loss 0.500, val Dice 0.750, 3.00 s a step, 1.9 minutes left"
    )


def test_a_resumed_run_does_not_repeat_lines(caplog):
    caplog.set_level(logging.INFO, "segmake")
    with Display("fold 0", 0.5) as display:
        display.show(0.51, 51, 1.0, History())
    assert caplog.messages == []
