"""A case in three planes, with the outlines of truth and prediction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import matplotlib.patheffects as effects
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from segmake.figures.palette import INK, ON_IMAGE
from segmake.figures.slices import Slice, Slices
from segmake.figures.style import DOUBLE_COLUMN_INCHES, house_style
from segmake.volume.volume import Array

PLANES = (("Axial", 2, "RLAP"), ("Coronal", 1, "RLSI"), ("Sagittal", 0, "APSI"))
"""Plane, the axis it is normal to, and the letters at its left, right, upper and lower edge."""
EDGES = (
    (0.02, 0.5, "left", "center"),
    (0.98, 0.5, "right", "center"),
    (0.5, 0.98, "center", "top"),
    (0.5, 0.02, "center", "bottom"),
)
"""Place and alignment of these letters."""
BARS_MM = (1, 2, 5, 10, 20, 50, 100)
FINE = 4
DASHED = (0, (2.2, 1.4))
LEAST_PANEL_INCHES = 1.6


def draw_slices(slices: Slices, width: float = DOUBLE_COLUMN_INCHES) -> Figure:
    """All three planes at one scale with the outlines of truth (solid) and prediction (dashed).

    Shown as a radiologist looks at it: the patient's right, or front, is on the left.
    """
    labels = slices.labels
    values = list(labels.values())
    hues = dict(zip(values, ON_IMAGE * (len(values) // len(ON_IMAGE) + 1), strict=False))
    size = {value: sum(int((plane.truth == value).sum()) for plane in slices.planes) for value in values}
    order = sorted(hues.items(), key=lambda item: -size[item[0]])  # inner labels on top
    small = width / 3 < LEAST_PANEL_INCHES
    with house_style():
        figure = Figure(figsize=(width, width / 3 + (0.75 if small else 0.5)), layout="constrained")
        for panel, (name, axis, letters) in zip(figure.subplots(1, 3), PLANES, strict=True):
            plane = slices.planes[axis]
            _image(panel, plane)
            for value, hue in order:
                _outline(panel, plane, plane.truth == value, hue, "-")
                _outline(panel, plane, plane.prediction == value, hue, DASHED)
            _frame(panel, plane.view_mm, letters)
            index, count = plane.place.tolist()
            title = f"{name} {index + 1}/{count}" if small else f"{name}, slice {index + 1} of {count}"
            panel.set_title(title, weight="normal", size=7.5)
        _key(figure, labels)
    return figure


def _image(panel: Any, plane: Slice) -> None:
    """The grey values, each voxel a rectangle of its size."""
    edges = [
        float(start + (at - 0.5) * step)
        for start, step, n in zip(plane.start_mm, plane.spacing_mm, plane.grey.shape, strict=True)
        for at in (0, n)
    ]
    panel.imshow(plane.grey.T, cmap="gray", vmin=0, vmax=255, origin="lower", extent=edges)


def _outline(panel: Any, plane: Slice, mask: Array, hue: str, dash: Any) -> None:
    """The outline of a 2D mask along its voxels' edges (each voxel is cut in four, so corners stay sharp)."""
    if not mask.any():
        return
    where = np.argwhere(mask)
    first, last = where.min(axis=0), where.max(axis=0)
    part = mask[first[0] : last[0] + 1, first[1] : last[1] + 1].astype(np.float64)
    fine = np.pad(part.repeat(FINE, axis=0).repeat(FINE, axis=1), 1)
    a, b = ((start - 0.5 + (np.arange(n) - 0.5) / FINE) for start, n in zip(first, fine.shape, strict=True))
    x, y = (
        start + at * step for start, at, step in zip(plane.start_mm, (a, b), plane.spacing_mm, strict=True)
    )
    lines = panel.contour(x, y, fine.T, levels=[0.5], colors=[hue], linewidths=1.3, linestyles=[dash])
    lines.set_path_effects([effects.Stroke(linewidth=2.2, foreground="#00000090"), effects.Normal()])


def _frame(panel: Any, view: Array, letters: str) -> None:
    """Cut to the view, turn to the radiological side, add edge letters and a scale bar."""
    (left, right), (bottom, top) = view
    panel.set_xlim(right, left)
    panel.set_ylim(bottom, top)
    panel.set_xticks([])
    panel.set_yticks([])
    panel.grid(visible=False)
    panel.set_facecolor("black")
    look = {"color": "white", "size": 7, "transform": panel.transAxes}
    glow = [effects.withStroke(linewidth=1.6, foreground="black")]
    for letter, (x, y, across, up) in zip(letters, EDGES, strict=True):
        panel.text(x, y, letter, ha=across, va=up, path_effects=glow, **look)
    bar = max((b for b in BARS_MM if b <= 0.3 * (right - left)), default=BARS_MM[0])
    share = bar / (right - left)
    panel.plot([0.04, 0.04 + share], [0.05, 0.05], color="white", linewidth=2, transform=panel.transAxes)
    panel.text(0.04, 0.07, f"{bar} mm", ha="left", va="bottom", path_effects=glow, **look)


def _key(figure: Figure, labels: Mapping[str, int]) -> None:
    """Legend below: a colour per label, a line style for truth and prediction."""
    marks = [
        Line2D(
            [], [], marker="s", markeredgecolor=INK, markeredgewidth=0.5, linestyle="", color=hue, label=name
        )
        for name, hue in zip(labels, ON_IMAGE * (len(labels) // len(ON_IMAGE) + 1), strict=False)
    ]
    marks.append(Line2D([], [], color=INK, linewidth=1.3, label="truth"))
    marks.append(Line2D([], [], color=INK, linewidth=1.3, linestyle=DASHED, label="prediction"))
    figure.legend(
        handles=marks,
        loc="outside lower center",
        ncols=min(len(marks), max(2, int(figure.get_figwidth() / 1.15))),
    )
