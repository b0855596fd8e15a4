import numpy as np
import pytest

from segmake.figures.plots import box_plots, spread
from segmake.figures.records import Score, Summary
from segmake.figures.style import to_png, to_svg


def score(case, value, metric="dice", label="core", status="ok", model="unet", unit="ratio"):
    return Score(model, "train", "0", case, label, metric, value, unit, status)


def summary(mean, low, high, label="core", model="unet"):
    return Summary(model, "train", label, "dice", "ratio", 4, 4, mean, mean, 0.1, low, high, 0, 0)


CASES = [score(str(i), value) for i, value in enumerate((0.2, 0.5, 0.6, 0.9))]


def points(panel):
    """Values of all scatter points by marker count, largest collection first."""
    found = [np.asarray(c.get_offsets())[:, 1] for c in panel.collections if len(c.get_offsets())]
    return sorted((sorted(values.tolist()) for values in found), key=len, reverse=True)


def test_every_case_is_a_point_and_the_median_is_a_line():
    (panel,) = box_plots(CASES).axes
    assert points(panel)[0] == [0.2, 0.5, 0.6, 0.9]
    medians = [line for line in panel.lines if len(set(line.get_ydata())) == 1]
    assert any(line.get_ydata()[0] == pytest.approx(0.55) for line in medians)


def test_the_mean_and_its_interval_are_those_of_the_summary():
    (panel,) = box_plots(CASES, [summary(0.55, 0.4, 0.7)]).axes
    assert [0.55] in points(panel)
    segments = [s for c in panel.collections if hasattr(c, "get_segments") for s in c.get_segments()]
    assert [s[:, 1].tolist() for s in segments] == [[0.4, 0.7]]


def test_missed_and_false_alarms_have_marks_of_their_own():
    scores = [*CASES, score("m", 0.0, status="missed"), score("f", 0.0, status="false_alarm")]
    figure = box_plots(scores)
    assert points(figure.axes[0]) == [[0.2, 0.5, 0.6, 0.9], [0.0], [0.0]]
    words = [text.get_text() for text in figure.legends[0].get_texts()]
    assert words == ["one case", "missed", "false alarm"]


def test_a_panel_per_metric_with_its_unit_and_direction():
    figure = box_plots(
        [score("a", 0.5), score("a", 4.0, "hd95", unit="mm"), score("a", 0.1, "volume_error_ml")]
    )
    shown = [panel for panel in figure.axes if panel.get_visible()]
    assert [panel.get_title(loc="left") for panel in shown] == ["Dice ↑", "HD95 ↓", "Volume error → 0"]
    assert [panel.get_ylabel() for panel in shown] == ["", "mm", ""]


def test_values_that_are_no_numbers_are_counted_not_drawn():
    (panel,) = box_plots([*CASES, score("x", float("nan")), score("y", float("inf"))]).axes
    assert points(panel)[0] == [0.2, 0.5, 0.6, 0.9]
    assert "2 without value" in [text.get_text() for text in panel.texts]


def test_models_stand_side_by_side_and_are_named():
    scores = [*CASES, *(score(str(i), 0.8, model="segres") for i in range(3))]
    figure = box_plots(scores)
    words = [text.get_text() for text in figure.legends[0].get_texts()]
    assert words[:2] == ["unet", "segres"]
    centres = [np.mean(np.asarray(c.get_offsets())[:, 0]) for c in figure.axes[0].collections]
    assert centres[0] < 0 < centres[1]


def test_a_single_case_and_a_metric_without_any_value_can_be_drawn():
    figure = box_plots([score("a", 0.5), score("a", float("nan"), "hd95", unit="mm")])
    assert to_svg(figure)


def test_redrawing_gives_the_same_bytes():
    def redraw():
        return box_plots([*CASES, score("m", 0.0, status="missed")], [summary(0.5, 0.4, 0.6)])

    assert to_svg(redraw()) == to_svg(redraw())
    assert to_png(redraw(), 60) == to_png(redraw(), 60)


def test_spread_keeps_equal_values_apart_and_single_ones_in_the_middle():
    offsets = spread(np.array([0.5, 0.5, 0.5, 0.9]), 0.01, 0.2)
    assert offsets[3] == 0
    assert sorted(offsets[:3]) == pytest.approx([-0.08, 0, 0.08])


def test_spread_stays_within_its_width():
    offsets = spread(np.full(101, 0.5), 0.01, 0.2)
    assert np.abs(offsets).max() == pytest.approx(0.2)
    assert len(np.unique(offsets.round(9))) == 101
