"""Many numbered files as few words of a bash command: Linux takes 128 KiB in one, two megabytes of words."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable

NUMBERED = re.compile(r"(.*?)(\d+)(\D*)", re.DOTALL)


def brace(paths: Iterable[object]) -> str:
    """Paths as bash reads them, in their order; those that count up become one: `shard-{00..99}.tsv`."""
    runs: list[tuple[str, str, str, str]] = []
    for path in map(str, paths):
        found = NUMBERED.fullmatch(path)
        head, number, tail = found.groups() if found else (path, "", "")
        if runs and number:
            before = runs[-1]
            if (head, tail) == (before[0], before[3]) and number == _next(before[2]):
                runs[-1] = (head, before[1], number, tail)
                continue
        runs.append((head, number, number, tail))
    return " ".join(map(_word, runs))


def _next(number: str) -> str:
    """The number after this one, as wide."""
    return str(int(number) + 1).zfill(len(number)) if number else ""


def _word(run: tuple[str, str, str, str]) -> str:
    head, first, last, tail = run
    if first == last:
        return shlex.quote(f"{head}{first}{tail}")
    head, tail = (shlex.quote(part) if part else "" for part in (head, tail))
    return f"{head}{{{first}..{last}}}{tail}"
