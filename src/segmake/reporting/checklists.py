"""CLAIM 2024 and TRIPOD+AI, filled in by what is known; the rest are named tasks.

CLAIM: Tejani et al., Radiology: Artificial Intelligence 6 (2024) e240300. TRIPOD+AI: Collins et al., BMJ 385
(2024) e078378. The items are told in our words; the papers have the full ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import as_file, files
from typing import Literal

from segmake.errors import ConfigError
from segmake.tables import read_table

TITLES = {
    "claim": ("CLAIM 2024 update", "doi:10.1148/ryai.240300"),
    "tripod": ("TRIPOD+AI", "doi:10.1136/bmj-2023-078378"),
}
COLUMNS = ("checklist", "item", "key", "section", "topic", "status", "text", "todo")
MARKS = {"filled": "x", "partly": "~", "todo": " "}
Status = Literal["filled", "partly", "todo"]


@dataclass(frozen=True)
class Item:
    """One item of a checklist and what can be said to it."""

    checklist: str
    item: str
    section: str
    topic: str
    text: str
    todo: str
    """What is left to write; empty where the item is filled."""

    @property
    def status(self) -> Status:
        """Whether anything is left."""
        if not self.todo:
            return "filled"
        return "partly" if self.text else "todo"

    @property
    def key(self) -> str:
        """What it is called in `describe.answers`."""
        return f"{self.checklist}-{self.item}"

    @property
    def row(self) -> dict[str, str]:
        """As a row of a table."""
        cells = {name: str(getattr(self, name)) for name in COLUMNS}
        return cells | {"checklist": TITLES[self.checklist][0]}


def fill_checklist(name: str, facts: Mapping[str, str], answers: Mapping[str, str]) -> list[Item]:
    """Fill in a checklist.

    name: claim or tripod; answers: item such as claim-14 -> what the user says to it.

    Raises:
        ConfigError: an answer is to an item that there is not.
    """
    with as_file(files("segmake.reporting") / f"{name}.tsv") as path:
        rows = read_table(path)
    known = {f"{name}-{row['item']}" for row in rows}
    wrong = sorted(key for key in answers if key.startswith(f"{name}-") and key not in known)
    if wrong:
        raise ConfigError(
            f"describe.answers has {wrong[0]}, which is no item of {TITLES[name][0]}; correct it"
        )
    items = []
    for row in rows:
        answer, fact = answers.get(f"{name}-{row['item']}", ""), facts.get(row["fact"], "")
        text = " ".join(part for part in (fact, answer) if part)
        left = "" if answer else row["todo"]
        if not text and not left:
            left = "nothing is recorded of it; say it yourself"
        items.append(Item(name, row["item"], row["section"], row["asks"], text, left))
    return items


def completeness(items: Sequence[Item]) -> str:
    """How much of a checklist is done, in words."""
    counts = {status: sum(item.status == status for item in items) for status in MARKS}
    return (
        f"{counts['filled']} of {len(items)} items are filled, {counts['partly']} in part, "
        f"{counts['todo']} are left to write"
    )


def as_markdown(items: Sequence[Item]) -> str:
    """A checklist as Markdown."""
    title, source = TITLES[items[0].checklist]
    lines = [f"# {title}", "", f"{completeness(items)}. Items in our words; the full ones: {source}.", ""]
    section = ""
    for item in items:
        if item.section != section:
            section = item.section
            lines += [*([""] if lines[-1] else []), f"## {section}", ""]
        lines += [f"- [{MARKS[item.status]}] **{item.item}** {item.topic}"]
        lines += [f"  - {item.text}"] if item.text else []
        lines += [f"  - TODO `{item.key}`: {item.todo}"] if item.todo else []
    return "\n".join(lines) + "\n"
