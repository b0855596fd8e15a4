import math

import pytest

from segmake.figures.learning_curve import Point, curve_points, learning_curves
from segmake.figures.records import Summary
from segmake.figures.style import to_svg


def summary(model, mean, split="train", label="mean", metric="dice"):
    figures = {"median": mean, "sd": 0.1, "low": mean - 0.1, "high": mean + 0.05}
    return Summary(model, split, label, metric, "ratio", 9, 9, mean, **figures, missed=0, false_alarms=0)


def training(model, cases, fold=0):
    output = f"train/{model}/fold-{fold}/model.pt"
    return {"stage": "train", "settings": {"output": output}, "training_cases": cases}


MANIFESTS = [
    training("unet.cases-5", 5),
    training("unet.cases-5", 6, fold=1),
    training("unet.cases-5.seed-1", 5),
    training("unet", 40),
    training("other", 40),
    {"stage": "plan", "settings": {}},
]
SUMMARIES = [
    summary("unet", 0.9),
    summary("unet.cases-5.seed-1", 0.4),
    summary("unet.cases-5", 0.5),
    summary("other", 0.8),
    summary("unet", 0.1, split="test"),
    summary("unet", 0.1, label="core"),
    summary("unet", 0.1, metric="nsd"),
    summary("untrained.cases-7", 0.3),
]


def test_points_are_models_of_one_name_by_their_training_cases():
    (name, points), *others = curve_points(MANIFESTS, SUMMARIES, "train").items()
    assert name == "unet"
    assert not others
    assert [(point.cases, point.mean) for point in points] == [(5.0, 0.4), (5.5, 0.5), (40.0, 0.9)]
    assert (points[2].low, points[2].high) == pytest.approx((0.8, 0.95))


def test_one_number_of_cases_is_no_curve():
    assert curve_points(MANIFESTS, SUMMARIES, "test") == {}
    assert curve_points([], SUMMARIES, "train") == {}


def test_the_line_joins_the_means_of_equal_numbers():
    points = [Point(5, 0.4, 0.3, 0.5), Point(5, 0.6, 0.5, 0.7), Point(20, 0.8, math.nan, math.nan)]
    figure = learning_curves({"unet": points})
    (panel,) = figure.axes
    line = next(line for line in panel.lines if line.get_label() == "unet")
    assert line.get_xydata().tolist() == [[5.0, 0.5], [20.0, 0.8]]
    assert [text.get_text() for text in panel.get_xticklabels()] == ["5", "20"]
    assert not figure.legends
    assert to_svg(figure) == to_svg(learning_curves({"unet": points}))


def test_several_models_have_a_legend():
    points = [Point(5, 0.4, 0.3, 0.5), Point(20, 0.8, 0.7, 0.9)]
    figure = learning_curves({"unet": points, "segres": points})
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["unet", "segres"]
