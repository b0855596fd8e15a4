"""How good a classifier is, drawn from the tables of score alone: rows of curves.tsv and confusion.tsv.

A series is what is drawn in one colour: a name (of a level or a classifier) and its rows of one level and
split. With several classes there is a line for each.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from segmake.figures.palette import FAINT, INK, PALETTE
from segmake.figures.records import to_number
from segmake.figures.style import DOUBLE_COLUMN_INCHES, house_style, look
from segmake.tables import Row
from segmake.volume.volume import Array

Series = Mapping[str, Sequence[Row]]
SHARE = LinearSegmentedColormap.from_list("share", ["#FFFFFF", PALETTE[0]])
DARK = 0.55
"""Share above which a cell is dark enough for white text."""
WIDEST = 4.4
"""Inches: one square panel needs no more."""
COLUMNS = ("x", "y", "low", "high", "extra")


def roc_curves(series: Series, width: float = DOUBLE_COLUMN_INCHES) -> Figure:
    """Sensitivity over false positive rate; the legend has each area with its interval."""
    with house_style():
        figure, panel = _square(width)
        panel.plot([0, 1], [0, 1], color=FAINT, linewidth=0.8, linestyle=(0, (2, 2)))
        for how, label, rows in _lines(series, "roc"):
            area = _interval(rows, "auroc")
            panel.plot(*_points(rows, "roc")[:, :2].T, label=f"{label}{area}", **how)
        panel.set_xlabel("1 - specificity")
        panel.set_ylabel("sensitivity")
        _legend(panel, "lower right", "AUC")
    return figure


def precision_recall_curves(series: Series, width: float = DOUBLE_COLUMN_INCHES) -> Figure:
    """Precision over recall, in steps; dotted: the share of positives, which guessing reaches."""
    with house_style():
        figure, panel = _square(width)
        for how, label, rows in _lines(series, "pr"):
            points = _points(rows, "pr")
            recall = np.append(0.0, points[:, 0])
            precision = np.append(points[0, 1], points[:, 1])
            panel.step(recall, precision, where="pre", label=f"{label}{_interval(rows, 'ap')}", **how)
            panel.axhline(precision[-1], color=how["color"], linewidth=0.8, linestyle=(0, (1, 2)))
        panel.set_xlabel("recall")
        panel.set_ylabel("precision")
        _legend(panel, "lower left", "average precision")
    return figure


def reliability_diagrams(series: Series, width: float = DOUBLE_COLUMN_INCHES) -> Figure:
    """Share that is true over predicted probability with Wilson intervals, and how many each bin holds."""
    with house_style():
        figure = Figure(figsize=(min(width, WIDEST), 4.6), layout="constrained")
        panel, below = figure.subplots(2, 1, sharex=True, height_ratios=(3.2, 1))
        panel.plot([0, 1], [0, 1], color=FAINT, linewidth=0.8, linestyle=(0, (2, 2)))
        lines = list(_lines(series, "reliability"))
        for index, (how, label, rows) in enumerate(lines):
            at, share, low, high, count = _points(rows, "reliability").T
            reach = np.maximum([share - low, high - share], 0)
            mark = {**how, "linewidth": 1.0, "markersize": 4, "capsize": 2, "elinewidth": 0.8}
            panel.errorbar(at, share, reach, label=label, **mark)
            aside = (index - (len(lines) - 1) / 2) * 0.012
            below.vlines(at + aside, 0.8, count, color=how["color"], linewidth=3 if len(lines) < 3 else 2)
        panel.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
        panel.set_ylabel("observed share")
        below.set_yscale("log")
        below.set_ylim(bottom=0.8)
        below.yaxis.set_major_formatter("{x:g}")
        below.yaxis.set_minor_formatter(NullFormatter())
        below.set_ylabel("count")
        below.set_xlabel("predicted probability")
        _legend(panel, "upper left", "")
    return figure


def decision_curves(series: Series, width: float = DOUBLE_COLUMN_INCHES) -> Figure:
    """Net benefit over the threshold probability, beside acting on all and on nobody."""
    with house_style():
        figure = Figure(figsize=(min(width, WIDEST), 3.1), layout="constrained")
        panel = figure.subplots()
        top = 0.05
        for how, label, rows in _lines(series, "decision"):
            points, everyone = _points(rows, "decision"), _points(rows, "decision_all")
            dash = {key: value for key, value in how.items() if key != "marker"}
            panel.plot(*points[:, :2].T, label=label, **dash)
            panel.plot(*everyone[:, :2].T, color=dash["color"], linewidth=0.7, alpha=0.6)
            top = max(top, float(np.nanmax(points[:, 1])), float(everyone[0, 1]))
        panel.axhline(0, color=INK, linewidth=0.8)
        panel.plot([], [], color=FAINT, linewidth=0.7, label="act on all")
        panel.plot([], [], color=INK, linewidth=0.8, label="act on nobody")
        panel.set(xlim=(0, 1), ylim=(-0.25 * top, 1.08 * top))
        panel.set_xlabel("threshold probability")
        panel.set_ylabel("net benefit")
        figure.legend(loc="outside lower center", ncols=3)
    return figure


def confusion_matrices(series: Series, width: float = DOUBLE_COLUMN_INCHES) -> Figure:
    """Counts of truth (rows) against decision (columns); shade and percent are of the row.

    series: name -> rows of confusion.tsv of one level and split; classes that do not exclude each other have
    a panel each.
    """
    parts = [
        (", ".join(filter(None, (name if len(series) > 1 else "", class_))), chosen)
        for name, rows in series.items()
        for class_, chosen in _by(rows, "class").items()
    ]
    columns = min(3, len(parts))
    lines = math.ceil(len(parts) / columns)
    side = min(width / columns, 3.4)
    with house_style():
        figure = Figure(figsize=(side * columns, side * lines), layout="constrained")
        panels = figure.subplots(lines, columns, squeeze=False).ravel()
        for panel, (title, rows) in zip(panels, parts, strict=False):
            _matrix(panel, rows)
            panel.set_title(title)
        for panel in panels[len(parts) :]:
            panel.set_visible(False)
    return figure


def _square(width: float) -> tuple[Figure, Any]:
    """A panel in which both axes run from 0 to 1."""
    side = min(width, WIDEST)
    figure = Figure(figsize=(side, 0.92 * side), layout="constrained")
    panel = figure.subplots()
    panel.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.02), aspect="equal")
    panel.grid(visible=True, axis="both")
    return figure, panel


def _lines(series: Series, curve: str) -> Iterator[tuple[dict[str, Any], str, Sequence[Row]]]:
    """How each line looks, what it is called, and its rows, for every class that has this curve."""
    index = 0
    for name, rows in series.items():
        classes = {
            c: each for c, each in _by(rows, "class").items() if any(r["curve"] == curve for r in each)
        }
        for class_, each in classes.items():
            how = look(index)
            if curve != "reliability":
                how.pop("marker")
            words = [name if len(series) > 1 else "", class_ if len(classes) > 1 or len(series) == 1 else ""]
            yield how, ", ".join(filter(None, words)), each
            index += 1


def _by(rows: Sequence[Row], column: str) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row[column], []).append(row)
    return found


def _points(rows: Sequence[Row], curve: str) -> Array:
    """x, y, low, high, extra of a curve: [points, 5]."""
    cells = [[to_number(row[name]) for name in COLUMNS] for row in rows if row["curve"] == curve]
    return np.array(cells).reshape(-1, len(COLUMNS))


def _interval(rows: Sequence[Row], area: str) -> str:
    """The area that belongs to a curve, with its interval where it has one."""
    for row in rows:
        if row["curve"] == area and row["y"]:
            low, high = (to_number(row[name]) for name in ("low", "high"))
            ends = f" [{low:.3f}, {high:.3f}]" if math.isfinite(low) else ""
            return f"  {to_number(row['y']):.3f}{ends}"
    return ""


def _legend(panel: Any, place: str, title: str) -> None:
    if panel.get_legend_handles_labels()[1]:
        legend = panel.legend(loc=place, title=title or None, title_fontsize=7.5, frameon=True)
        legend.get_frame().set(edgecolor="none", facecolor="white", alpha=0.85)
        legend.set_alignment("left")


def _matrix(panel: Any, rows: Sequence[Row]) -> None:
    names = list(dict.fromkeys(row["truth"] for row in rows))
    counts = {(row["truth"], row["decision"]): int(row["count"]) for row in rows}
    table = np.array([[counts[true, said] for said in names] for true in names], dtype=np.float64)
    share = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    panel.imshow(share, cmap=SHARE, vmin=0, vmax=1)
    for i, j in np.ndindex(table.shape):
        text = f"{int(table[i, j])}\n{share[i, j]:.0%}"
        panel.text(j, i, text, ha="center", va="center", color="white" if share[i, j] > DARK else INK, size=8)
    panel.set_xticks(range(len(names)), names)
    panel.set_yticks(range(len(names)), names, rotation=90, va="center")
    panel.tick_params(length=0)
    panel.set_xlabel("decision")
    panel.set_ylabel("truth")
    panel.grid(visible=False)
    for side in ("left", "bottom"):
        panel.spines[side].set_visible(False)
