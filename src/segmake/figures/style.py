"""One look for all figures, and the same bytes for the same figure.

Colours are those of `palette`. Font: the one that matplotlib ships, so that text is laid out alike on every
machine; in SVG it stays text (searchable, editable).
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib.style
from matplotlib.figure import Figure

from segmake.figures.palette import FAINT, GRID, INK, PALETTE

DASHES = ("-", "--", "-.", ":")
DOUBLE_COLUMN_INCHES = 7.2

HOUSE: dict[str, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": FAINT,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.labelcolor": INK,
    "axes.labelsize": 8.0,
    "axes.linewidth": 0.7,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 9.0,
    "axes.titleweight": "bold",
    "figure.constrained_layout.h_pad": 0.07,
    "figure.constrained_layout.w_pad": 0.07,
    "figure.facecolor": "white",
    "font.family": ["DejaVu Sans"],
    "font.size": 8.0,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "legend.fontsize": 7.5,
    "legend.frameon": False,
    "lines.linewidth": 1.4,
    "svg.fonttype": "none",
    "svg.hashsalt": "segmake",
    "text.color": INK,
    "text.parse_math": False,
    "xtick.color": FAINT,
    "xtick.labelcolor": INK,
    "xtick.labelsize": 7.5,
    "ytick.color": FAINT,
    "ytick.labelcolor": INK,
    "ytick.labelsize": 7.5,
}


@contextmanager
def house_style() -> Iterator[None]:
    """Draw in this style whatever the user's own matplotlib settings are."""
    with matplotlib.style.context(HOUSE, after_reset=True):
        yield


def colour(index: int) -> str:
    """Colour of the n-th series."""
    return PALETTE[index % len(PALETTE)]


def to_svg(figure: Figure) -> bytes:
    """A figure as SVG: no date, fixed ids, and fallbacks of the same width for the font."""
    stream = io.BytesIO()
    with house_style():
        figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None})
    text = stream.getvalue().decode("utf-8")
    text = re.sub(r"font-family: 'DejaVu Sans'", "font-family: 'DejaVu Sans', Verdana, sans-serif", text)
    return text.encode("utf-8")


def to_png(figure: Figure, dpi: int) -> bytes:
    """A figure as PNG without software or time in its metadata."""
    stream = io.BytesIO()
    with house_style():
        figure.savefig(
            stream, format="png", dpi=dpi, metadata={"Software": None}, pil_kwargs={"optimize": True}
        )
    return stream.getvalue()
