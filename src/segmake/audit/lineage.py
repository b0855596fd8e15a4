"""Where a file comes from: the job that made it, what that read, who made that, and whether it changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from segmake.audit.configured import changed_settings
from segmake.audit.manifests import CaseFile, Made, find_case, find_maker
from segmake.errors import ConfigError, InputError
from segmake.provenance import END, package_versions, source_commit
from segmake.settings import Settings
from segmake.tables import hash_path

COMMIT = 12
"""Digits of a commit that are shown."""
State = Literal["same", "changed", "missing", "unrecorded"]


@dataclass
class Source:
    """A file in the chain.

    state: whether it is what the job that read it was given (of the first one: what its own job made).
    """

    path: Path
    state: State
    made: Made | None
    base: Path
    """Folder that its path is told from."""
    sources: list[Source] = field(default_factory=list)
    again: bool = False
    """It stands elsewhere in the tree, where its sources are shown."""

    @property
    def shown(self) -> str:
        """Its path as people know it."""
        return str(self.path.relative_to(self.base) if self.path.is_relative_to(self.base) else self.path)


@dataclass(frozen=True)
class Story:
    """What is known of one file."""

    source: Source
    case: CaseFile | None
    reasons: list[str]
    """Why it would be made again; none where it would not."""
    versions: Mapping[str, tuple[str, str]]
    """What has another version now than then."""


def tell_story(path: Path, depth: int, settings: Settings | None = None) -> Story:
    """Find out what made a file and what has changed since.

    settings: the configuration to compare with, if any.

    Raises:
        InputError: nothing is recorded of the file.
    """
    path = path.absolute()
    case = None if path.name.endswith(END) else find_case(path)
    made = find_maker(case.table if case and case.table else path)
    if made is None and case is None:
        what = "a manifest or record" if path.exists() else "it, and it is not there"
        raise InputError(f"nothing is recorded of {path}: no job's manifest names {what}; give a result")
    tracer = _Tracer(depth)
    base = made.base if made else path.parent
    source = Source(path, tracer.own_state(path, made, case), made, base)
    source.sources = tracer.sources(made, 1) if made else []
    reasons = _reasons(source, settings)
    return Story(source, case, reasons, _versions(made))


class _Tracer:
    """Walks up the chain, reading each file once."""

    def __init__(self, depth: int) -> None:
        self.depth = depth
        self.digests: dict[Path, str] = {}
        self.makers: dict[Path, Made | None] = {}
        self.shown: set[Path] = set()

    def sources(self, made: Made, level: int) -> list[Source]:
        """What a job read."""
        if level > self.depth:
            return []
        found = []
        for path, digest in made.inputs.items():
            source = Source(path, self.state(path, digest), self.maker(path), made.base)
            if source.made is not None:
                source.again = source.made.path in self.shown
                if not source.again:
                    self.shown.add(source.made.path)
                    source.sources = self.sources(source.made, level + 1)
            found.append(source)
        return found

    def own_state(self, path: Path, made: Made | None, case: CaseFile | None) -> State:
        """Whether a file is what its own job made."""
        recorded = case.record["files"].get(path.name, "") if case else ""
        if not recorded and made:
            recorded = made.outputs.get(path, "")
        return self.state(path, recorded)

    def state(self, path: Path, digest: str) -> State:
        """Whether a file has the content that was recorded."""
        if not path.exists():
            return "missing"
        if not digest:
            return "unrecorded"
        if path not in self.digests:
            self.digests[path] = hash_path(path)
        return "same" if self.digests[path] == digest else "changed"

    def maker(self, path: Path) -> Made | None:
        """The job that made a file."""
        if path not in self.makers:
            self.makers[path] = find_maker(path)
        return self.makers[path]


def _reasons(source: Source, settings: Settings | None) -> list[str]:
    """Why a file would be made again, what is nearest to it first."""
    reasons = []
    if source.state == "missing":
        reasons.append(f"{source.shown} is missing")
    elif source.state == "changed":
        reasons.append(f"{source.shown} is not what its job made")
    level = [source]
    asked: set[Path] = set()
    while level:
        for step in level:
            if step.made is not None and step.made.path not in asked:
                asked.add(step.made.path)
                reasons += _own_reasons(step, settings)
        level = [other for step in level for other in step.sources]
    return list(dict.fromkeys(reasons))


def _own_reasons(step: Source, settings: Settings | None) -> list[str]:
    """What has changed for the job that made a file."""
    made = step.made
    if made is None:
        return []
    words = {"missing": "is missing", "changed": f"has changed since {made.stage} read it"}
    found = [f"{other.shown} {words[other.state]}" for other in step.sources if other.state in words]
    if settings is not None:
        try:
            changed = changed_settings(made, settings)
        except ConfigError as error:
            return [*found, f"{made.stage}: {error}"]
        found += [
            f"{made.stage}.{name} was {plain(then)} and is {plain(now)}"
            for name, (then, now) in changed.items()
        ]
    return found


def _versions(made: Made | None) -> dict[str, tuple[str, str]]:
    """Versions that were recorded and are not the same now."""
    if made is None:
        return {}
    then = recorded_versions(made)
    now = {"commit": source_commit(), **package_versions()}
    return {name: (was, now.get(name, "")) for name, was in then.items() if was != now.get(name, "")}


def recorded_versions(made: Made) -> dict[str, str]:
    """Versions of packages and, where the sources are a checkout, its commit."""
    commit = str(made.manifest.get("commit", ""))
    return ({"commit": commit} if commit else {}) | dict(made.manifest.get("packages", {}))


def short_version(version: str) -> str:
    """A version; of a commit as many digits as tell it apart."""
    digest, dash, mark = version.partition("-")
    return f"{digest[:COMMIT]}{dash}{mark}" if len(digest) > 2 * COMMIT else version or "none"


def plain(value: Any) -> str:
    """A setting as people write it."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name}: {plain(item)}" for name, item in value.items()) + "}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ", ".join(plain(item) for item in value) + "]"
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "unset"}[value]
    return f"{value:g}" if isinstance(value, float) else str(value)
