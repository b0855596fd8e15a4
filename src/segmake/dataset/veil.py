"""What may be told of a pseudonymised case: messages without the names of its files and folders.

Readers name files, for that is what a user can mend; such names often are those of patients. So every
message about a case passes here on its way into a table or a log, and files are called by their role.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from segmake.dataset.sheet import Case


def veil_of(case: Case) -> Callable[[str], str]:
    """What turns a message about a case into one that may be told; all may, unless it is pseudonymised."""
    return Veil(case) if case.private else str


@dataclass(frozen=True)
class Veil:
    """Replaces paths by roles ("channel t1 of case-0f3a5b2c9d17"), other private words by the pseudonym."""

    case: Case

    def __call__(self, text: str) -> str:
        """The message without private words."""
        told = dict.fromkeys(self.case.private, self.case.name) | self._files()
        words = sorted((word for word in told if _tells(word)), key=len, reverse=True)
        pattern = "|".join(re.escape(word) for word in words)
        return re.sub(
            rf"(?<![A-Za-z0-9])(?:{pattern})(?![A-Za-z0-9])", lambda found: told[found.group()], text
        )

    def _files(self) -> dict[str, str]:
        """Path or bare name of every file that a message may mention -> its role."""
        roles = [(f"channel {name}", path) for name, path in self.case.channels.items()]
        roles += [("label", self.case.label)] if self.case.label else []
        told: dict[str, str] = {}
        for name, path in roles:
            role = f"{name} of {self.case.name}"
            folder, _, series = str(path).partition("#")
            for parent in {form.parents[0] for form in _forms(path)}:
                told |= {str(above): "its folder" for above in (parent, *parent.parents[:-2])}
            for number, inside in enumerate(_inside(Path(folder)), start=1):
                place = f"file {number} of {role}"
                told |= {inside.name: place} | {str(form): place for form in _forms(inside)}
            told |= {str(form): role for form in (*_forms(path), *_forms(Path(folder)))}
            told |= {series: role}
        return told


@contextmanager
def held_back(log: logging.Logger) -> Iterator[list[str]]:
    """Keep the messages of a logger from its handlers, while names are not known that they may hold."""
    messages: list[str] = []

    def hold(record: logging.LogRecord) -> bool:
        messages.append(record.getMessage())
        return False

    log.addFilter(hold)
    try:
        yield messages
    finally:
        log.removeFilter(hold)


def _forms(path: Path) -> set[Path]:
    """A path as it may be told: as given, from the root, and where its links lead."""
    return {path, path.absolute(), path.resolve()}


def _inside(path: Path) -> list[Path]:
    """The files of a folder in name order; of a file those that share its name up to its ending."""
    if path.is_dir():
        return sorted(item for item in path.rglob("*") if item.is_file())
    stem = path.name.partition(".")[0]
    return sorted(item for item in path.parent.glob("*") if item.name.startswith(f"{stem}."))


def _tells(word: str) -> bool:
    """Whether a word can tell who somebody is; numbers like 12 would take the sense out of sentences."""
    return len(word) > 3 or (len(word) == 3 and not word.isdecimal())
