"""The viewer's page: truth and prediction over the image. niivue draws them, `segmake view` serves them."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.resources import files
from urllib.parse import urlencode

from segmake.figures.page import fill
from segmake.figures.palette import ON_IMAGE

PAGE = "viewer.html"
LIBRARY = "viewer/niivue.js"
"""Where the page looks for niivue."""
READABLE = (".nii", ".nii.gz", ".mha", ".nrrd")
"""Files that niivue reads by itself."""


@dataclass(frozen=True)
class Look:
    """A case as one model sees it. Addresses are seen from the page; an empty one is left out."""

    model: str
    case: str
    image: str
    truth: str
    prediction: str
    told: str = ""
    """What is said about it, such as its scores."""
    channel: int = 0
    """Which channel to show first."""


def address(model: str, case: str) -> str:
    """Address of a case in the viewer, seen from the other pages."""
    return f"{PAGE}#{urlencode({'model': model, 'case': case})}"


def is_readable(path: str) -> bool:
    """Whether the viewer can show a file."""
    return path.lower().endswith(READABLE)


def render_viewer(
    title: str, looks: Iterable[Look], labels: Mapping[str, int], channels: Sequence[str]
) -> str:
    """The page as HTML text. labels: name -> value; their colours are those of all pictures."""
    hues = itertools.cycle(ON_IMAGE)  # in the order of the labels, as in the figures
    coloured = [[name, value, hue] for (name, value), hue in zip(labels.items(), hues, strict=False)]
    data = {"labels": coloured, "channels": list(channels), "entries": [asdict(look) for look in looks]}
    return fill(PAGE, ["viewer.js"], title=title, data=data)


def library() -> bytes:
    """niivue, minified, as its authors publish it."""
    return files("segmake").joinpath("figures/static/niivue.js").read_bytes()


def library_license() -> bytes:
    """The terms under which it and the libraries inside it are passed on."""
    return files("segmake").joinpath("figures/static/niivue.LICENSE.txt").read_bytes()
