"""Training curves and the agreement of volumes, drawn from table rows alone."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from segmake.figures.palette import FAINT, INK
from segmake.figures.style import DASHES, DOUBLE_COLUMN_INCHES, colour, house_style
from segmake.volume.volume import Array

MANY_POINTS = 2000
"""Curves are thinned to about this many points."""


def training_curves(histories: Mapping[str, Sequence[Mapping[str, float]]]) -> Figure:
    """Loss, validation Dice (where measured) and learning rate over steps, one colour per run (fold).

    The pale line is the loss of each recorded step, the strong one its running mean.
    """
    has_dice = any(
        math.isfinite(row.get("val_dice", math.nan)) for rows in histories.values() for row in rows
    )
    dice, rate = ["Validation Dice"] * has_dice, "Learning rate (\N{MULTIPLICATION SIGN}10⁻³)"
    titles = ["Loss", *dice, rate]
    with house_style():
        figure = Figure(figsize=(DOUBLE_COLUMN_INCHES, 2.6), layout="constrained")
        panels = dict(zip(titles, figure.subplots(1, len(titles), squeeze=False)[0], strict=True))
        for index, (name, rows) in enumerate(histories.items()):
            look = {"color": colour(index), "linestyle": DASHES[(index // 7) % len(DASHES)]}
            step, loss = _series(rows, "loss")
            thin = slice(None, None, max(1, len(loss) // MANY_POINTS))
            strong = smooth(loss, max(1, len(loss) // 25))
            panels["Loss"].plot(step[thin], loss[thin], color=colour(index), alpha=0.25, linewidth=0.6)
            panels["Loss"].plot(step[thin], strong[thin], label=name, **look)
            step, loss = _series(rows, "val_loss")
            panels["Loss"].plot(
                step, loss, marker="o", markersize=3, linewidth=0.8, **look | {"linestyle": ":"}
            )
            if has_dice:
                panels["Validation Dice"].plot(*_series(rows, "val_dice"), marker="o", markersize=3, **look)
            step, lr = _series(rows, "lr")
            panels[rate].plot(step, 1000 * lr, **look)
        for title, panel in panels.items():
            panel.set_title(title)
            panel.set_xlabel("step")
            panel.margins(x=0.02)
        if len(histories) > 1:
            figure.legend(loc="outside lower center", ncols=min(len(histories), 8))
    return figure


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


def volume_agreement(pairs: Mapping[str, tuple[Array, Array]]) -> Figure:
    """Bland-Altman plot per label: predicted minus true volume over their mean, with the limits of agreement.

    pairs: label -> (true, predicted) volumes in ml, one per case. Limits are the mean difference and 1.96
    standard deviations either side (Bland & Altman, Lancet 1986).
    """
    columns = min(3, max(1, len(pairs)))
    rows = max(1, math.ceil(len(pairs) / columns))
    with house_style():
        figure = Figure(figsize=(DOUBLE_COLUMN_INCHES, 2.4 * rows), layout="constrained")
        panels = figure.subplots(rows, columns, squeeze=False).ravel()
        for panel, (label, (truth, predicted)) in zip(panels, pairs.items(), strict=False):
            difference = predicted - truth
            mean, sd = float(difference.mean()), float(difference.std(ddof=1)) if len(truth) > 1 else 0.0
            panel.scatter(
                (truth + predicted) / 2, difference, s=12, color=colour(0), alpha=0.65, linewidths=0
            )
            panel.axhline(0, color=FAINT, linewidth=0.7)
            panel.axhline(mean, color=INK, linewidth=1.1)
            for limit in (mean - 1.96 * sd, mean + 1.96 * sd):
                panel.axhline(limit, color=INK, linewidth=0.9, linestyle="--")
            panel.set_title(label)
            panel.set_xlabel("mean of both volumes (ml)")
        for panel in panels[: len(pairs) : columns]:
            panel.set_ylabel("predicted - true (ml)")
        for panel in panels[len(pairs) :]:
            panel.set_visible(False)
    return figure
