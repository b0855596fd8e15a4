import math

import numpy as np
import pytest

from segmake.figures.detection import froc_curves, read_detector
from segmake.figures.style import to_svg

AT = (0.125, 0.25, 0.5, 1, 2, 4, 8)
SCORES = [
    *(
        {"measure": "sensitivity", "fp_per_scan": str(at), "value": str(0.5 + 0.05 * i)}
        | {"ci_low": str(0.4 + 0.05 * i), "ci_high": str(0.65 + 0.05 * i)}
        for i, at in enumerate(AT)
    ),
    {"measure": "cpm", "fp_per_scan": "", "value": "0.65", "ci_low": "0.6", "ci_high": "0.7"},
    {"measure": "scans", "value": "12", "fp_per_scan": "", "ci_low": "", "ci_high": ""},
]
CURVE = [
    {"threshold": "0.9", "fp_per_scan": "0.1", "sensitivity": "0.4"},
    {"threshold": "0.2", "fp_per_scan": "5", "sensitivity": "0.9"},
]


def test_points_and_cpm_are_those_of_the_table():
    found = read_detector(SCORES, CURVE)
    assert found.points[:, 0].tolist() == list(AT)
    assert found.points[0].tolist() == [0.125, 0.5, 0.4, 0.65]
    assert found.cpm == 0.65
    assert found.curve.tolist() == [[0.1, 0.4], [5.0, 0.9]]


def test_without_rows_there_is_an_empty_detector():
    found = read_detector([], [])
    assert found.points.shape == (0, 4)
    assert found.curve.shape == (0, 2)
    assert math.isnan(found.cpm)


def test_the_curve_is_a_step_and_the_points_have_intervals():
    figure = froc_curves({"unet": read_detector(SCORES, CURVE)})
    (panel,) = figure.axes
    step = panel.lines[0]
    assert step.get_drawstyle() == "steps-post"
    assert step.get_xydata().tolist() == [[0.1, 0.4], [5.0, 0.9]]
    bars = [s for c in panel.collections for s in c.get_segments()]
    assert bars[0][:, 1].tolist() == pytest.approx([0.4, 0.65])
    assert [text.get_text() for text in panel.get_xticklabels()] == ["1/8", "1/4", "1/2", "1", "2", "4", "8"]
    assert [text.get_text() for text in panel.get_legend().get_texts()] == ["unet: CPM 0.650"]


def test_detectors_without_a_curve_are_named_once_and_stand_side_by_side():
    figure = froc_curves({name: read_detector(SCORES, []) for name in ("a", "b")})
    (panel,) = figure.axes
    assert [text.get_text() for text in panel.get_legend().get_texts()] == ["a: CPM 0.650", "b: CPM 0.650"]
    first, second = (bars for bars in panel.containers)
    assert np.all(first.lines[0].get_xdata() < second.lines[0].get_xdata())
    assert first.lines[0].get_marker() != second.lines[0].get_marker()


def test_redrawing_gives_the_same_bytes():
    detectors = {"a": read_detector(SCORES, CURVE)}
    assert to_svg(froc_curves(detectors)) == to_svg(froc_curves(detectors))
