import numpy as np
import pytest

from segmake.figures.plots import Boxes, axis_end, box_plots, spread
from segmake.figures.records import Score, Summary
from segmake.figures.style import MARKERS, colour, to_png, to_svg, width_inches


def score(case, value, metric="dice", label="core", status="ok", model="unet", unit="ratio"):
    return Score(model, "train", "0", case, label, metric, value, unit, status)


def summary(mean, low, high, label="core", model="unet"):
    return Summary(model, "train", label, "dice", "ratio", 4, 4, mean, mean, 0.1, low, high, 0, 0)


CASES = [score(str(i), value) for i, value in enumerate((0.2, 0.5, 0.6, 0.9))]


def points(panel):
    """Values of all scatter points by marker count, largest collection first."""
    found = [np.asarray(c.get_offsets())[:, 0] for c in panel.collections if len(c.get_offsets())]
    return sorted((sorted(values.tolist()) for values in found), key=len, reverse=True)


def test_every_case_is_a_point_and_the_median_is_a_line():
    (panel,) = box_plots(CASES).axes
    assert points(panel)[0] == [0.2, 0.5, 0.6, 0.9]
    upright = [line for line in panel.lines if len(set(line.get_xdata())) == 1]
    assert any(line.get_xdata()[0] == pytest.approx(0.55) for line in upright)


def test_the_mean_and_its_interval_are_those_of_the_summary():
    (panel,) = box_plots(CASES, [summary(0.55, 0.4, 0.7)]).axes
    assert [0.55] in points(panel)
    segments = [s for c in panel.collections if hasattr(c, "get_segments") for s in c.get_segments()]
    assert [s[:, 0].tolist() for s in segments] == [[0.4, 0.7]]


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
    assert [panel.get_xlabel() for panel in shown] == ["", "mm", ""]


def test_values_that_are_no_numbers_are_counted_not_drawn():
    (panel,) = box_plots([*CASES, score("x", float("nan")), score("y", float("inf"))]).axes
    assert points(panel)[0] == [0.2, 0.5, 0.6, 0.9]
    assert panel.get_xlabel() == "2 without value"


def test_models_stand_side_by_side_and_are_named():
    scores = [*CASES, *(score(str(i), 0.8, model="segres") for i in range(3))]
    figure = box_plots(scores)
    words = [text.get_text() for text in figure.legends[0].get_texts()]
    assert words[:2] == ["unet", "segres"]
    clouds = figure.axes[0].collections
    centres = [np.mean(np.asarray(cloud.get_offsets())[:, 1]) for cloud in clouds]
    assert centres[0] < 0 < centres[1]
    bottom, top = figure.axes[0].get_ylim()
    assert bottom > top  # the first label and model are at the top
    shapes = [len(cloud.get_paths()[0].vertices) for cloud in clouds]
    assert shapes[0] != shapes[1]  # a circle and a square
    assert MARKERS[0] != MARKERS[1]


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


def distances(*values, missed=()):
    found = [score(f"c{i}", value, "hd95", unit="mm") for i, value in enumerate(values)]
    return [*found, *(score(f"m{i}", v, "hd95", status="missed", unit="mm") for i, v in enumerate(missed))]


def test_a_missed_label_far_off_does_not_squeeze_the_distances():
    (panel,) = box_plots(distances(1.0, 2.0, 10.0, missed=(240.0,))).axes
    assert panel.get_xlim()[1] == pytest.approx(11.0 * 1.02)
    assert points(panel) == [[1.0, 2.0, 10.0], [11.0]]
    assert panel.get_xlabel() == "mm, 1 at the edge lie beyond (up to 240)"


def test_the_axis_ends_behind_every_interval_and_only_where_it_helps():
    near = distances(5.0, 10.0, missed=(12.0,))
    assert axis_end(near, []) == np.inf
    far = distances(5.0, 10.0, missed=(240.0,))
    wide = Summary("unet", "train", "core", "hd95", "mm", 3, 3, 85.0, 10.0, 1.0, 5.0, 100.0, 1, 0)
    assert axis_end(far, [wide]) == pytest.approx(110.0)
    assert axis_end(distances(missed=(240.0,)), []) == np.inf
    assert axis_end(distances(1.0, 2.0), []) == np.inf


def test_violins_are_drawn_of_ten_cases_and_boxes_of_fewer():
    many = [score(str(i), value) for i, value in enumerate(np.linspace(0.3, 0.9, 10))]
    (panel,) = box_plots(many, violin=True).axes
    (body,) = [c for c in panel.collections if type(c).__name__ == "FillBetweenPolyCollection"]
    assert body.get_facecolor()[0][:3] == pytest.approx(plain(colour(0)))
    assert not panel.lines
    (panel,) = box_plots(many[:9], violin=True).axes
    assert panel.lines


def plain(text):
    return [int(text[i : i + 2], 16) / 255 for i in (1, 3, 5)]


@pytest.mark.parametrize("column", ["single", "double"])
def test_a_figure_is_as_wide_as_its_column_and_no_name_is_cut(column):
    scores = [score(str(i), i / 9, label="inferior vena cava") for i in range(9)]
    figure = box_plots(
        [*scores, *(score("x", 3.0, m, unit="mm") for m in ("hd95", "assd", "hd"))],
        width=width_inches(column),
    )
    figure.draw_without_rendering()
    assert figure.get_figwidth() == pytest.approx(width_inches(column))
    box = figure.axes[0].get_tightbbox()
    assert box.x0 >= 0
    assert box.x1 <= figure.bbox.x1


def test_rows_get_lower_when_there_are_many_but_stay_readable():
    few, many = Boxes(["a"] * 3, ["unet"]), Boxes(["a"] * 100, ["unet", "segres"])
    assert few.inches == pytest.approx(3 * 0.42)
    assert many.inches == pytest.approx(200 * 0.11)
    assert [many.place(1, model) for model in (0, 1)] == pytest.approx([0.79, 1.21])


def test_the_points_of_very_many_cases_are_pixels_so_that_files_stay_small():
    some = [score(str(i), (i * 37 % 100) / 100) for i in range(1500)]
    many = [score(str(i), (i * 37 % 1000) / 1000) for i in range(3000)]
    small, large = to_svg(box_plots(many)), to_svg(box_plots(some))
    assert b"<image" in small
    assert b"<image" not in large
    assert len(small) < len(large)
    assert small == to_svg(box_plots(many))


def test_in_a_crowd_points_are_small_and_pale_and_the_box_stands_before_them():
    few, many = ([score(str(i), i / n) for i in range(n)] for n in (20, 400))
    sizes, heights = [], []
    for scores in (few, many):
        (panel,) = box_plots(scores).axes
        sizes.append((panel.collections[0].get_sizes()[0], panel.collections[0].get_alpha()))
        heights.append(min(line.get_zorder() for line in panel.lines) > panel.collections[0].get_zorder())
    assert sizes == [(11.0, 0.65), (pytest.approx(1.65), 0.3)]
    assert heights == [False, True]
