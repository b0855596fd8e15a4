"""How two runs differ: settings, data, versions, plan, models, scores, figures. Either may be unfinished."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from math import isfinite
from pathlib import Path
from typing import Any

from segmake.audit.lineage import plain, short_version
from segmake.audit.listing import Cells, Chapter
from segmake.audit.manifests import Made, read_made
from segmake.errors import InputError
from segmake.figures.catalogue import TABLE, read_catalogue
from segmake.tables import Row, read_table

PLANNED = ("reasons", "folds")
"""Parts of a plan that are told in another way."""
DIGITS = 4


class Run:
    """A results folder, read when it is asked."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self.made = list(read_made(self.folder))
        if not self.made:
            raise InputError(f"{folder} holds no manifest of segmake; give the workdir of a configuration")

    @cached_property
    def settings(self) -> dict[tuple[str, str], str]:
        """(stage or training, setting) -> value, or values where the jobs of a stage differ."""
        found: dict[tuple[str, str], dict[str, None]] = {}
        for made in self.made:
            for name, value in made.settings.items():
                found.setdefault((self._scope(made), name), {})[plain(value)] = None
        return {key: " | ".join(values) for key, values in found.items()}

    @cached_property
    def versions(self) -> dict[str, str]:
        """Package, Python, commit and processors -> version."""
        found: dict[str, dict[str, None]] = {}
        for made in self.made:
            stated = made.manifest
            machine = {name: stated.get(name, "") for name in ("python", "commit", "processor")}
            for name, value in (machine | stated.get("packages", {})).items():
                if value:
                    found.setdefault(name, {})[short_version(str(value))] = None
        return {name: ", ".join(values) for name, values in found.items()}

    @cached_property
    def cases(self) -> dict[str, Row]:
        """Rows of what was taken in: converted scans, or images of the 2D branch where there are no scans."""
        tables = sorted(self.folder.glob("convert/shard-*.tsv")) or sorted(
            self.folder.glob("slice/shard-*.tsv")
        )
        return {row["case"]: row for table in tables for row in read_table(table)}

    @cached_property
    def plan(self) -> dict[str, Any]:
        """The plan; empty where there is none."""
        with suppress(OSError, ValueError):
            found: dict[str, Any] = json.loads((self.folder / "plan/plan.json").read_text(encoding="utf-8"))
            return found
        return {}

    @cached_property
    def weights(self) -> dict[str, str]:
        """Training -> hash of its weights at the end."""
        found = {}
        for made in self.made:
            hashes = made.manifest.get("reproducibility", {}).get("weights", {})
            if hashes:
                found[str(made.path.parent.relative_to(self.folder))] = [*hashes.values()][-1]
        return found

    @cached_property
    def scores(self) -> dict[tuple[str, str, str, str], dict[str, float]]:
        """(model, split, label, metric) -> case -> value, of both branches."""
        found: dict[tuple[str, str, str, str], dict[str, float]] = {}
        for path in sorted(self.folder.glob("evaluate/*/metrics.tsv")):
            for row in read_table(path):
                key = (path.parent.name, row["split"], row["label"], row["metric"])
                if row["value"] and isfinite(float(row["value"])):
                    found.setdefault(key, {})[row["case"]] = float(row["value"])
        for path in sorted(self.folder.glob("score/*/summary.tsv")):
            for row in read_table(path):
                key = (path.parent.name, row["split"], row["class"] or row["level"], row["metric"])
                if row["value"] and isfinite(float(row["value"])):
                    found.setdefault(key, {})[row["level"]] = float(row["value"])
        return found

    @cached_property
    def noise(self) -> dict[tuple[str, str, str], float]:
        """(split, label, metric) -> what another seed changes, where there are replicates."""
        path = self.folder / "evaluate/comparison.tsv"
        rows = read_table(path) if path.exists() else []
        return {
            (row["split"], row["label"], row["metric"]): float(row["seed_noise"])
            for row in rows
            if row.get("seed_noise")
        }

    @cached_property
    def figures(self) -> dict[str, str]:
        """Figure -> hashes of its files."""
        path = self.folder / "figures" / TABLE
        entries = read_catalogue(path) if path.exists() else []
        return {entry.name: " ".join(entry.files.values()) for entry in entries}

    def _scope(self, made: Made) -> str:
        """A stage, or the model that it trained."""
        named = made.stage in ("train", "fit") and made.path.parent.is_relative_to(self.folder)
        return f"{made.stage} {made.path.parent.parent.name}" if named else made.stage


def compare(before: Run, after: Run) -> list[Chapter]:
    """Everything that two runs may differ in, in the order of the pipeline."""
    both = (before, after)
    return [
        Chapter("configuration", list(_settings(*both)), ""),
        Chapter("data", list(_data(*both)), _lacking(both, "cases", "cases")),
        Chapter("versions", list(_mapped(before.versions, after.versions)), ""),
        Chapter("plan", list(_plan(before.plan, after.plan)), _lacking(both, "plan", "plan")),
        Chapter("models", list(_weights(*both)), _lacking(both, "weights", "trained models")),
        Chapter("scores", list(_scores(*both)), _lacking(both, "scores", "scores")),
        Chapter("figures", list(_figures(*both)), _lacking(both, "figures", "figures")),
    ]


def _lacking(both: tuple[Run, Run], name: str, words: str) -> str:
    """Which of the runs has nothing of a kind."""
    empty = [run for run in both if not getattr(run, name)]
    if len(empty) == len(both):
        return f"neither has {words}"
    return f"no {words} in {empty[0].folder.name}" if empty else ""


