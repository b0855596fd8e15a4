"""Texts that describe wrote: methods with their references, and how complete each reporting checklist is."""

from __future__ import annotations

from collections.abc import Sequence

from segmake.figures.material import Telling
from segmake.figures.page import Block, Cell, Facts, Note
from segmake.figures.runs import REFERENCES
from segmake.figures.sections import cut
from segmake.tables import Row

STATUSES = {"filled": "filled in", "partly": "in part", "todo": "to do"}


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
    blocks: list[Block] = [Note(told), Note(telling.methods, "prose")]
    if telling.references:
        blocks += [Note("References (BibTeX)", "heading"), Note(telling.references, "code")]
    return blocks


def checklists(rows: Sequence[Row]) -> list[Block]:
    """How many items of each checklist are filled in, and which are left to the authors."""
    if not rows:
        return [Note("No checklist was filled in; the command segmake describe does.")]
    names = list(dict.fromkeys(row["checklist"] for row in rows))
    blocks: list[Block] = []
    counts = {}
    for name in names:
        mine = [row for row in rows if row["checklist"] == name]
        done, part = (sum(row["status"] == status for row in mine) for status in ("filled", "partly"))
        counts[name] = f"{done} of {len(mine)} items, {part} more in part"
    blocks.append(Facts(counts))
    for name in names:
        cells: list[Sequence[Cell]] = [
            [row["item"], row["topic"], STATUSES.get(row["status"], row["status"]), _answer(row)]
            for row in rows
            if row["checklist"] == name
        ]
        blocks += cut(name, ["Item", "What is asked", "Status", "Answer"], cells)
    return blocks


def _answer(row: Row) -> Cell:
    """What is known, and what is left to write."""
    return (row["text"], f"To do: {row['todo']}") if row["todo"] else row["text"]
