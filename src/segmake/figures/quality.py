"""The quality page: every case with its picture, what stands out first; all that was repaired or left out."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from segmake.figures.outliers import LEAST_SPREAD, THRESHOLD, Outlier, find_outliers, rounded
from segmake.figures.page import Block, Card, Facts, Gallery, Links, Note, Section
from segmake.figures.palette import ON_IMAGE
from segmake.figures.passports import Passport, measures
from segmake.figures.sections import Failure, cut, every_case, failures

PAGE = "quality.html"
FOLDER = "quality"
"""Where the thumbnails are, seen from the page."""
NBSP = "\N{NO-BREAK SPACE}"
KINDS = {"outlier": "Stand out", "warned": "Warnings", "repaired": "Repaired", "lost": "Failed or excluded"}
"""What may be said of a case; also the names of the filters, and of the places that links lead to."""
MOST_PLAIN = 1000
"""Cases of which there is nothing to say that the page shows."""
HOW_TO_READ = (
    "Each picture shows an axial, a coronal and a sagittal slice of the first channel through the most "
    "labelled voxels, at one scale and in radiological view: the patient's left is on the right of the axial "
    "and the coronal slice, the front on the left of the sagittal one. A case stands out when a voxel size, "
    f"field of view, intensity or label volume lies more than {THRESHOLD:g} robust standard deviations from "
    f"the median of all cases, on a logarithmic scale; spreads below {LEAST_SPREAD:.0%} count as that much."
)


@dataclass(frozen=True)
class Assessment:
    """All that is said about one case."""

    case: str
    passport: Passport | None = None
    """None when the case was not converted."""
    outliers: tuple[Outlier, ...] = ()
    lost: tuple[Failure, ...] = ()

    @property
    def findings(self) -> list[tuple[str, str, str]]:
        """Kind (of `KINDS`), a word for it, the sentence."""
        passport = self.passport or Passport(self.case)
        lost = [(f"{'Excluded' if f.excluded else 'Failed'} in {f.stage}", f.reason) for f in self.lost]
        return [
            *(("lost", word, reason) for word, reason in lost),
            *(("outlier", "Stands out", str(outlier)) for outlier in self.outliers),
            *(("warned", "Warning", text) for text in passport.warnings),
            *(("repaired", "Repaired", text) for text in passport.repairs),
        ]

    @property
    def kinds(self) -> list[str]:
        """Which of `KINDS` apply."""
        found = {kind for kind, _, _ in self.findings}
        return [kind for kind in KINDS if kind in found]

    @property
    def facts(self) -> list[str]:
        """The grid and the labels, a line each."""
        if self.passport is None:
            return []
        grid = [f"{self.passport.size} voxels", f"{self.passport.spacing} mm"]
        labels = [f"{name} {rounded(ml)} ml" for name, ml in self.passport.labels_ml.items() if ml > 0]
        return [", ".join(text.replace(" ", NBSP) for text in line) for line in (grid, labels) if line]


def assess(passports: Sequence[Passport], failed: Sequence[Failure]) -> list[Assessment]:
    """Every case: what stands out farthest first, then the warned, the repaired, the others, the lost."""
    outliers = find_outliers(measures(passports))
    lost: dict[str, list[Failure]] = {}
    for failure in failed:
        lost.setdefault(failure.case, []).append(failure)
    known = {passport.case: passport for passport in passports}
    found = [
        Assessment(case, known.get(case), tuple(outliers.get(case, ())), tuple(lost.get(case, ())))
        for case in {**known, **lost}
    ]

    def order(one: Assessment) -> tuple[bool, float, bool, bool, str]:
        farthest = max((outlier.score for outlier in one.outliers), default=0.0)
        kinds = one.kinds
        return one.passport is None, -farthest, "warned" not in kinds, "repaired" not in kinds, one.case

    return sorted(found, key=order)


def count_kinds(assessed: Sequence[Assessment]) -> dict[str, int]:
    """Kind -> number of cases."""
    found = Counter(kind for one in assessed for kind in one.kinds)
    return {kind: found[kind] for kind in KINDS}


def links(assessed: Sequence[Assessment]) -> Links:
    """From the report to this page: how many cases of each kind, and where they are."""
    counted = count_kinds(assessed)
    items = {f"{KINDS[kind]}: {count}": f"{PAGE}#{kind}" for kind, count in counted.items() if count}
    return Links({"Pictures and measures of every case": PAGE} | items)


def notes_by_kind(passports: Sequence[Passport]) -> list[Block]:
    """Repairs and warnings; those that differ in names and numbers alone count as one."""
    blocks: list[Block] = []
    for title, each in (
        ("Repairs", [(passport.case, text) for passport in passports for text in passport.repairs]),
        ("Warnings", [(passport.case, text) for passport in passports for text in passport.warnings]),
    ):
        cases: dict[str, dict[str, None]] = {}
        for case, text in each:
            cases.setdefault(_without_numbers(text), {})[case] = None
        rows = [
            [text, str(len(names)), ", ".join([*list(names)[:3], *(["…"] if len(names) > 3 else [])])]
            for text, names in sorted(cases.items(), key=lambda item: (-len(item[1]), item[0]))
        ]
        if rows:
            blocks += cut(f"{title} by kind", [title, "Cases", "Such as"], rows, frozenset({"Cases"}))
    return blocks


def quality_chapters(
    assessed: Sequence[Assessment], pictures: Container[str], labels: Mapping[str, int]
) -> list[Section]:
    """The chapters of the page.

    pictures: cases with a thumbnail; labels: name -> value, for the colours of the outlines.
    """
    passports = sorted((one.passport for one in assessed if one.passport), key=lambda passport: passport.case)
    lost = sorted(
        (f for one in assessed for f in one.lost), key=lambda failure: (failure.case, failure.stage)
    )
    counted = count_kinds(assessed)
    facts = {"Cases": str(len(assessed))} | {KINDS[kind]: str(count) for kind, count in counted.items()}
    cards = [_card(one, pictures) for one in _shown(assessed)]
    gallery = Gallery(
        cards,
        [("all", "All", len(cards)), *((kind, KINDS[kind], count) for kind, count in counted.items())],
        {name: ON_IMAGE[(value - 1) % len(ON_IMAGE)] for name, value in labels.items()},
    )
    cases: list[Block] = [Note(HOW_TO_READ), gallery]
    if left_out := len(assessed) - len(cards):
        cases.append(Note(f"{left_out} more cases, of which there is nothing to say, are not shown."))
    notes = notes_by_kind(passports) or [Note("Nothing was repaired, nothing was warned of.")]
    return [
        Section("overview", "Overview", [Facts(facts), Links({"Back to the report": "index.html"})]),
        Section("excluded", "Failed and excluded cases", failures(lost, {}, [], {})),
        Section("cases", "Cases", cases),
        Section("notes", "Repairs and warnings", notes),
        Section("passports", "Data passport", every_case(passports)),
    ]


def _card(one: Assessment, pictures: Container[str]) -> Card:
    picture = f"{FOLDER}/{quote(one.case)}.jpg" if one.case in pictures else ""
    return Card(one.case, picture, one.facts, one.kinds, one.findings)


def _shown(assessed: Sequence[Assessment]) -> Iterator[Assessment]:
    """Every case with something to say, and so many of the others."""
    plain = 0
    for one in assessed:
        plain += not one.kinds
        if one.kinds or plain <= MOST_PLAIN:
            yield one


def _without_numbers(text: str) -> str:
    """A sentence with an ellipsis in place of numbers and of file names that hold a digit."""
    return re.sub(r"(?<![\w.])[+-]?\d[\w.+-]*|[\w-]*\d[\w-]*(\.\w+)+", "…", text)
