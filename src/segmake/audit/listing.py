"""What `segmake diff` prints: differences of each kind as aligned lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

Cells = Sequence[str]
"""What differs, before, after, and perhaps a remark."""
WIDEST = 40
"""Letters of a value that are shown."""


@dataclass(frozen=True)
class Chapter:
    """Differences of one kind; no lines where both are the same. missing: what cannot be compared."""

    title: str
    lines: list[Cells]
    missing: str = ""


def format_chapters(chapters: Sequence[Chapter], most: int) -> str:
    """The differences as text, at most so many lines of a kind."""
    lines = []
    for chapter in chapters:
        shown = chapter.lines[:most]
        if not chapter.lines:
            lines.append(f"{chapter.title:<14}{chapter.missing or 'the same'}")
            continue
        lines.append(chapter.title)
        padded = [[*line, "", "", ""][:4] for line in shown]
        cells = [[name, *_narrow(old, new), remark] for name, old, new, remark in padded]
        widths = [max(len(line[column]) for line in cells) for column in range(3)]
        for name, old, new, remark in cells:
            arrow = f"{old:<{widths[1]}}  ->  {new:<{widths[2]}}" if old or new else ""
            lines.append(
                f"  {name:<{widths[0]}}  {'  '.join(part for part in (arrow, remark) if part)}".rstrip()
            )
        if len(chapter.lines) > most:
            lines.append(f"  and {len(chapter.lines) - most} more (--lines {len(chapter.lines)} shows all)")
    return "\n".join(lines) + "\n"


def _narrow(old: str, new: str) -> tuple[str, str]:
    """Two texts that differ, short enough for a line: from a little before they begin to differ."""
    start = next(
        (i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new))
    )
    if max(len(old), len(new)) <= WIDEST:
        return old, new
    start = max(0, start - WIDEST // 4)
    ends = [("…" if start else "") + text[start:] for text in (old, new)]
    cut = [text if len(text) <= WIDEST else text[: WIDEST - 1] + "…" for text in ends]
    return cut[0], cut[1]
