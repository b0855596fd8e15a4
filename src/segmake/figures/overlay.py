"""A case in three planes, with the outlines of truth and prediction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.patheffects as effects
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from segmake.figures.palette import INK, ON_IMAGE
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
LEAST_VIEW_MM = 30.0
FINE = 4


def overlay(
    image: Array,
    truth: Array,
    prediction: Array,
    spacing_mm: Sequence[float],
    labels: Mapping[str, int],
) -> Figure:
    """Slices through the largest cross-section of the truth, all three planes at one scale.

    image, truth, prediction: [X, Y, Z] on one canonical (RAS+) grid; labels: name -> value. Shown as a
    radiologist looks at it: the patient's right, or front, is on the left. The view is a cube round the
    labels.
    """
    values = list(labels.values())
    true, guess = np.isin(truth, values), np.isin(prediction, values)
    seen = true if true.any() else guess
    spacing = np.asarray(spacing_mm, dtype=np.float64)
    view = view_box_mm(true | guess, spacing)
    low, high = grey_window(image, view, spacing)
    hues = dict(zip(values, ON_IMAGE * (len(values) // len(ON_IMAGE) + 1), strict=False))
    order = sorted(hues.items(), key=lambda item: -int((truth == item[0]).sum()))  # inner labels on top
    with house_style():
        figure = Figure(figsize=(DOUBLE_COLUMN_INCHES, 2.75), layout="constrained")
        for panel, (name, axis, letters) in zip(figure.subplots(1, 3), PLANES, strict=True):
            index = largest_slice(seen, axis)
            flat = [i for i in range(3) if i != axis]
            edges = [float(edge * spacing[i]) for i in flat for edge in (-0.5, image.shape[i] - 0.5)]
            panel.imshow(
                np.take(image, index, axis).T, cmap="gray", vmin=low, vmax=high, origin="lower", extent=edges
            )
            for value, hue in order:
                _outline(panel, spacing[flat], np.take(truth, index, axis) == value, hue, "-")
                _outline(
                    panel, spacing[flat], np.take(prediction, index, axis) == value, hue, (0, (2.2, 1.4))
                )
            _frame(panel, view[flat], letters)
            panel.set_title(f"{name}, slice {index + 1} of {image.shape[axis]}", weight="normal", size=7.5)
        _key(figure, labels)
    return figure


def largest_slice(mask: Array, axis: int) -> int:
    """Index along `axis` where a mask [X, Y, Z] has its largest cross-section; the middle when empty."""
    areas = mask.sum(axis=tuple(i for i in range(3) if i != axis))
    return int(areas.argmax()) if areas.any() else mask.shape[axis] // 2


def view_box_mm(mask: Array, spacing_mm: Array) -> Array:
    """What to show, [3, 2] in mm from the first voxel: a cube, so that all planes have one scale.

    Its side is 1.6 times the mask's longest side, at least 30 mm and at most the image's longest side. It
    lies round the mask and inside the image where the image is large enough, else round the image.
    """
    size = np.array(mask.shape) * spacing_mm
    low, high = -spacing_mm / 2, size - spacing_mm / 2
    where = np.argwhere(mask) if mask.any() else np.array([[0, 0, 0], np.array(mask.shape) - 1])
    first, last = where.min(axis=0) * spacing_mm, where.max(axis=0) * spacing_mm
    wanted = max(1.6 * float((last - first).max()), LEAST_VIEW_MM)
    side = min(wanted, float(size.max()))
    inside = np.clip((first + last - side) / 2, low, np.maximum(low, high - side))
    start = np.where(size >= side, inside, (low + high - side) / 2)
    return np.stack([start, start + side], axis=1)


def grey_window(image: Array, view_mm: Array, spacing_mm: Array) -> tuple[float, float]:
    """Black and white level: 1st and 99th percentile of the image inside the view."""
    part = image[_voxels(view_mm, spacing_mm)]
    part = part[np.isfinite(part)]
    if part.size == 0:
        return 0.0, 1.0
    low, high = np.percentile(part, (1, 99))
    return float(low), float(max(high, low + 1e-6))


def _outline(panel: Any, spacing: Array, mask: Array, hue: str, dash: Any) -> None:
    """The outline of a 2D mask along its voxels' edges (each voxel is cut in four, so corners stay sharp)."""
    if not mask.any():
        return
    where = np.argwhere(mask)
    first, last = where.min(axis=0), where.max(axis=0)
    part = mask[first[0] : last[0] + 1, first[1] : last[1] + 1].astype(np.float64)
    fine = np.pad(part.repeat(FINE, axis=0).repeat(FINE, axis=1), 1)
    a, b = ((start - 0.5 + (np.arange(n) - 0.5) / FINE) for start, n in zip(first, fine.shape, strict=True))
    lines = panel.contour(
        a * spacing[0], b * spacing[1], fine.T, levels=[0.5], colors=[hue], linewidths=1.3, linestyles=[dash]
    )
    lines.set_path_effects([effects.Stroke(linewidth=2.2, foreground="#00000090"), effects.Normal()])


def clearest_channel(image: Array, mask: Array, spacing_mm: Sequence[float]) -> int:
    """Channel of an image [C, X, Y, Z] in which a mask stands out most from what is round it.

    Contrast to noise inside the view: difference of the means over the standard deviation outside the mask.
    """
    if len(image) == 1 or not mask.any():
        return 0
    spacing = np.asarray(spacing_mm, dtype=np.float64)
    box = _voxels(view_box_mm(mask, spacing), spacing)
    inside = mask[box]
    if inside.all():
        return 0
    parts = [np.asarray(channel[box], dtype=np.float64) for channel in image]
    contrast = [
        abs(part[inside].mean() - part[~inside].mean()) / (part[~inside].std() or 1.0) for part in parts
    ]
    return int(np.argmax(contrast))


def _voxels(view_mm: Array, spacing_mm: Array) -> tuple[slice, ...]:
    """The voxels of a view, as slices."""
    start = np.maximum(np.floor(view_mm[:, 0] / spacing_mm), 0).astype(int)
    stop = np.maximum(np.ceil(view_mm[:, 1] / spacing_mm).astype(int) + 1, 1)
    return tuple(slice(int(a), int(b)) for a, b in zip(start, stop, strict=True))


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
    marks.append(Line2D([], [], color=INK, linewidth=1.3, linestyle=(0, (2.2, 1.4)), label="prediction"))
    figure.legend(handles=marks, loc="outside lower center", ncols=min(len(marks), 6))
