"""Distributions of scores from table rows alone: boxes or violins that lie, so that names stay level."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from segmake.figures.palette import FAINT, INK
from segmake.figures.records import ARROWS, METRICS, STATUSES, UNITLESS, Score, Summary
from segmake.figures.style import (
    DOUBLE_COLUMN_INCHES,
    MANY_POINTS,
    MARKERS,
    TALLEST_INCHES,
    colour,
    grid,
    house_style,
)
from segmake.volume.volume import Array

CROWD = 200
"""Behind more points than this a box would be lost: it stands before them, and they are pale."""
FEWEST_FOR_VIOLIN = 10
"""Of fewer cases a violin shows nothing but its own smoothing; they get a box."""
MARKS = {"missed": "x", "false_alarm": "^"}


@dataclass(frozen=True)
class Boxes:
    """How the boxes of a panel stand: a row per label, from the top, in it one per model."""

    labels: Sequence[str]
    models: Sequence[str]
    violin: bool = False
    dense: bool = False
    """There are so many points that they are drawn as pixels."""

    @property
    def room(self) -> float:
        """Height that a model has in a row."""
        return 0.84 / len(self.models)

    @property
    def inches(self) -> float:
        """Height of a panel's boxes: what they need, but no more than a page."""
        count = len(self.labels) * len(self.models)
        return count * max(0.11, min(0.42 if count <= 3 else 0.26, TALLEST_INCHES / count))

    def place(self, label: int, model: int) -> float:
        """Height of the middle of a box."""
        return label + (model - (len(self.models) - 1) / 2) * self.room


def box_plots(
    scores: Sequence[Score],
    summaries: Sequence[Summary] = (),
    width: float = DOUBLE_COLUMN_INCHES,
    violin: bool = False,
) -> Figure:
    """One panel per metric: for every label and model a box, all cases as points, the mean with its interval.

    The box spans the quartiles, whiskers reach the last case within 1.5 times the box. `scores` are those
    of one split; `summaries` give the intervals.
    """
    metrics = list(dict.fromkeys(score.metric for score in scores))
    labels = list(dict.fromkeys(score.label for score in scores))
    models = list(dict.fromkeys(score.model for score in scores))
    boxes = Boxes(labels, models, violin, len(scores) > MANY_POINTS)
    rows, columns = grid(len(metrics), width - 0.07 * max(map(len, labels), default=0))
    with house_style():
        figure = Figure(figsize=(width, rows * (boxes.inches + 0.75) + 0.3), layout="constrained")
        panels = figure.subplots(rows, columns, squeeze=False, sharey=True).ravel()
        for panel, metric in zip(panels, metrics, strict=False):
            chosen = [score for score in scores if score.metric == metric]
            means = {(s.model, s.label): s for s in summaries if s.metric == metric}
            _boxes(panel, chosen, means, boxes)
        for panel in panels[len(metrics) :]:
            panel.set_visible(False)
        _key(figure, scores, boxes.models, bool(summaries))
    return figure


def _boxes(
    panel: Any, scores: Sequence[Score], means: Mapping[tuple[str, str], Summary], boxes: Boxes
) -> None:
    """Boxes of one metric."""
    name, better = METRICS.get(scores[0].metric, (scores[0].metric, "higher"))
    end = axis_end(scores, means.values()) if better == "lower" else math.inf
    shown = [min(s.value, end) for s in scores if math.isfinite(s.value)]
    step = ((max(shown) - min(shown)) or 1.0) / 50 if shown else 1.0
    groups: dict[tuple[str, str], list[Score]] = {}
    for score in scores:
        if math.isfinite(score.value):
            groups.setdefault((score.label, score.model), []).append(score)
    for i, label in enumerate(boxes.labels):
        for j, model in enumerate(boxes.models):
            if found := groups.get((label, model)):
                at = boxes.place(i, j)
                _distribution(panel, np.array([s.value for s in found]), at, boxes, colour(j))
                _points(panel, found, at, (j, step, boxes.room * 0.27, end), boxes.dense)
                if (model, label) in means:
                    _mean(panel, means[model, label], at + 0.42 * boxes.room)
    panel.set_title(name + ARROWS[better])
    panel.set_xlabel(", ".join(_remarks(scores, end)))
    panel.set_yticks(range(len(boxes.labels)), boxes.labels)
    panel.set_ylim(len(boxes.labels) - 0.45, -0.55)
    panel.tick_params(axis="y", length=0)
    panel.grid(visible=False, axis="y")
    panel.grid(visible=True, axis="x")
    if better == "higher":
        panel.set_xlim(right=min(panel.get_xlim()[1], 1.02))
    if better == "lower":
        right = min(panel.get_xlim()[1], end * 1.02)
        panel.set_xlim(-0.02 * right, right)
    if better == "zero":
        panel.axvline(0, color=FAINT, linewidth=0.8, zorder=0.5)