def _mapped(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[Cells]:
    for name in dict.fromkeys([*before, *after]):
        if before.get(name) != after.get(name):
            yield name, before.get(name, "none"), after.get(name, "none")


def _settings(before: Run, after: Run) -> Iterator[Cells]:
    """Settings of stages that both have run; a stage of one alone is one line."""
    scopes = [dict.fromkeys(scope for scope, _ in run.settings) for run in (before, after)]
    for scope in dict.fromkeys([*scopes[0], *scopes[1]]):
        if scope not in scopes[0] or scope not in scopes[1]:
            yield scope, *("run" if scope in side else "not run" for side in scopes)
    for key in dict.fromkeys([*before.settings, *after.settings]):
        known = all(key[0] in side for side in scopes)
        values = [run.settings.get(key, "unknown then") for run in (before, after)]
        if known and values[0] != values[1]:
            yield f"{key[0]}: {key[1]}", *values


def _data(before: Run, after: Run) -> Iterator[Cells]:
    """Cases of one alone, and cases whose content, split or status differs."""
    if not before.cases or not after.cases:
        return
    for case in sorted(before.cases.keys() - after.cases.keys()):
        yield case, "there", "removed"
    for case in sorted(after.cases.keys() - before.cases.keys()):
        yield case, "not there", "added"
    for case in sorted(before.cases.keys() & after.cases.keys()):
        rows = (before.cases[case], after.cases[case])
        if _content(rows[0], rows[1]) != _content(rows[1], rows[0]):
            yield case, *(_short(row) for row in rows), "changed"
        for name in ("status", "split", "group", "class"):
            values = [row.get(name, "") for row in rows]
            if values[0] != values[1]:
                yield f"{case}: {name}", *(value or "none" for value in values)


def _content(row: Row, other: Row) -> tuple[str, ...]:
    """Hashes of a case's voxels, which both rows have, else of its file."""
    names = [name for name in ("voxels_sha256", "label_sha256") if row.get(name) and other.get(name)]
    return tuple(row.get(name, "") for name in names or ["sha256"])


def _short(row: Row) -> str:
    digests = (row.get("voxels_sha256") or row.get("sha256", ""), row.get("label_sha256", ""))
    return " ".join(digest[:8] for digest in digests if digest) or "none"


def _plan(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Cells]:
    if not before or not after:
        return
    yield from _mapped(*(dict(_leaves("", plan)) for plan in (before, after)))
    folds = [plan.get("folds", {}) for plan in (before, after)]
    moved = [case for case in folds[0].keys() & folds[1].keys() if folds[0][case] != folds[1][case]]
    if moved:
        yield "folds", "", "", f"{len(moved)} cases are in another fold: {', '.join(sorted(moved)[:3])}"


def _leaves(place: str, value: Any) -> Iterator[tuple[str, str]]:
    """Names and texts of what a plan is made of; the order of mappings (of channels, say) counts as well."""
    if not isinstance(value, Mapping):
        yield place, plain(value)
        return
    names = [name for name in value if place or name not in PLANNED]
    if place:
        yield f"{place}, order", " ".join(names)
    for name in names:
        yield from _leaves(f"{place}.{name}" if place else name, value[name])


def _weights(before: Run, after: Run) -> Iterator[Cells]:
    if before.weights and after.weights:
        short = [{name: digest[:8] for name, digest in run.weights.items()} for run in (before, after)]
        yield from _mapped(*short)


def _scores(before: Run, after: Run) -> Iterator[Cells]:
    """Means over the cases that both have scored, Dice first, with the floor of seed noise where known."""
    if not before.scores or not after.scores:
        return
    keys = dict.fromkeys([*before.scores, *after.scores])
    for key in sorted(keys, key=lambda key: key[3] != "dice"):
        sides = [run.scores.get(key, {}) for run in (before, after)]
        name = f"{key[3]} of {key[2]} ({key[0]}, {key[1]})"
        shared = sorted(sides[0].keys() & sides[1].keys())
        if not shared:
            yield name, *(f"{len(side)} scored" if side else "not scored" for side in sides)
            continue
        means = [sum(side[case] for case in shared) / len(shared) for side in sides]
        if all(sides[0][case] == sides[1][case] for case in shared):
            continue
        floor = max((run.noise.get(key[1:], 0.0) for run in (before, after)), default=0.0)
        change = means[1] - means[0]
        yield name, *(f"{mean:.{DIGITS}g}" for mean in means), _remark(change, floor, shared)


def _remark(change: float, floor: float, shared: Sequence[str]) -> str:
    """How large a change is, and against what."""
    told = f"{change:+.2g} on {len(shared)} shared"
    if not floor:
        return told
    return f"{told}, {'within' if abs(change) < floor else 'beyond'} the seed noise of {floor:.2g}"


def _figures(before: Run, after: Run) -> Iterable[Cells]:
    if not before.figures or not after.figures:
        return []
    sides = (before.figures, after.figures)
    names = [
        name for name in dict.fromkeys([*sides[0], *sides[1]]) if sides[0].get(name) != sides[1].get(name)
    ]
    words = [["drawn" if name in side else "not drawn" for side in sides] for name in names]
    return [
        (name, *(word if word[0] != word[1] else ("", "", "differs")))
        for name, word in zip(names, words, strict=True)
    ]
