"""The learning curve: what more training cases bring, from models such as `unet.cases-10`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator, ScalarFormatter

from segmake.figures.records import MEAN, Summary
from segmake.figures.style import WIDTHS_MM, house_style, look

ENDS = re.compile(r"(\.cases-\d+)?(\.seed-\d+)?$")
"""What the workflow adds to a model's name for a number of cases and for a seed."""


@dataclass(frozen=True)
class Point:
    """Mean Dice of a model with its interval, and the cases that it learned from (mean over folds)."""

    cases: float
    mean: float
    low: float
    high: float


def curve_points(
    manifests: Sequence[Mapping[str, Any]], summaries: Sequence[Summary], split: str
) -> dict[str, list[Point]]:
    """Points of each model that was trained on several numbers of cases, fewest first; seeds stand beside.

    Args:
        manifests: those of the trainings tell how many cases each fold learned from.
        summaries: mean Dice over labels of each model.
        split: which cases were scored.
    """
    counts: dict[str, list[int]] = {}
    for manifest in manifests:
        if manifest.get("stage") == "train" and "training_cases" in manifest:
            model = str(manifest["settings"]["output"]).split("/")[-3]
            counts.setdefault(model, []).append(int(manifest["training_cases"]))
    points: dict[str, list[Point]] = {}
    for summary in summaries:
        wanted = (summary.split, summary.label, summary.metric) == (split, MEAN, "dice")
        if wanted and summary.model in counts:
            cases = float(np.mean(counts[summary.model]))
            found = points.setdefault(ENDS.sub("", summary.model), [])
            found.append(Point(cases, summary.mean, summary.low, summary.high))
    return {
        model: sorted(found, key=lambda point: (point.cases, point.mean))
        for model, found in points.items()
        if len({point.cases for point in found}) > 1
    }


def learning_curves(
    points: Mapping[str, Sequence[Point]], width: float = WIDTHS_MM["single"] / 25.4
) -> Figure:
    """Mean Dice over the number of training cases; a line through the means of equal numbers."""
    with house_style():
        figure = Figure(figsize=(width, 2.8), layout="constrained")
        panel = figure.subplots()
        for index, (model, found) in enumerate(points.items()):
            how = look(index)
            nudge = 1 + 0.02 * (index - (len(points) - 1) / 2)  # intervals side by side
            at = np.array([point.cases for point in found])
            mean = np.array([point.mean for point in found])
            reach = np.array([[point.mean - point.low, point.high - point.mean] for point in found]).T
            reach = np.maximum(reach, 0)
            mark = {"fmt": how["marker"], "markersize": 3.5, "color": how["color"]}
            panel.errorbar(at * nudge, mean, reach, capsize=2, linewidth=0.8, **mark)
            levels = np.unique(at)
            means = [mean[at == level].mean() for level in levels]
            panel.plot(levels * nudge, means, label=model, **how | {"marker": ""})
        panel.set_xscale("log", base=2)
        panel.set_xticks(sorted({point.cases for found in points.values() for point in found}))
        panel.xaxis.set_major_formatter(ScalarFormatter())
        panel.xaxis.set_minor_locator(NullLocator())
        panel.set_xlabel("training cases")
        panel.set_title("Mean Dice")
        if len(points) > 1:
            figure.legend(loc="outside lower center", ncols=min(len(points), 4))
    return figure
