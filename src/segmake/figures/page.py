"""An HTML page: no network, every string escaped; only small pictures of cases lie in files beside it."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib.resources import files
from typing import ClassVar

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

JPEG = b"\xff\xd8"
"""How such a file begins."""
NARROW_POINTS = 340
LARGEST_SVG = 400_000
"""Bytes above which a drawing (a point for every case of thousands) is shown as PNG; its SVG is a link."""


@dataclass(frozen=True)
class Link:
    """A text and the address it leads to."""

    text: str
    address: str
    title: str = ""
    """What it leads to, where the text alone does not say."""


Cell = str | tuple[str, str] | Link
"""What stands in a table: a text, a text with a smaller second line, a link."""


@dataclass(frozen=True)
class Note:
    """A paragraph; kind decides how it looks."""

    text: str
    kind: str = "text"  # or: heading, warning, verdict; code and prose are for copying


@dataclass(frozen=True)
class Facts:
    """Names and values side by side."""

    kind: ClassVar[str] = "facts"
    items: Mapping[str, str]


@dataclass(frozen=True)
class Table:
    """A table; the first column names the row. `numeric` columns are right-aligned and sort by number."""

    kind: ClassVar[str] = "table"
    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    numeric: frozenset[str] = frozenset()
    folded: bool = False


@dataclass(frozen=True)
class Picture:
    """A figure. The page shows the SVG (sharp, searchable), of a photo or a very large drawing the PNG."""

    kind: ClassVar[str] = "picture"
    name: str
    alt: str
    caption: str
    svg: bytes
    png: bytes
    photo: bool = False
    links: Sequence[Link] = ()
    """Its files, and what else belongs to it."""
    title: str = ""

    @property
    def as_image(self) -> bool:
        """Whether the PNG is shown."""
        return bool(self.png) and (self.photo or len(self.svg) > LARGEST_SVG or not self.svg)

    @property
    def narrow(self) -> bool:
        """Whether two of its kind stand side by side on a wide screen."""
        box = re.search(rb'viewBox="0 0 ([\d.]+)', self.svg[:2000])
        return not self.as_image and box is not None and float(box[1]) < NARROW_POINTS

    @cached_property
    def inline(self) -> Markup:
        """The SVG as an element of the page."""
        return inline_svg(self.svg, self.name, self.alt)

    @cached_property
    def data_uri(self) -> str:
        """The PNG, or a JPEG in its place, as the value of a `src` attribute."""
        kind = "jpeg" if self.png.startswith(JPEG) else "png"
        return f"data:image/{kind};base64," + base64.b64encode(self.png).decode("ascii")


@dataclass(frozen=True)
class Thumbnail:
    """A small picture that lies beside the page."""

    kind: ClassVar[str] = "thumbnail"
    address: str
    alt: str


@dataclass(frozen=True)
class Links:
    """Texts and the addresses they lead to, one after the other."""

    kind: ClassVar[str] = "links"
    items: Mapping[str, str]


@dataclass(frozen=True)
class Card:
    """A case in the gallery."""

    case: str
    picture: str
    """Address of its thumbnail, or nothing."""
    facts: Sequence[str]
    kinds: Sequence[str]
    findings: Sequence[tuple[str, str, str]]
    """What is said about it: kind, a word for the kind, the sentence."""


@dataclass(frozen=True)
class Gallery:
    """Cards that can be filtered by kind and searched."""

    kind: ClassVar[str] = "gallery"
    cards: Sequence[Card]
    filters: Sequence[tuple[str, str, int]]
    """Kind, its title, number of cases; the first shows all."""
    hues: Mapping[str, str]
    """Label -> colour of its outline."""


Block = Note | Facts | Table | Picture | Thumbnail | Links | Gallery


@dataclass(frozen=True)
class Section:
    """A chapter of the page; `key` is its anchor."""

    key: str
    title: str
    blocks: Sequence[Block] = field(default_factory=tuple)


def render(title: str, lead: str, sections: Sequence[Section], footer: str = "", back: str = "") -> str:
    """The page as HTML text. The same arguments give the same bytes; no script but ours can run.

    back: address of the page that this one belongs to.
    """
    blocks = [block for section in sections for block in section.blocks]
    gallery = any(isinstance(block, Gallery) for block in blocks)
    beside = gallery or any(isinstance(block, Thumbnail) for block in blocks)
    return fill(
        "page.html",
        ["sort.js", *(["gallery.js"] if gallery else [])],
        title=title,
        lead=lead,
        sections=sections,
        footer=footer,
        back=back,
        images="'self' file: data:" if beside else "data:",
    )


def fill(template: str, scripts: Sequence[str], **values: object) -> str:
    """A page from its template, with these of our scripts inside and their digest for its security policy."""
    folder = files("segmake") / "figures" / "templates"
    script = "\n".join((folder / name).read_text(encoding="utf-8") for name in scripts)
    digest = base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")
    page = _templates().get_template(template)
    return page.render(
        script=Markup(script),  # noqa: S704  our own file, not data
        script_digest=digest,
        **values,
    )


@cache
def _templates() -> Environment:
    """Ours, compiled once: a report of thousands of cases has hundreds of pages."""
    loader = PackageLoader("segmake", "figures/templates")
    return Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )


def inline_svg(svg: bytes, name: str, alt: str) -> Markup:
    """An SVG document as an element inside HTML.

    Identifiers get the figure's name in front, since those of two figures would collide on one page; what
    only a stand-alone file needs (prolog, metadata, name spaces) goes.
    """
    text = svg.decode("utf-8")
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>\s*", "", text, flags=re.DOTALL)
    text = re.sub(r"<style type=\"text/css\">.*?</style>\s*", "", text, flags=re.DOTALL)
    head, _, body = text.partition(">")
    box = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', head)
    width, height = box.groups() if box else ("518", "200")
    prefix = re.sub(r"[^\w.-]", "-", name)
    body = re.sub(r'\bid="', f'id="{prefix}-', body)
    body = re.sub(r'href="#', f'href="#{prefix}-', body)
    body = body.replace("url(#", f"url(#{prefix}-")
    opening = Markup('<svg role="img" aria-label="{}" viewBox="0 0 {} {}" style="--width:{}pt">').format(
        alt, width, height, width
    )
    return opening + Markup(body)  # noqa: S704  drawn by matplotlib, which escapes text
