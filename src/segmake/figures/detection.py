"""The FROC curve of detectors, drawn from table rows alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from segmake.figures.records import to_number
from segmake.figures.style import WIDTHS_MM, house_style, look
from segmake.tables import Row
from segmake.volume.volume import Array

TICKS = {1 / 8: "1/8", 1 / 4: "1/4", 1 / 2: "1/2", 1: "1", 2: "2", 4: "4", 8: "8"}


@dataclass(frozen=True)
class Detector:
    """Scores of a detector.

    points: [N, 4] false positives per scan, sensitivity and the ends of its interval; curve: [M, 2] false
    positives per scan and sensitivity, empty when only the points are known.
    """

    points: Array
    curve: Array
    cpm: float


def read_detector(scores: Sequence[Row], curve: Sequence[Row]) -> Detector:
    """Rows of the tables that `segmake froc` writes."""
    names = ("fp_per_scan", "value", "ci_low", "ci_high")
    found = [[to_number(row[name]) for name in names] for row in scores if row["measure"] == "sensitivity"]
    cpm = [to_number(row["value"]) for row in scores if row["measure"] == "cpm"]
    line = [[to_number(row[name]) for name in ("fp_per_scan", "sensitivity")] for row in curve]
    return Detector(np.array(found).reshape(-1, 4), np.array(line).reshape(-1, 2), cpm[0] if cpm else np.nan)


def froc_curves(detectors: Mapping[str, Detector], width: float = WIDTHS_MM["single"] / 25.4) -> Figure:
    """Sensitivity over false positives per scan, with the intervals at the points that LUNA16 averages."""
    with house_style():
        figure = Figure(figsize=(min(width, 4.4), 3.1), layout="constrained")
        panel = figure.subplots()
        for index, (name, detector) in enumerate(detectors.items()):
            how = look(index)
            label = f"{name}: CPM {detector.cpm:.3f}"
            dash = {"color": how["color"], "linestyle": how["linestyle"]}
            if len(detector.curve):
                panel.step(*detector.curve.T, where="post", label=label, **dash)
            at, value, low, high = detector.points.T
            reach = np.maximum([value - low, high - value], 0)
            nudge = 1 + 0.03 * (index - (len(detectors) - 1) / 2)
            mark = {"fmt": how["marker"], "markersize": 4, "color": how["color"], "capsize": 2}
            bare = None if len(detector.curve) else label
            panel.errorbar(at * nudge, value, reach, linewidth=0.9, label=bare, **mark)
        panel.set_xscale("log", base=2)
        panel.set(xlim=(2**-3.4, 2**3.4), ylim=(0, 1.02))
        panel.xaxis.set_major_locator(FixedLocator(list(TICKS)))
        panel.xaxis.set_minor_locator(NullLocator())
        panel.set_xticklabels(TICKS.values())
        panel.set_xlabel("false positives per scan")
        panel.set_ylabel("sensitivity")
        panel.grid(visible=True, axis="x")
        panel.legend(loc="lower right")
    return figure
