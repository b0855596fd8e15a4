import numpy as np
import pytest
from matplotlib.collections import PathCollection

from segmake.figures.forest import MOST_LINES, Line, Panel, difference_forest, forest, subgroup_forest
from segmake.figures.style import to_svg, width_inches


def subgroup(level, mean, label="core", name="site", **changes):
    row = {"subgroup": name, "level": level, "label": label, "metric": "dice", "unit": "ratio"}
    numbers = {"patients": "12", "mean": str(mean), "ci_low": str(mean - 0.1), "ci_high": str(mean + 0.1)}
    return row | numbers | {"warning": ""} | changes


def pair(label, difference, metric="dice", **changes):
    row = {"model": "unet", "other": "segres", "label": label, "metric": metric, "unit": "ratio"}
    ends = {"ci_low": str(difference - 0.02), "ci_high": str(difference + 0.02), "p_holm": "0.04"}
    told = {"seed_noise": "", "verdict": "unet is better"}
    return row | {"difference": str(difference)} | ends | told | changes


def marks(axis):
    """Place and face of each mark."""
    found = [c for c in axis.collections if isinstance(c, PathCollection)]
    return [
        (*np.asarray(c.get_offsets())[0].tolist(), bool(np.all(c.get_facecolor()[0] == 1))) for c in found
    ]


def intervals(axis):
    return [s.tolist() for c in axis.collections if hasattr(c, "get_segments") for s in c.get_segments()]


def names(axis):
    return [text.get_text() for text in axis.get_yticklabels()]


def notes(axis):
    (right,) = axis.child_axes
    return [text.get_text() for text in right.get_yticklabels()]


def test_every_subgroup_is_a_heading_and_its_levels_lie_below_it():
    rows = [subgroup("Basel", 0.7), subgroup("Leiden", 0.8), subgroup("small", 0.6, name="size")]
    (axis,) = subgroup_forest(rows, {"core": 0.75}).axes
    assert names(axis) == ["site", "Basel", "Leiden", "size", "small"]
    assert [text.get_weight() for text in axis.get_yticklabels()] == [
        "bold",
        "normal",
        "normal",
        "bold",
        "normal",
    ]
    assert marks(axis) == [(0.7, 1.0, False), (0.8, 2.0, False), (0.6, 4.0, False)]
    assert intervals(axis)[0] == [[pytest.approx(0.6), 1.0], [pytest.approx(0.8), 1.0]]
    assert notes(axis) == ["n=12"] * 3
    assert axis.get_ylim()[0] > axis.get_ylim()[1]


def test_a_subgroup_with_a_warning_is_hollow_and_all_cases_are_a_line():
    (axis,) = subgroup_forest([subgroup("Basel", 0.7, warning="too few patients")], {"core": 0.75}).axes
    assert marks(axis) == [(0.7, 1.0, True)]
    assert [line.get_xdata()[0] for line in axis.lines] == [0.75]


def test_labels_are_panels_that_share_their_rows():
    rows = [subgroup("a", 0.7), subgroup("b", 0.8), subgroup("b", 0.5, "edge")]
    first, second = subgroup_forest(rows, {}).axes
    assert [axis.get_title(loc="left") for axis in (first, second)] == ["core", "edge"]
    assert marks(second) == [(0.5, 2.0, False)]
    assert names(first) == ["site", "a", "b"]
    assert not second.yaxis.get_tick_params()["labelleft"]


def test_a_mean_without_an_interval_is_a_mark_alone():
    (axis,) = subgroup_forest([subgroup("Basel", 0.7, ci_low="", ci_high="")], {}).axes
    assert marks(axis) == [(0.7, 1.0, False)]
    assert intervals(axis) == []


def test_differences_stand_under_their_pair_with_adjusted_p():
    rows = [pair("core", 0.05), pair("mean", -0.01, p_holm="0.0002", verdict="no difference shown")]
    (axis,) = difference_forest(rows).axes
    assert names(axis) == ["unet \N{MINUS SIGN} segres", "core", "mean of labels"]
    assert marks(axis) == [(0.05, 1.0, False), (-0.01, 2.0, True)]
    assert notes(axis) == ["p=0.040", "p<0.001"]
    assert axis.get_title(loc="left") == "Dice ↑"
    assert [line.get_xdata()[0] for line in axis.lines] == [0]


def test_metrics_are_panels_and_say_which_way_is_better():
    rows = [pair("core", 0.05), pair("core", -2.0, "hd95", unit="mm")]
    titles = [axis.get_title(loc="left") for axis in difference_forest(rows).axes]
    assert titles == ["Dice ↑, core", "HD95 (mm) ↓, core"]


def test_seed_noise_is_a_bar_either_side_of_zero():
    figure = difference_forest([pair("core", 0.05, seed_noise="0.03")])
    (bar,) = figure.axes[0].patches
    assert (bar.get_x(), bar.get_width()) == pytest.approx((-0.03, 0.06))
    assert "noise between seeds" in [text.get_text() for text in figure.legends[0].get_texts()]
    plain = difference_forest([pair("core", 0.05)])
    assert "noise between seeds" not in [text.get_text() for text in plain.legends[0].get_texts()]


def test_of_too_many_lines_the_means_of_labels_are_drawn():
    labels = [*(f"label {i}" for i in range(MOST_LINES)), "mean"]
    rows = [pair(label, 0.01) for label in labels]
    rows += [pair(label, 0.01, "nsd") for label in labels[:-1]]
    (axis,) = difference_forest(rows).axes
    assert names(axis) == ["unet \N{MINUS SIGN} segres"]
    assert axis.get_title(loc="left") == "Dice ↑, mean of labels"
    assert marks(axis) == [(0.01, 0.0, False)]


def test_panels_wrap_in_a_single_column_and_stay_inside():
    panels = [Panel(name, "Dice", {"a": Line(0.5, 0.4, 0.6, "n=3")}) for name in ("x", "y", "z")]
    rows = {"#g": "group", "a": "a level of a long name"}
    wide = forest(rows, panels, width_inches("double"), [])
    tall = forest(rows, panels, width_inches("single"), [])
    assert tall.get_figheight() > 1.9 * wide.get_figheight()
    tall.draw_without_rendering()
    boxes = [axis.get_tightbbox() for axis in tall.axes]
    assert min(box.x0 for box in boxes) >= 0
    assert max(box.x1 for box in boxes) <= tall.bbox.x1


def test_redrawing_gives_the_same_bytes():
    rows = [subgroup("Basel", 0.7), subgroup("Leiden", 0.8)]
    assert to_svg(subgroup_forest(rows, {})) == to_svg(subgroup_forest(rows, {}))
