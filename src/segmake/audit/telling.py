"""What `segmake explain` prints: a file's story as a few lines and a tree."""

from __future__ import annotations

import re
import shutil
import textwrap
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

from segmake import jobs
from segmake.audit.lineage import Source, Story, plain, recorded_versions, short_version
from segmake.audit.manifests import Made

WORDS = {"same": "as then", "changed": "CHANGED", "missing": "MISSING", "unrecorded": "not recorded"}
OWN = {
    "same": "as it was made",
    "changed": "NOT what its job made",
    "missing": "MISSING",
    "unrecorded": "there, its content was not recorded",
}
ALARMS = re.compile(r"\b(CHANGED|MISSING|NOT what its job made)\b")
MARGIN = 12
"""Width of the names of what is told."""


def format_story(story: Story, width: int = 0) -> str:
    """A story as text."""
    width = width or min(120, shutil.get_terminal_size((100, 24)).columns)
    lines = [story.source.shown, ""]
    for name, text in _facts(story):
        lines += _wrapped(name, text, width)
    tree = list(_tree(story.source.sources, ""))
    if tree:
        lines += ["", "made from", *_aligned(tree)]
    lines.append("")
    if story.reasons:
        lines.append("It would be made again:")
        lines += [f"  - {reason}" for reason in story.reasons]
    else:
        lines.append("Nothing that it was made from has changed: it would not be made again.")
    return "\n".join(lines) + "\n"


def _facts(story: Story) -> Iterator[tuple[str, str]]:
    """Name and text of what is known of a file."""
    made, case = story.source.made, story.case
    if case is not None:
        table = f" (a row of {case.table.relative_to(story.source.base)})" if made and case.table else ""
        yield "case", f"{case.record['case']}{table}, {case.record['seconds']:g} s"
    if made is not None:
        stated = made.manifest
        when = str(stated.get("started", "")).replace("T", " ").removesuffix("+00:00")
        where = str(stated.get("processor", "")) or "an unnamed processor"
        seconds = 0.0 if case else float(stated.get("seconds", 0))
        took = "" if case else f", {seconds:g} s"
        yield "made by", f"{made.stage}, {when} UTC{took}, on {where}"
    elif case is not None:
        yield "made by", f"{case.record['stage']}; the manifest of its job is missing"
    digest = _digest(story)
    yield "file", OWN[story.source.state] + (f" (SHA-256 {digest[:12]})" if digest else "")
    if made is not None:
        yield "settings", _settings(made)
        yield "versions", _versions(story, made)
        yield "command", str(made.manifest.get("command", ""))


def _digest(story: Story) -> str:
    """The checksum that was recorded of the file."""
    if story.case and story.source.path.name in story.case.record["files"]:
        return str(story.case.record["files"][story.source.path.name])
    return story.source.made.outputs.get(story.source.path, "") if story.source.made else ""


def _settings(made: Made) -> str:
    """Settings that differ from their defaults, and how many do not."""
    job = getattr(jobs, f"{made.stage.capitalize()}Job", None)
    fields = job.model_fields if job else {}
    defaults = {name: told.get_default(call_default_factory=True) for name, told in fields.items()}
    told = {
        name: value
        for name, value in made.settings.items()
        if name not in defaults or plain(value) != plain(defaults[name])
    }
    others = len(made.settings) - len(told)
    parts = [f"{name} {plain(value)}" for name, value in told.items()]
    if others:
        parts.append(f"{others} {'other' if told else 'setting'}{'s' if others > 1 else ''} at the default")
    return ", ".join(parts) or "none"


def _versions(story: Story, made: Made) -> str:
    """Versions that have changed since, and how many have not."""
    known = recorded_versions(made)
    changed = [
        f"{name} {short_version(then)} -> {short_version(now)}"
        for name, (then, now) in story.versions.items()
    ]
    same = len(known) - len(changed)
    head = f"segmake {known.get('segmake', 'unknown')}"
    if not changed:
        return f"{head}; all {same} that are recorded are the same now"
    return f"{head}; since then {', '.join(changed)}; {same} as then (versions alone make nothing run again)"


def _tree(sources: Sequence[Source], stem: str) -> Iterator[tuple[str, str, str]]:
    """Lines of the tree: drawing and name, state, and who made it. Shards of one table are one line."""
    groups = [list(group) for _, group in groupby(sources, key=_kind)]
    for index, group in enumerate(groups):
        last = index == len(groups) - 1
        first = group[0]
        bad = [source for source in group if source.state in ("changed", "missing")]
        name = first.shown if len(group) == 1 else f"{first.shown} … {group[-1].path.name} ({len(group)})"
        state = WORDS[bad[0].state if bad else first.state]
        if bad and len(group) > 1:
            state += f" ({', '.join(source.path.name for source in bad[:3])})"
        by = first.made.stage if first.made else "from outside"
        above = ", see above" if first.again and first.made else ""
        yield f"{stem}{'└─' if last else '├─'} {name}", state, by + above
        yield from _tree(_below(group), stem + ("   " if last else "│  "))


def _below(group: Sequence[Source]) -> list[Source]:
    """What the files of a group were made from, each once, where its own sources are shown if anywhere."""
    found: dict[Path, Source] = {}
    for source in (other for each in group for other in each.sources):
        if source.path not in found or (found[source.path].again and not source.again):
            found[source.path] = source
    return sorted(found.values(), key=lambda source: source.path)


def _kind(source: Source) -> tuple[Path, str, str, bool]:
    """Files that are told in one line: shards of a stage, folds of a model."""
    stage = source.made.stage if source.made else ""
    shards = source.path.name.startswith("shard-")
    return source.path.parent, stage, "shards" if shards else source.path.name, source.again


def _aligned(lines: Sequence[tuple[str, str, str]]) -> list[str]:
    widths = [max(len(line[column]) for line in lines) for column in range(2)]
    return [f"  {name:<{widths[0]}}  {state:<{widths[1]}}  {by}".rstrip() for name, state, by in lines]


def _wrapped(name: str, text: str, width: int) -> list[str]:
    """A name, and its text beside it in as many lines as it needs."""
    parts = textwrap.wrap(text, max(20, width - MARGIN), break_long_words=False, break_on_hyphens=False) or [
        ""
    ]
    return [f"{name if index == 0 else '':<{MARGIN}}{part}" for index, part in enumerate(parts)]


def coloured(text: str) -> str:
    """A story for a terminal: what is not as it was stands out."""
    return ALARMS.sub("\x1b[1;31m\\1\x1b[0m", text)
