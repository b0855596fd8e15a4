"""Figures of a classifier: what is drawn where, from table rows alone."""

import numpy as np
import pytest

from segmake.figures.classification import (
    confusion_matrices,
    decision_curves,
    precision_recall_curves,
    reliability_diagrams,
    roc_curves,
)
from segmake.figures.style import to_png, to_svg


def row(curve, x, y, low="", high="", extra="", class_="malignant"):
    cells = (class_, curve, x, y, low, high, extra)
    return dict(zip(("class", "curve", "x", "y", "low", "high", "extra"), map(str, cells), strict=True))


def rows(class_="malignant", area=0.75, interval=(0.6, 0.9)):
    points = [(0, 0), (0, 0.5), (0.5, 0.5), (0.5, 1), (1, 1)]
    found = [row("roc", x, y, extra=0.5, class_=class_) for x, y in points]
    found += [row("pr", 0.5, 1, class_=class_), row("pr", 1, 0.4, class_=class_)]
    found += [
        row("reliability", 0.2, 0.1, 0.05, 0.3, 20, class_),
        row("reliability", 0.8, 1, 0.7, 1, 5, class_),
    ]
    found += [row("decision", 0.1, 0.4, class_=class_), row("decision", 0.5, 0.2, class_=class_)]
    found += [row("decision_all", 0.1, 0.35, class_=class_), row("decision_all", 0.5, 0.0, class_=class_)]
    found += [row("auroc", "", area, *interval, 30, class_), row("ap", "", 0.7, "", "", 30, class_)]
    return found


def texts(figure):
    """Words of all legends."""
    legends = [panel.get_legend() for panel in figure.axes] + list(figure.legends)
    return [text.get_text() for legend in legends if legend for text in legend.get_texts()]


def curve(figure, at):
    return np.array(figure.axes[0].lines[at].get_data()).T.tolist()


def test_the_roc_has_its_area_with_its_interval_in_the_legend():
    figure = roc_curves({"patch": rows()})
    assert texts(figure) == ["malignant  0.750 [0.600, 0.900]"]
    assert curve(figure, 1) == [[0, 0], [0, 0.5], [0.5, 0.5], [0.5, 1], [1, 1]]


def test_without_an_interval_the_area_stands_alone_and_without_an_area_the_name():
    assert texts(roc_curves({"patch": rows(interval=("", ""))})) == ["malignant  0.750"]
    bare = [r for r in rows() if r["curve"] == "roc"]
    assert texts(roc_curves({"patch": bare})) == ["malignant"]


def test_several_series_and_several_classes_are_told_apart():
    assert [t.split()[0] for t in texts(roc_curves({"patch": rows(), "patient": rows()}))] == [
        "patch",
        "patient",
    ]
    figure = roc_curves({"patch": rows("a") + rows("b"), "patient": rows("a")})
    names = [text.rpartition("  ")[0] for text in texts(figure)]
    assert names == ["patch, a", "patch, b", "patient"]
    colours = {line.get_color() for line in figure.axes[0].lines[1:]}
    assert len(colours) == 3


def test_a_class_without_a_curve_is_left_out():
    one_class = [r for r in rows("b") if r["curve"] not in ("roc", "pr", "auroc", "ap")]
    figure = roc_curves({"patch": rows("a") + one_class})
    assert texts(figure) == ["a  0.750 [0.600, 0.900]"]
    assert texts(roc_curves({"patch": one_class})) == []


def test_precision_begins_at_recall_zero_and_shows_what_guessing_reaches():
    figure = precision_recall_curves({"patch": rows()})
    assert curve(figure, 0) == [[0, 1], [0.5, 1], [1, 0.4]]
    assert figure.axes[0].lines[1].get_ydata()[0] == pytest.approx(0.4)


def test_reliability_shows_counts_below():
    figure = reliability_diagrams({"patch": rows(), "patient": rows()})
    bars = [segment[:, 1].max() for part in figure.axes[1].collections for segment in part.get_segments()]
    assert bars == [20, 5, 20, 5]
    assert texts(figure) == ["patch", "patient"]


def test_the_decision_curve_has_both_alternatives():
    figure = decision_curves({"patch": rows()})
    assert texts(figure) == ["malignant", "act on all", "act on nobody"]
    assert curve(figure, 0) == [[0.1, 0.4], [0.5, 0.2]]
    assert curve(figure, 1) == [[0.1, 0.35], [0.5, 0.0]]
    bottom, top = figure.axes[0].get_ylim()
    assert bottom < 0 < 0.4 < top


def matrix(counts, names=("benign", "malignant"), class_=""):
    return [
        {"class": class_, "truth": true, "decision": said, "count": str(counts[i][j])}
        for i, true in enumerate(names)
        for j, said in enumerate(names)
    ]


def test_a_matrix_has_counts_and_shares_of_its_rows():
    figure = confusion_matrices({"patch": matrix([[6, 2], [1, 3]])})
    words = [text.get_text() for text in figure.axes[0].texts]
    assert words == ["6\n75%", "2\n25%", "1\n25%", "3\n75%"]
    assert figure.axes[0].images[0].get_array().tolist() == [[0.75, 0.25], [0.25, 0.75]]


def test_an_empty_class_divides_by_nothing_and_levels_stand_side_by_side():
    none = matrix([[0, 0], [1, 3]])
    several = [*matrix([[1, 1], [1, 1]], ("other", "a"), "a"), *matrix([[1, 1], [1, 1]], ("other", "b"), "b")]
    figure = confusion_matrices({"patch": none, "patient": several})
    assert [panel.get_title() or panel.get_title(loc="left") for panel in figure.axes] == [
        "patch",
        "patient, a",
        "patient, b",
    ]
    assert figure.axes[0].texts[0].get_text() == "0\n0%"


@pytest.mark.parametrize("draw", [roc_curves, precision_recall_curves, reliability_diagrams, decision_curves])
def test_the_same_rows_give_the_same_bytes(draw):
    assert to_svg(draw({"patch": rows()})) == to_svg(draw({"patch": rows()}))
    assert to_png(draw({"patch": rows()}), 50)[:4] == b"\x89PNG"
