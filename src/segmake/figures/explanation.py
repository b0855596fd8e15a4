"""A patch beside what a classifier looked at in it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from segmake.figures.palette import FAINT, ON_IMAGE
from segmake.figures.style import house_style
from segmake.volume.volume import Array

HEAT = LinearSegmentedColormap.from_list("heat", ["#000000", ON_IMAGE[1], ON_IMAGE[2]])
"""Brighter is hotter: also in grey."""
SIDE_INCHES = 2.4


def explanation(patch: Array, maps: Mapping[str, Array], title: str) -> Figure:
    """Draw a patch by itself, then under each of its heat maps.

    patch: uint8 [C, S, S], of one channel grey, of three shown as colours.
    maps: name -> heat [S, S], 0 to 1; no heat is transparent.
    """
    shown = patch.transpose(1, 2, 0) if len(patch) == 3 else np.repeat(patch[0][..., None], 3, axis=2)
    with house_style():
        figure = Figure(figsize=(SIDE_INCHES * (1 + len(maps)), SIDE_INCHES + 0.5), layout="constrained")
        panels = figure.subplots(1, 1 + len(maps), squeeze=False)[0]
        for panel, (name, heat) in zip(panels, {"patch": None, **maps}.items(), strict=True):
            panel.imshow(shown, interpolation="nearest")
            if heat is not None:
                panel.imshow(heat, cmap=HEAT, vmin=0, vmax=1, alpha=0.65 * heat, interpolation="bilinear")
            empty = "" if heat is None or heat.any() else ": nothing speaks for it"
            panel.set_title(f"{name}{empty}", fontweight="normal", color=FAINT)
            panel.set_axis_off()
        figure.suptitle(title, x=0.01, ha="left", fontsize=8)
    return figure
