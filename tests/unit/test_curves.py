import math

import numpy as np
import pytest

from segmake.figures.curves import dice_agreement, smooth, training_curves, volume_agreement
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


def test_runs_differ_in_dash_and_marker_too():
    loss, dice, _ = training_curves({"fold 0": RUN, "fold 1": RUN}).axes
    strong = [line for line in loss.lines if line.get_label() in ("fold 0", "fold 1")]
    assert [line.get_linestyle() for line in strong] == ["-", "--"]
    assert [line.get_marker() for line in dice.lines] == ["o", "s"]


def test_bias_and_limits_are_written_below():
    truth, found = np.array([1.0, 2.0, 3.0]), np.array([2.0, 3.0, 7.0])
    panel = volume_agreement({"core": (truth, found)}).axes[0]
    assert panel.get_xlabel() == "mean of both volumes (ml)\nbias 2, limits \N{MINUS SIGN}1.39 to 5.39"


@pytest.mark.parametrize(("width", "columns"), [(7.1, 3), (3.5, 1)])
def test_panels_stand_side_by_side_where_there_is_room(width, columns):
    one = (np.array([1.0, 2.0]), np.array([2.0, 2.5]))
    figure = volume_agreement(dict.fromkeys(("a", "b", "c"), one), width)
    assert figure.axes[0].get_gridspec().ncols == columns
    assert [bool(panel.get_ylabel()) for panel in figure.axes] == [i % columns == 0 for i in range(3)]


def test_expected_dice_stands_against_the_real_one_by_label_and_split():
    train, test = (np.array([0.8, 0.6]), np.array([0.7, 0.6])), (np.array([0.9]), np.array([0.5]))
    figure = dice_agreement({"core": {"test": test, "train": train}})
    (panel,) = [axes for axes in figure.axes if axes.get_visible()]
    line, first, second = panel.lines
    assert line.get_xydata().tolist() == [[0, 0], [1, 1]]
    assert first.get_xydata().tolist() == [[0.9, 0.5]]
    assert second.get_xydata().tolist() == [[0.8, 0.7], [0.6, 0.6]]
    assert first.get_marker() != second.get_marker()
    assert panel.get_xlabel() == f"expected Dice\nmean absolute error {(0.1 + 0.0 + 0.4) / 3:.3f}"
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["test", "train"]
