"""One look for all figures, and the same bytes for the same figure.

Colours: Okabe & Ito, Color Universal Design (2008), in an order whose neighbours differ in grey. Font: the
one that matplotlib ships, so that text is laid out alike on every machine; in SVG it stays text (searchable,
editable).
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib.style
from matplotlib.figure import Figure

PALETTE = ("#0072B2", "#D55E00", "#56B4E9", "#009E73", "#E69F00", "#000000", "#CC79A7")
DASHES = ("-", "--", "-.", ":")
ON_IMAGE = ("#56B4E9", "#E69F00", "#F0E442", "#CC79A7", "#00C78F", "#FF7F50", "#FFFFFF")
"""Brighter relatives of the palette, for lines on a dark image."""
INK = "#222222"
FAINT = "#767676"
GRID = "#E3E3E3"
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
