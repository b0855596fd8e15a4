"""One look for all figures, and the same bytes for the same figure.

Colours are those of `palette`. Series differ in marker and dash too: figures are printed in grey. Font: the
one that matplotlib ships, so that text is laid out alike on every machine; in SVG it stays text (searchable,
editable), in PDF it is embedded.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib.style
from matplotlib.figure import Figure

from segmake.figures.palette import FAINT, GRID, INK, PALETTE

DASHES = ("-", "--", "-.", ":", (0, (6, 1.5, 1.5, 1.5, 1.5, 1.5)), (0, (1, 2.5)), (0, (8, 3)))
MARKERS = ("o", "s", "v", "P", "p", "<", "h")
"""Neither those of a missed label, a false alarm and a mean, nor alike when small."""
WIDTHS_MM = {"single": 88.0, "double": 180.0}
"""A journal's columns."""
DOUBLE_COLUMN_INCHES = WIDTHS_MM["double"] / 25.4
MANY_POINTS = 2000
"""More points of cases than this in a figure are drawn as pixels, so that SVG and PDF stay small."""
PIXELS_DPI = 200
"""Resolution of what is drawn as pixels in SVG and PDF."""
TALLEST_INCHES = 9.0
"""A page's text."""

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
    "hatch.linewidth": 0.5,
    "legend.fontsize": 7.5,
    "legend.frameon": False,
    "lines.linewidth": 1.4,
    "pdf.fonttype": 42,
    "svg.fonttype": "none",
    "svg.hashsalt": "segmake",
    "text.color": INK,
    "text.hinting": "none",  # else words have another width at every resolution
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


def look(index: int) -> dict[str, Any]:
    """Colour, marker and dash of the n-th series: any of them tells it from its neighbours."""
    turn = index // len(PALETTE)
    dash = DASHES[(index + turn) % len(DASHES)]
    return {"color": colour(index), "marker": MARKERS[(index + 2 * turn) % len(MARKERS)], "linestyle": dash}


def width_inches(column: str) -> float:
    """Width of a figure for a journal's single or double column."""
    return WIDTHS_MM[column] / 25.4


def grid(count: int, width: float, least: float = 1.9) -> tuple[int, int]:
    """Rows and columns of so many panels in a figure of this width, none narrower than `least` (inches)."""
    columns = max(1, min(count, int(width / least)))
    return max(1, math.ceil(count / columns)), columns


@dataclass(frozen=True)
class About:
    """What the metadata of a file say of the figure."""

    title: str
    caption: str
    source: str
    """What it was drawn from, as JSON."""


def settle(figure: Figure) -> None:
    """Lay a figure out once, so that it is the same in every format."""
    with house_style():
        figure.draw_without_rendering()
        figure.set_layout_engine("none")


def to_svg(figure: Figure, about: About | None = None) -> bytes:
    """A figure as SVG: no date, fixed ids, and fallbacks of the same width for the font."""
    told: dict[str, Any] = {"Date": None, "Creator": None}
    if about:  # no `Title`: browsers would show it as a tooltip
        told |= {"Description": f"{about.title}. {about.caption}", "Source": about.source}
    text = _saved(figure, "svg", dpi=PIXELS_DPI, metadata=told).decode("utf-8")
    text = re.sub(r"font-family: 'DejaVu Sans'", "font-family: 'DejaVu Sans', Verdana, sans-serif", text)
    return text.encode("utf-8")


def to_pdf(figure: Figure, about: About | None = None) -> bytes:
    """A figure as PDF with its fonts embedded (TrueType) and no date."""
    told: dict[str, Any] = {"CreationDate": None, "Creator": None, "Producer": None}
    if about:
        told |= {"Title": about.title, "Subject": about.caption, "Keywords": about.source}
    return _saved(figure, "pdf", dpi=PIXELS_DPI, metadata=told)


def to_png(figure: Figure, dpi: int, about: About | None = None) -> bytes:
    """A figure as PNG without software or time in its metadata."""
    told: dict[str, Any] = {"Software": None}
    if about:
        told |= {"Title": about.title, "Description": about.caption, "Source": about.source}
    return _saved(figure, "png", dpi=dpi, metadata=told, pil_kwargs={"optimize": True})


def _saved(figure: Figure, kind: str, **how: Any) -> bytes:
    stream = io.BytesIO()
    with house_style():
        figure.savefig(stream, format=kind, **how)
    return stream.getvalue()
