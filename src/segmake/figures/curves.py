"""Training curves and the agreement of volumes, drawn from table rows alone."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from segmake.figures.palette import FAINT, INK
from segmake.figures.plots import CROWD
from segmake.figures.style import DOUBLE_COLUMN_INCHES, MANY_POINTS, colour, grid, house_style, look
from segmake.volume.volume import Array

VALIDATION = {"val_dice": "Validation Dice", "val_auc": "Validation AUC"}
"""What is measured on validation cases, and what its panel is called."""


def training_curves(
    histories: Mapping[str, Sequence[Mapping[str, float]]], width: float = DOUBLE_COLUMN_INCHES
) -> Figure:
    """Loss, validation (where measured) and learning rate over steps, a colour and dash per run (fold).

    The pale line is the loss of each recorded step, the strong one its running mean.
    """
    measured = [
        title
        for column, title in VALIDATION.items()
        if any(math.isfinite(row.get(column, math.nan)) for rows in histories.values() for row in rows)
    ]
    titles = ["Loss", *measured, "Learning rate (\N{MULTIPLICATION SIGN}10⁻³)"]
    rows, columns = grid(len(titles), width)
    with house_style():
        figure = Figure(figsize=(width, 2.2 * rows + 0.4), layout="constrained")
        axes = figure.subplots(rows, columns, squeeze=False).ravel()
        panels = dict(zip(titles, axes, strict=False))
        for index, (name, history) in enumerate(histories.items()):
            _run(panels, index, name, history)
        for title, panel in panels.items():
            panel.set_title(title)
            panel.set_xlabel("step")
            panel.margins(x=0.02)
        for panel in axes[len(titles) :]:
            panel.set_visible(False)
        if len(histories) > 1:
            figure.legend(loc="outside lower center", ncols=min(len(histories), max(1, int(width / 0.85))))
    return figure


def _run(panels: Mapping[str, Any], index: int, name: str, history: Sequence[Mapping[str, float]]) -> None:
    """The curves of one run; panels: title -> axes, the learning rate last."""
    how = look(index)
    line = {"color": how["color"], "linestyle": how["linestyle"]}
    points = {"color": how["color"], "marker": how["marker"], "markersize": 3}
    step, loss = _series(history, "loss")
    thin = slice(None, None, max(1, len(loss) // MANY_POINTS))
    strong = smooth(loss, max(1, len(loss) // 25))
    panels["Loss"].plot(step[thin], loss[thin], color=how["color"], alpha=0.4, linewidth=0.6)
    panels["Loss"].plot(step[thin], strong[thin], label=name, **line)
    panels["Loss"].plot(*_series(history, "val_loss"), linewidth=0.8, linestyle=":", **points)
    for column, title in VALIDATION.items():
        if title in panels:
            panels[title].plot(*_series(history, column), linestyle=how["linestyle"], **points)
    step, rate = _series(history, "lr")
    list(panels.values())[-1].plot(step, 1000 * rate, **line)


def _series(rows: Sequence[Mapping[str, float]], column: str) -> tuple[Array, Array]:
    """Steps and values of a column where it has a value."""
    found = [(row["step"], row.get(column, math.nan)) for row in rows]
    kept = np.array([pair for pair in found if math.isfinite(pair[1])]).reshape(-1, 2)
    return kept[:, 0], kept[:, 1]


def smooth(values: Array, window: int) -> Array:
    """Centred running mean over up to `window` values either side, shorter at the ends."""
    if len(values) == 0:
        return values
    total = np.concatenate([[0.0], np.cumsum(values)])
    index = np.arange(len(values))
    first, last = np.maximum(index - window, 0), np.minimum(index + window + 1, len(values))
    means: Array = (total[last] - total[first]) / (last - first)
    return means


def volume_agreement(pairs: Mapping[str, tuple[Array, Array]], width: float = DOUBLE_COLUMN_INCHES) -> Figure:
    """Bland-Altman plot per label: predicted minus true volume over their mean, with the limits of agreement.

    pairs: label -> (true, predicted) volumes in ml, one per case. Limits are the mean difference and 1.96
    standard deviations either side (Bland & Altman, Lancet 1986).
    """
    rows, columns = grid(len(pairs), width)
    dense = sum(len(truth) for truth, _ in pairs.values()) > MANY_POINTS
    with house_style():
        figure = Figure(figsize=(width, 2.3 * rows + 0.1), layout="constrained")
        panels = figure.subplots(rows, columns, squeeze=False).ravel()
        for panel, (label, (truth, predicted)) in zip(panels, pairs.items(), strict=False):
            difference = predicted - truth
            mean, sd = float(difference.mean()), float(difference.std(ddof=1)) if len(truth) > 1 else 0.0
            how = {"s": 12, "alpha": 0.65} if len(truth) <= CROWD else {"s": 3, "alpha": 0.4}
            panel.scatter(
                (truth + predicted) / 2, difference, color=colour(0), linewidths=0, rasterized=dense, **how
            )
            panel.axhline(0, color=FAINT, linewidth=0.7)
            panel.axhline(mean, color=INK, linewidth=1.1)
            limits = (mean - 1.96 * sd, mean + 1.96 * sd)
            for limit in limits:
                panel.axhline(limit, color=INK, linewidth=0.9, linestyle="--")
            panel.margins(y=0.12)
            panel.set_title(label)
            told = f"bias {mean:.3g}, limits {limits[0]:.3g} to {limits[1]:.3g}"
            panel.set_xlabel(f"mean of both volumes (ml)\n{told}".replace("-", "\N{MINUS SIGN}"))
        for panel in panels[: len(pairs) : columns]:
            panel.set_ylabel("predicted \N{MINUS SIGN} true (ml)")
        for panel in panels[len(pairs) :]:
            panel.set_visible(False)
    return figure


def dice_agreement(
    pairs: Mapping[str, Mapping[str, tuple[Array, Array]]], width: float = DOUBLE_COLUMN_INCHES
) -> Figure:
    """Real Dice over the Dice that the models let expect, a panel per label; on the dashed line they agree.

    pairs: label -> split -> (expected, real), one value per case.
    """
    rows, columns = grid(len(pairs), width)
    splits = list(dict.fromkeys(split for found in pairs.values() for split in found))
    with house_style():
        figure = Figure(figsize=(width, 2.3 * rows + 0.25), layout="constrained")
        panels = figure.subplots(rows, columns, squeeze=False).ravel()
        for panel, (label, found) in zip(panels, pairs.items(), strict=False):
            panel.plot([0, 1], [0, 1], color=FAINT, linestyle="--", linewidth=0.9, zorder=1)
            for split, (expected, real) in found.items():
                how = look(splits.index(split)) | {"linestyle": "", "rasterized": len(real) > MANY_POINTS}
                panel.plot(expected, real, markersize=3.6, alpha=0.7, markeredgewidth=0, label=split, **how)
            expected, real = (np.concatenate(part) for part in zip(*found.values(), strict=True))
            panel.set_title(label)
            told = f"mean absolute error {np.abs(expected - real).mean():.3f}"
            panel.set_xlabel(f"expected Dice\n{told}")
            panel.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
        for panel in panels[: len(pairs) : columns]:
            panel.set_ylabel("real Dice")
        for panel in panels[len(pairs) :]:
            panel.set_visible(False)
        if len(splits) > 1:
            handles = panels[0].get_legend_handles_labels()
            figure.legend(*handles, loc="outside lower center", ncols=len(splits))
    return figure
