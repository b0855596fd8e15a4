import math

import numpy as np
import pytest

from segmake.figures.curves import smooth, training_curves, volume_agreement
from segmake.figures.style import to_svg

RUN = [
    {"step": 0.0, "lr": 0.001, "loss": 2.0, "val_dice": math.nan},
    {"step": 10.0, "lr": 0.002, "loss": 1.0, "val_dice": 0.6},
    {"step": 20.0, "lr": 0.0, "loss": 0.0, "val_dice": 0.8},
]


def titles(figure):
    return [panel.get_title(loc="left") for panel in figure.axes]


def test_smoothing_is_a_centred_mean_that_shrinks_at_the_ends():
    assert smooth(np.array([0.0, 3.0, 6.0, 12.0]), 1).tolist() == [1.5, 3.0, 7.0, 9.0]
    assert smooth(np.array([1.0, 5.0]), 0).tolist() == [1.0, 5.0]
    assert smooth(np.array([]), 3).size == 0


def test_curves_hold_the_recorded_values():
    figure = training_curves({"fold 0": RUN})
    loss, dice, lr = figure.axes
    assert loss.lines[0].get_ydata().tolist() == [2.0, 1.0, 0.0]
    assert dice.lines[0].get_xydata().tolist() == [[10.0, 0.6], [20.0, 0.8]]
    assert lr.lines[0].get_ydata().tolist() == [1.0, 2.0, 0.0]


def test_without_validation_there_is_no_panel_for_it():
    plain = [{"step": row["step"], "lr": row["lr"], "loss": row["loss"]} for row in RUN]
    assert "Validation Dice" in titles(training_curves({"fold 0": RUN}))
    assert "Validation Dice" not in titles(training_curves({"fold 0": plain}))


def test_several_folds_have_a_legend_and_one_has_none():
    figure = training_curves({"fold 0": RUN, "fold 1": RUN})
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["fold 0", "fold 1"]
    assert not training_curves({"fold 0": RUN}).legends


def test_an_empty_history_can_be_drawn():
    assert to_svg(training_curves({"fold 0": []}))


def test_agreement_shows_the_mean_difference_and_its_limits():
    truth, found = np.array([1.0, 2.0, 3.0]), np.array([2.0, 3.0, 7.0])
    (panel,) = [axes for axes in volume_agreement({"core": (truth, found)}).axes if axes.get_visible()]
    points = np.asarray(panel.collections[0].get_offsets())
    assert points.tolist() == [[1.5, 1.0], [2.5, 1.0], [5.0, 4.0]]
    lines = [line.get_ydata()[0] for line in panel.lines]
    half = 1.96 * math.sqrt(3.0)
    assert lines == pytest.approx([0.0, 2.0, 2.0 - half, 2.0 + half])


def test_agreement_of_one_case_has_no_limits_to_trip_over():
    one = (np.array([1.0]), np.array([2.0]))
    assert to_svg(volume_agreement({"core": one})) == to_svg(volume_agreement({"core": one}))
