"""Texts that describe wrote: methods with their references, and how complete each reporting checklist is."""

from __future__ import annotations

from collections.abc import Sequence

from segmake.figures.material import Telling
from segmake.figures.page import Block, Cell, Facts, Note
from segmake.figures.runs import REFERENCES
from segmake.figures.sections import cut
from segmake.tables import Row


def methods(telling: Telling, version: str) -> list[Block]:
    """Text to paste into a paper, and what it cites."""
    if not telling.methods:
        return [
            Note(
                f"Segmentation models were trained and evaluated with segmake {version}. State this version, "
                "the configuration and the software below, and cite what it stands on:"
            ),
            Note(REFERENCES, "code"),
        ]
    told = "What the manifests know of this run, ready to paste; check it before you publish it."
    blocks: list[Block] = [Note(told), Note(telling.methods, "code")]
    if telling.references:
        blocks += [Note("References (BibTeX)", "heading"), Note(telling.references, "code")]
    return blocks


def checklists(rows: Sequence[Row]) -> list[Block]:
    """How many items of each checklist are filled in, and which are left to the authors."""
    if not rows:
        return [Note("No checklist was filled in; `segmake describe` does.")]
    names = list(dict.fromkeys(row["checklist"] for row in rows))
    blocks: list[Block] = []
    counts = {}
    for name in names:
        mine = [row for row in rows if row["checklist"] == name]
        done = [row for row in mine if row["status"] != "todo"]
        counts[name] = f"{len(done)} of {len(mine)} items"
    blocks.append(Facts(counts))
    for name in names:
        cells: list[Sequence[Cell]] = [
            [row["item"], row["topic"], row["status"], row["text"]]
            for row in rows
            if row["checklist"] == name
        ]
        blocks += cut(name, ["Item", "What is asked", "Status", "Answer"], cells)
    return blocks
