"""Box plots of scores, drawn from table rows alone."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from segmake.figures.palette import FAINT, INK
from segmake.figures.records import METRICS, STATUSES, UNITLESS, Score, Summary
from segmake.figures.style import DOUBLE_COLUMN_INCHES, colour, house_style
from segmake.volume.volume import Array

MANY_POINTS = 2000
"""More points than this are drawn as pixels, so that an SVG stays small."""
ARROWS = {"higher": " ↑", "lower": " ↓", "zero": " → 0"}
MARKS = {"missed": "x", "false_alarm": "^"}


def box_plots(scores: Sequence[Score], summaries: Sequence[Summary] = ()) -> Figure:
    """One panel per metric: for every label and model a box, all cases as points, the mean with its interval.

    The box spans the quartiles, whiskers reach the last case within 1.5 times the box. `scores` are those
    of one split; `summaries` give the intervals.
    """
    metrics = list(dict.fromkeys(score.metric for score in scores))
    labels = list(dict.fromkeys(score.label for score in scores))
    models = list(dict.fromkeys(score.model for score in scores))
    columns = 3 if len(labels) * len(models) <= 6 else 2 if len(labels) * len(models) <= 12 else 1
    columns = min(columns, max(1, len(metrics)))
    rows = max(1, math.ceil(len(metrics) / columns))
    width = DOUBLE_COLUMN_INCHES * (columns / 3 if len(metrics) < 3 and columns < 3 else 1)
    with house_style():
        figure = Figure(figsize=(max(width, 3.5), 2.5 * rows + 0.4), layout="constrained")
        panels = figure.subplots(rows, columns, squeeze=False).ravel()
        for panel, metric in zip(panels, metrics, strict=False):
            chosen = [score for score in scores if score.metric == metric]
            means = {(s.model, s.label): s for s in summaries if s.metric == metric}
            _boxes(panel, chosen, means, labels, models)
        for panel in panels[len(metrics) :]:
            panel.set_visible(False)
        _key(figure, scores, models, bool(summaries))
    return figure


def _boxes(
    panel: Any,
    scores: Sequence[Score],
    means: Mapping[tuple[str, str], Summary],
    labels: Sequence[str],
    models: Sequence[str],
) -> None:
    """Boxes of one metric."""
    room = 0.8 / len(models)
    limits = [s.value for s in scores if math.isfinite(s.value)]
    step = ((max(limits) - min(limits)) or 1.0) / 40 if limits else 1.0
    for i, label in enumerate(labels):
        for j, model in enumerate(models):
            found = [s for s in scores if (s.label, s.model) == (label, model) and math.isfinite(s.value)]
            if not found:
                continue
            at = i + (j - (len(models) - 1) / 2) * room
            _box(panel, found, at, room, step, colour(j))
            if (model, label) in means:
                _mean(panel, means[model, label], at + 0.41 * room)
    name, better = METRICS.get(scores[0].metric, (scores[0].metric, "higher"))
    panel.set_title(name + ARROWS[better])
    panel.set_ylabel(scores[0].unit if scores[0].unit not in UNITLESS else "")
    panel.set_xticks(range(len(labels)), labels)
    panel.set_xlim(-0.6, len(labels) - 0.4)
    panel.tick_params(axis="x", length=0)
    if sum(len(label) for label in labels) > 30:
        panel.tick_params(axis="x", labelrotation=30)
        for tick in panel.get_xticklabels():
            tick.set_horizontalalignment("right")
            tick.set_rotation_mode("anchor")
    if better == "higher":
        panel.set_ylim(top=min(panel.get_ylim()[1], 1.02))
    if better == "zero":
        panel.axhline(0, color=FAINT, linewidth=0.8, zorder=0.5)
    without = sum(not math.isfinite(s.value) for s in scores)
    if without:
        panel.text(
            1, 1.02, f"{without} without value", transform=panel.transAxes, ha="right", color=FAINT, size=6.5
        )


def _box(panel: Any, scores: Sequence[Score], at: float, room: float, step: float, hue: str) -> None:
    """One box with its points."""
    values = np.array([score.value for score in scores])
    panel.boxplot(
        values,
        positions=[at],
        widths=room * 0.62,
        showfliers=False,
        manage_ticks=False,
        medianprops={"color": INK, "linewidth": 1.2},
        boxprops={"color": hue, "linewidth": 1.0},
        whiskerprops={"color": hue, "linewidth": 1.0},
        capprops={"color": hue, "linewidth": 1.0},
    )
    x = at + spread(values, step, room * 0.28)
    states = np.array([score.status for score in scores])
    many = len(values) > MANY_POINTS
    for status in dict.fromkeys(states):
        which = states == status
        look = {"color": hue, "linewidths": 0, "s": 11, "alpha": 0.65, "zorder": 3}
        if status == "both_empty":
            look = {"facecolors": "none", "edgecolors": FAINT, "linewidths": 0.8, "s": 13, "zorder": 2.9}
        elif status in MARKS:
            look = {"color": INK, "linewidths": 1.1, "s": 20, "marker": MARKS[status], "zorder": 3.5}
        panel.scatter(x[which], values[which], rasterized=many, **look)


def _mean(panel: Any, summary: Summary, at: float) -> None:
    """The mean and its interval beside a box."""
    if not math.isfinite(summary.mean):
        return
    panel.vlines(at, summary.low, summary.high, color=INK, linewidth=1.2, zorder=4)
    panel.scatter([at], [summary.mean], marker="D", s=14, color=INK, linewidths=0, zorder=5)


def spread(values: Array, step: float, width: float) -> Array:
    """Sideways offsets [N] that keep points of nearly equal value (within `step`) apart, at most `width`.

    No randomness: within a bin the points go to the middle, left, right, further left, ...
    """
    bins = np.floor(values / step).astype(np.int64)
    offsets = np.zeros(len(values))
    counts = np.unique(bins, return_counts=True)[1]
    pitch = min(width / 2.5, width / max(1, (int(counts.max(initial=1)) - 1) / 2))
    for value in np.unique(bins):
        members = np.flatnonzero(bins == value)
        order = members[np.argsort(values[members], kind="stable")]
        side = np.arange(len(order))
        offsets[order] = ((side + 1) // 2) * np.where(side % 2, -1, 1) * pitch
    return np.clip(offsets, -width, width)


def _key(figure: Figure, scores: Sequence[Score], models: Sequence[str], intervals: bool) -> None:
    """One legend below all panels."""
    marks: list[Any] = []
    if len(models) > 1:
        marks += [
            Line2D([], [], marker="s", linestyle="", color=colour(j), label=model)
            for j, model in enumerate(models)
        ]
    marks.append(Line2D([], [], marker="o", markersize=4, linestyle="", color=FAINT, label="one case"))
    if intervals:
        marks.append(Line2D([], [], marker="D", markersize=4, color=INK, label="mean and its interval"))
    present = {score.status for score in scores if math.isfinite(score.value)}
    looks: dict[str, dict[str, Any]] = {
        "missed": {"marker": "x", "markersize": 5, "color": INK},
        "false_alarm": {"marker": "^", "markersize": 5, "color": INK},
        "both_empty": {"marker": "o", "markersize": 4, "color": FAINT, "markerfacecolor": "none"},
    }
    for status, look in looks.items():
        if status in present:
            marks.append(Line2D([], [], linestyle="", label=STATUSES[status], **look))
    figure.legend(handles=marks, loc="outside lower center", ncols=min(len(marks), 6))