def _distribution(panel: Any, values: Array, at: float, boxes: Boxes, hue: str) -> None:
    """One box, or one violin with its median and quartiles."""
    if boxes.violin and len(values) >= FEWEST_FOR_VIOLIN and np.ptp(values) > 0:
        parts = panel.violinplot(
            values, [at], orientation="horizontal", widths=boxes.room * 0.8, showextrema=False
        )
        for body in parts["bodies"]:
            body.set(facecolor=hue, edgecolor=hue, alpha=0.25, linewidth=0.8)
        low, middle, high = np.quantile(values, (0.25, 0.5, 0.75))
        panel.hlines(at, low, high, color=hue, linewidth=2.4, zorder=2)
        panel.vlines(middle, at - boxes.room * 0.3, at + boxes.room * 0.3, color=INK, linewidth=1.2, zorder=4)
        return
    crowded = len(values) > CROWD
    line = {"color": INK if crowded else hue, "linewidth": 1.0}
    panel.boxplot(
        values,
        positions=[at],
        widths=boxes.room * 0.62,
        orientation="horizontal",
        showfliers=False,
        manage_ticks=False,
        medianprops={"color": INK, "linewidth": 1.2},
        boxprops=line,
        whiskerprops=line,
        capprops=line,
        zorder=3.2 if crowded else 2,
    )


def _points(
    panel: Any, scores: Sequence[Score], at: float, how_far: tuple[int, float, float, float], dense: bool
) -> None:
    """A point per case; what happened to the label decides its look.

    how_far: number of the model, what counts as equal, largest offset, and where the axis ends.
    """
    model, step, width, end = how_far
    values = np.minimum([score.value for score in scores], end)
    places = at + spread(values, step, width)
    states = np.array([score.status for score in scores])
    for status in dict.fromkeys(states):
        which = states == status
        mark = MARKERS[model % len(MARKERS)]
        how = {"color": colour(model), "linewidths": 0, "zorder": 3, "marker": mark, **point(len(values))}
        if status == "both_empty":
            how = {"facecolors": "none", "edgecolors": FAINT, "linewidths": 0.8, "s": 13, "zorder": 2.9}
        elif status in MARKS:
            how = {"color": INK, "linewidths": 1.1, "s": 20, "marker": MARKS[status], "zorder": 3.5}
        panel.scatter(values[which], places[which], rasterized=dense, **how)


def point(count: int) -> dict[str, float]:
    """Size and opacity of a point among so many in a box: a crowd of large ones would hide it."""
    return {"s": min(11.0, max(1.5, 11 * 60 / count)), "alpha": 0.65 if count <= CROWD else 0.3}


def _mean(panel: Any, summary: Summary, at: float) -> None:
    """The mean and its interval below a box."""
    if not math.isfinite(summary.mean):
        return
    panel.hlines(at, summary.low, summary.high, color=INK, linewidth=1.2, zorder=4)
    panel.scatter([summary.mean], [at], marker="D", s=14, color=INK, linewidths=0, zorder=5)


def axis_end(scores: Sequence[Score], means: Iterable[Summary]) -> float:
    """Where the axis of a distance ends: before the worst values that stand for missed labels, if far off.

    Else one missed label, which counts with the diagonal of the image, would squeeze all boxes to a line.
    """
    found = [s.value for s in scores if math.isfinite(s.value)]
    measured = [s.value for s in scores if math.isfinite(s.value) and s.status not in MARKS]
    shown = [*measured, *(end for mean in means for end in (mean.mean, mean.high) if math.isfinite(end))]
    end = 1.1 * max(shown, default=math.inf)
    return end if measured and 0 < end < 0.6 * max(found) else math.inf


def _remarks(scores: Sequence[Score], end: float) -> Iterator[str]:
    """Unit, and what the axis does not show."""
    if scores[0].unit not in UNITLESS:
        yield scores[0].unit
    beyond = [s.value for s in scores if math.isfinite(s.value) and s.value > end]
    if beyond:
        yield f"{len(beyond)} at the edge lie beyond (up to {max(beyond):.3g})"
    without = sum(not math.isfinite(s.value) for s in scores)
    if without:
        yield f"{without} without value"


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
        side = np.arange(len(members))
        offsets[members] = ((side + 1) // 2) * np.where(side % 2, -1, 1) * pitch
    return np.clip(offsets, -width, width)


def _key(figure: Figure, scores: Sequence[Score], models: Sequence[str], intervals: bool) -> None:
    """One legend below all panels."""
    marks: list[Any] = []
    if len(models) > 1:
        for j, model in enumerate(models):
            mark = MARKERS[j % len(MARKERS)]
            marks.append(Line2D([], [], marker=mark, linestyle="", color=colour(j), label=model))
    else:
        marks.append(
            Line2D([], [], marker="o", markersize=4, linestyle="", color=colour(0), label="one case")
        )
    if intervals:
        marks.append(Line2D([], [], marker="D", markersize=4, color=INK, label="mean and its interval"))
    present = {score.status for score in scores if math.isfinite(score.value)}
    looks: dict[str, dict[str, Any]] = {
        "missed": {"marker": "x", "markersize": 5, "color": INK},
        "false_alarm": {"marker": "^", "markersize": 5, "color": INK},
        "both_empty": {"marker": "o", "markersize": 4, "color": FAINT, "markerfacecolor": "none"},
    }
    for status, how in looks.items():
        if status in present:
            marks.append(Line2D([], [], linestyle="", label=STATUSES[status], **how))
    across = max(1, int(figure.get_figwidth() / 1.3))
    figure.legend(handles=marks, loc="outside lower center", ncols=min(len(marks), across))
