"""References by key, and texts with marks such as [@dice1945; @nikolov2021] as prose or as LaTeX."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from importlib.resources import files

from segmake.reporting.words import TIMES

MARK = re.compile(r" ?\[(@[a-z0-9]+(?:; @[a-z0-9]+)*)\]")
ENTRY = re.compile(r"@\w+\{([a-z0-9]+),\n.*?\n\}\n", re.DOTALL)
FIELD = re.compile(r"(\w+) = \{((?:[^{}]|\{[^{}]*\})*)\}")
ACCENTS = {r"{\"o}": "ö", r"{\'a}": "á"}
SPECIAL = {
    **{letter: f"\\{letter}" for letter in "%&_#${}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    TIMES: r"$\times$",
}
"""What LaTeX wants written in another way."""


@cache
def entries() -> dict[str, str]:
    """Key -> BibTeX entry, as it stands in the file."""
    text = files("segmake.reporting").joinpath("references.bib").read_text(encoding="utf-8")
    return {found[1]: found[0] for found in ENTRY.finditer(text)}


def fields(key: str) -> dict[str, str]:
    """Fields of an entry as plain text."""
    text = entries()[key]
    for written, letter in ACCENTS.items():
        text = text.replace(written, letter)
    return {name: value.replace("{", "").replace("}", "") for name, value in FIELD.findall(text)}


def keys(text: str) -> list[str]:
    """Keys that a text cites, each once, in order."""
    return list(dict.fromkeys(re.findall(r"@([a-z0-9]+)", " ".join(MARK.findall(text)))))


def bibtex(cited: Iterable[str]) -> str:
    """The entries of these keys as a BibTeX file, sorted."""
    return "\n".join(entries()[key] for key in sorted(cited))


def as_prose(text: str) -> str:
    """Marks as author and year: (Dice 1945; Nikolov et al. 2021)."""
    return MARK.sub(lambda mark: f" ({'; '.join(author_year(key) for key in keys(mark[0]))})", text)


def as_latex(text: str) -> str:
    r"""Marks as \citep, and what LaTeX would misread escaped."""
    cites = [rf"~\citep{{{','.join(keys(mark[0]))}}}" for mark in MARK.finditer(text)]
    between = MARK.split(text)[::2]
    written = ["".join(SPECIAL.get(letter, letter) for letter in part) for part in between]
    return "".join(part + cite for part, cite in zip(written, [*cites, ""], strict=True))


def author_year(key: str) -> str:
    """How a reference is named in a sentence."""
    found = fields(key)
    names = [name.partition(",")[0] for name in found["author"].split(" and ")]
    who = names[0] if len(names) == 1 else " and ".join(names) if len(names) == 2 else f"{names[0]} et al."
    return f"{who} {found['year']}"


def reference(key: str) -> str:
    """A reference as a line of a list."""
    found = fields(key)
    names = found["author"].split(" and ")
    who = ", ".join(_initials(name) for name in names[:6]).replace(", others", " et al")
    more = " et al" if len(names) > 6 else ""
    place = found.get("journal") or found.get("booktitle", "")
    volume = f" {found['volume']}" if "volume" in found else ""
    pages = f":{found['pages'].replace('--', '-')}" if "pages" in found else ""
    address = f" doi:{found['doi']}" if "doi" in found else f" {found.get('url', '')}"
    return f"{who}{more}. {found['title']}. {place}{volume}{pages}, {found['year']}.{address}"


def _initials(name: str) -> str:
    last, _, first = name.partition(", ")
    return f"{last} {''.join(part[0] for part in first.split())}".strip()
