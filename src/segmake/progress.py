"""Progress for people: a bar on a terminal, a log line per step elsewhere."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")
log = logging.getLogger("segmake")


def track(steps: Iterable[T], total: int, title: str) -> Iterator[T]:
    """Yield the steps, drawing a bar with the time left when standard error is a terminal."""
    if not sys.stderr.isatty():
        yield from steps
        return
    with tqdm(total=total, desc=title, unit="case", dynamic_ncols=True) as bar:
        for step in steps:
            yield step
            bar.update()


def tell(line: str, *values: object) -> None:
    """Log a line about one case: always to a log file, to standard error unless a bar is drawn there."""
    log.log(logging.DEBUG if sys.stderr.isatty() else logging.INFO, line, *values)


def tell_case(row: dict[str, str], place: str) -> None:
    """Log what became of a case, by its row of a shard's table (a mark that it was skipped is taken off)."""
    skipped = row.pop("skipped", "")
    if row["status"] == "failed":
        log.error("%s failed: %s", place, row["reason"])
    elif row["status"] == "excluded":
        log.warning("%s is left out: %s", place, row["reason"])
    else:
        tell("%s %s", place, "already done" if skipped else f"{row['seconds']} s")
