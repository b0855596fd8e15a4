"""Forest plots: a mean with its interval per line, for subgroups and for differences of models."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from segmake.figures.palette import FAINT, GRID, INK
from segmake.figures.records import ARROWS, MEAN, METRICS, metric_title, to_number
from segmake.figures.style import DOUBLE_COLUMN_INCHES, colour, grid, house_style
from segmake.tables import Row

ROW_INCHES = 0.19
MOST_LINES = 45
"""Of more lines than a page holds, only those about the mean of the labels are drawn."""


@dataclass(frozen=True)
class Line:
    """A value with its interval."""

    value: float
    low: float
    high: float
    note: str = ""
    """What stands at its right."""
    firm: bool = True
    """It carries a claim; else its mark is hollow."""
    noise: float = math.nan
    """A grey bar this far either side of zero."""


@dataclass(frozen=True)
class Panel:
    """One column of lines."""

    title: str
    axis: str
    lines: Mapping[str, Line]
    """Key of a row -> its line; a row without one stays empty."""
    zero: bool = False
    """Values are differences: zero is drawn."""
    overall: float = math.nan
    """A dashed line at the value of all cases."""


def forest(rows: Mapping[str, str], panels: Sequence[Panel], width: float, key: Sequence[Any]) -> Figure:
    """Draw panels side by side that share their rows.

    rows: key -> name, from the top; a row whose key starts with # is a heading. key: handles of the legend.
    """
    indent = 0.075 * max((len(name) for name in rows.values()), default=0)
    down, across = grid(len(panels), width - indent, 1.6)
    with house_style():
        height = down * (ROW_INCHES * len(rows) + 0.75) + 0.3
        figure = Figure(figsize=(width, height), layout="constrained")
        axes = figure.subplots(down, across, squeeze=False, sharey=True).ravel()
        for place, (axis, panel) in enumerate(zip(axes, panels, strict=False)):
            _panel(axis, rows, panel)
            _names(axis, rows, place % across == 0)
        for axis in axes[len(panels) :]:
            axis.set_visible(False)
        figure.legend(handles=key, loc="outside lower center", ncols=max(1, int(width / 1.9)))
    return figure


def _panel(axis: Any, rows: Mapping[str, str], panel: Panel) -> None:
    """Lines, notes and what they are compared with."""
    notes: dict[int, str] = {}
    for at, key in enumerate(rows):
        line = panel.lines.get(key)
        if line is None or not math.isfinite(line.value):
            continue
        if math.isfinite(line.noise):
            axis.barh(at, 2 * line.noise, 0.72, -line.noise, color=GRID, zorder=1)
        if math.isfinite(line.low):
            axis.hlines(at, line.low, line.high, color=colour(0), linewidth=1.2, zorder=2)
        look = {"color": colour(0)} if line.firm else {"facecolors": "white", "edgecolors": colour(0)}
        axis.scatter([line.value], [at], marker="s", s=18, linewidths=1.0, zorder=3, **look)
        notes[at] = line.note
    if panel.zero:
        axis.axvline(0, color=INK, linewidth=0.9, zorder=1.5)
    if math.isfinite(panel.overall):
        axis.axvline(panel.overall, color=FAINT, linewidth=0.9, linestyle="--", zorder=1)
    axis.set_title(panel.title)
    axis.set_xlabel(panel.axis)
    axis.grid(visible=False, axis="y")
    axis.grid(visible=True, axis="x")
    axis.locator_params(axis="x", nbins=4)
    right = axis.secondary_yaxis("right")
    right.set_yticks(list(notes), list(notes.values()))
    right.tick_params(length=0)
    right.spines["right"].set_visible(False)


def _names(axis: Any, rows: Mapping[str, str], first: bool) -> None:
    """Names at the left of the first column, headings bold."""
    axis.set_yticks(range(len(rows)), list(rows.values()))
    axis.set_ylim(len(rows) - 0.4, -0.6)
    axis.tick_params(axis="y", length=0, labelleft=first)
    for text, key in zip(axis.get_yticklabels() if first else [], rows, strict=first):
        if key.startswith("#"):
            text.set_weight("bold")


def subgroup_forest(
    rows: Sequence[Row], overall: Mapping[str, float], width: float = DOUBLE_COLUMN_INCHES
) -> Figure:
    """Mean Dice of each subgroup with its interval, a panel per label.

    rows: those of subgroups.tsv of one model, split and metric; overall: label -> mean of all cases.
    """
    names: dict[str, str] = {}
    for subgroup in dict.fromkeys(row["subgroup"] for row in rows):
        names[f"#{subgroup}"] = subgroup
        levels = dict.fromkeys(row["level"] for row in rows if row["subgroup"] == subgroup)
        names |= {f"{subgroup}\t{level}": level for level in levels}
    panels = []
    for label in dict.fromkeys(row["label"] for row in rows):
        chosen = [row for row in rows if row["label"] == label]
        lines = {
            f"{row['subgroup']}\t{row['level']}": Line(
                *_three(row, "mean"),
                note=f"n={row['patients']}",
                firm=not row["warning"],
            )
            for row in chosen
        }
        title = metric_title(chosen[0]["metric"], chosen[0]["unit"])
        panels.append(Panel(label, f"mean {title}", lines, overall=overall.get(label, math.nan)))
    key = [
        _mark(True, "mean and its interval"),
        _mark(False, "too vague for a claim"),
        Line2D([], [], color=FAINT, linewidth=0.9, linestyle="--", label="all cases"),
    ]
    return forest(names, panels, width, key)


def difference_forest(rows: Sequence[Row], width: float = DOUBLE_COLUMN_INCHES) -> Figure:
    """Differences between models with their intervals and adjusted p, a panel per metric.

    rows: those of comparison.tsv of one split. A mark is full where the verdict names the better model.
    """
    pairs = dict.fromkeys((row["model"], row["other"]) for row in rows)
    labels = list(dict.fromkeys(row["label"] for row in rows))
    if len(pairs) * (len(labels) + 1) > MOST_LINES and MEAN in labels:
        labels = [MEAN]
    told = {label: "mean of labels" if label == MEAN else label for label in labels}
    names: dict[str, str] = {}
    for model, other in pairs:
        pair = f"{model} \N{MINUS SIGN} {other}"
        if len(labels) == 1:
            names[f"{model}\t{other}\t{labels[0]}"] = pair
        else:
            names[f"#{model}\t{other}"] = pair
            names |= {f"{model}\t{other}\t{label}": name for label, name in told.items()}
    panels = []
    for metric in dict.fromkeys(row["metric"] for row in rows):
        chosen = [row for row in rows if row["metric"] == metric and row["label"] in labels]
        lines = {f"{row['model']}\t{row['other']}\t{row['label']}": _difference(row) for row in chosen}
        if lines:
            title = metric_title(metric, chosen[0]["unit"])
            arrow = ARROWS[METRICS.get(metric, ("", "higher"))[1]]
            of = f", {told[labels[0]]}" if len(labels) == 1 else ""
            panels.append(Panel(title + arrow + of, f"difference of {title}", lines, zero=True))
    key: list[Any] = [_mark(True, "one model is better"), _mark(False, "no claim")]
    if any(row["seed_noise"] for row in rows):
        key.append(Patch(color=GRID, label="noise between seeds"))
    return forest(names, panels, width, key)


def _difference(row: Row) -> Line:
    p = to_number(row["p_holm"])
    told = "" if math.isnan(p) else "p<0.001" if p < 0.001 else f"p={p:.3f}"
    firm = row["verdict"].endswith("is better")
    return Line(*_three(row, "difference"), note=told, firm=firm, noise=to_number(row["seed_noise"]))


def _three(row: Row, value: str) -> tuple[float, float, float]:
    """A value and the ends of its interval."""
    return to_number(row[value]), to_number(row["ci_low"]), to_number(row["ci_high"])


def _mark(firm: bool, name: str) -> Line2D:
    face = colour(0) if firm else "white"
    return Line2D([], [], color=colour(0), marker="s", markersize=4, markerfacecolor=face, label=name)
