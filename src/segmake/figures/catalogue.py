"""The list of all figures (figures.tsv): what each shows, its files, the tables it was drawn from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from segmake.errors import InputError
from segmake.tables import Row, read_table, write_table

TABLE = "figures.tsv"
Chapter = Literal["training", "scores", "models", "classification", "examples"]
"""Where on the page a figure belongs."""
CHAPTERS: dict[str, Chapter] = {
    "training": "training",
    **dict.fromkeys(("dice", "surface", "scores", "learning", "volumes", "foretold"), "scores"),
    **dict.fromkeys(("subgroups", "comparison"), "models"),
    **dict.fromkeys(("froc", "roc", "pr", "reliability", "decision", "confusion"), "classification"),
    "example": "examples",
}
"""Kind of figure -> its chapter."""
TEXTS = ("name", "kind", "model", "split", "case", "title", "caption", "alt")
COLUMNS = ("name", "kind", "chapter", *TEXTS[2:], "photo", "files", "inputs")
BETWEEN = "; "
DIGEST = 64
"""Length of a SHA-256 in hexadecimal."""


@dataclass(frozen=True)
class Entry:
    """One figure, in one or more formats."""

    name: str
    """Stem of its files: the kind, an underscore, and what tells it from others of the kind."""
    kind: str
    """What is drawn, such as dice, surface, volumes, training, comparison, example."""
    title: str
    """What it shows, in a few words."""
    caption: str
    alt: str
    """What stands in its place for those who cannot see it."""
    model: str = ""
    """Model or classifier that it is about; empty when about several."""
    split: str = ""
    case: str = ""
    """Case that it shows; empty but for examples."""
    files: Mapping[str, str] = field(default_factory=dict)
    """Name of each file, beside the table, and its SHA-256."""
    inputs: Mapping[str, str] = field(default_factory=dict)
    """Path of each table it was drawn from, in the results folder, and its SHA-256."""

    @property
    def chapter(self) -> Chapter:
        """Where on the page it belongs."""
        return CHAPTERS[self.kind]

    @property
    def photo(self) -> bool:
        """It holds an image, so that its PNG is smaller than its SVG."""
        return self.kind == "example"

    def file(self, kind: str) -> str:
        """Name of its file in a format (svg, pdf, png); empty where it was not drawn in that."""
        return next((name for name in self.files if name.endswith(f".{kind}")), "")


def write_catalogue(path: Path, entries: Iterable[Entry]) -> None:
    """Write figures.tsv, a row per figure."""
    write_table(path, [_row(entry) for entry in entries], COLUMNS)


def read_catalogue(path: Path) -> list[Entry]:
    """Read figures.tsv.

    Raises:
        InputError: it is not there, or not as `segmake figures` writes it.
    """
    try:
        return [_entry(row) for row in read_table(path)]
    except KeyError as error:
        raise InputError(f"{path} has no column {error}; run `segmake figures` again") from error


def lost_files(path: Path) -> list[str]:
    """Files that a catalogue lists and that are not beside it; [] when there is no catalogue yet.

    One that cannot be read counts as lost itself: the rule of figures asks, which draws it again.
    """
    if not path.exists():
        return []
    try:
        entries = read_catalogue(path)
    except InputError:
        return [path.name]
    return [name for entry in entries for name in entry.files if not (path.parent / name).exists()]


def dependent(entries: Iterable[Entry], table: str) -> list[str]:
    """Names of the figures drawn from a table, given as its path in the results folder."""
    return [entry.name for entry in entries if table in entry.inputs]


def _row(entry: Entry) -> dict[str, str]:
    return {
        **{name: str(getattr(entry, name)) for name in (*TEXTS, "chapter")},
        "photo": "yes" if entry.photo else "",
        "files": _joined(entry.files),
        "inputs": _joined(entry.inputs),
    }


def _entry(row: Row) -> Entry:
    return Entry(
        **{name: row[name] for name in TEXTS},
        files=_parted(row["files"]),
        inputs=_parted(row["inputs"]),
    )


def _joined(digests: Mapping[str, str]) -> str:
    """Each digest with its file, as sha256sum writes them, but on one line."""
    return BETWEEN.join(f"{digest} {name}" for name, digest in digests.items())


def _parted(cell: str) -> dict[str, str]:
    parts = [part for part in cell.split(BETWEEN) if part]
    return {part[DIGEST + 1 :]: part[:DIGEST] for part in parts}
