"""Everything the report is made of: what was read from the tables, of either branch or both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from segmake.figures.catalogue import Entry
from segmake.figures.page import Link, Picture
from segmake.figures.passports import Passport
from segmake.figures.quality import Assessment, assess
from segmake.figures.records import Score, Summary
from segmake.figures.sections import Failure
from segmake.plan import Plan
from segmake.tables import Row

FORMATS = ("svg", "pdf", "png")


@dataclass(frozen=True)
class Drawn:
    """A figure of the catalogue with the bytes that the page shows."""

    entry: Entry
    svg: bytes
    png: bytes
    folder: str
    """Where its files are, seen from the page."""

    def picture(self, *more: Link) -> Picture:
        """The figure as a block, with links to its files and to what else belongs to it."""
        entry = self.entry
        files = [(kind, entry.file(kind)) for kind in FORMATS]
        links = [
            Link(kind.upper(), f"{self.folder}/{name}", f"{entry.title} as {kind.upper()}")
            for kind, name in files
            if name
        ]
        return Picture(
            name=entry.name,
            alt=entry.alt,
            caption=entry.caption,
            svg=self.svg,
            png=self.png,
            photo=entry.photo,
            links=(*more, *links),
            title=entry.title,
        )


@dataclass(frozen=True)
class Classifier:
    """What score wrote of a classifier."""

    name: str
    summary: Sequence[Row]
    predictions: Sequence[Row] = ()
    confusion: Sequence[Row] = ()
    decision: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Branch:
    """The 2D branch."""

    classifiers: Sequence[Classifier] = ()
    comparison: Sequence[Row] = ()
    """Rows of every pair of classifiers."""
    sliced: Sequence[Row] = ()
    """Rows of the cases that were cut into patches."""
    guards: Sequence[Row] = ()
    histories: Mapping[tuple[str, str], Sequence[Mapping[str, float]]] = field(default_factory=dict)
    """(classifier, fold) -> rows."""


@dataclass(frozen=True)
class Telling:
    """Texts that describe wrote."""

    methods: str = ""
    references: str = ""
    """BibTeX."""
    checklists: Sequence[Row] = ()


@dataclass(frozen=True)
class Material:
    """Everything the page is made of."""

    plan: Plan | None = None
    cases: Sequence[Row] = ()
    """Rows of the converted cases."""
    failed: Sequence[Failure] = ()
    """Cases that failed or were excluded."""
    passports: Sequence[Passport] = ()
    predicted: Mapping[str, set[str]] = field(default_factory=dict)
    """Model -> cases it predicted."""
    foretold: Mapping[tuple[str, str, str], float] = field(default_factory=dict)
    """(model, case, label) -> Dice that was expected without a truth."""
    scores: Sequence[Score] = ()
    summaries: Sequence[Summary] = ()
    histories: Mapping[tuple[str, str], Sequence[Mapping[str, float]]] = field(default_factory=dict)
    """(model, fold) -> rows."""
    manifests: Sequence[Mapping[str, Any]] = ()
    comparison: Sequence[Row] = ()
    """Rows of every pair of models."""
    ranking: Sequence[Row] = ()
    subgroups: Mapping[str, Sequence[Row]] = field(default_factory=dict)
    """Model -> rows."""
    branch: Branch = Branch()
    drawn: Sequence[Drawn] = ()
    telling: Telling = Telling()
    details: Mapping[str, str] = field(default_factory=dict)
    """Case -> address of what is known of it alone."""
    looks: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """(model, case) -> address in the viewer."""

    @cached_property
    def assessed(self) -> Sequence[Assessment]:
        """What is said about the quality of every case."""
        return assess(self.passports, self.failed)

    def figures(self, chapter: str) -> list[Drawn]:
        """The figures of a chapter."""
        return [drawn for drawn in self.drawn if drawn.entry.chapter == chapter]

    def case_link(self, case: str) -> Link | str:
        """A case's name, leading to what is known of it."""
        return Link(case, self.details[case]) if case in self.details else case
